package stanza

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/jid"
)

func TestParseHeader(t *testing.T) {
	s := Must(Parse(`<message type="chat" id='a&amp;b' from='Juliet@Example.com/b' to='bot@c.example' xml:lang='de' other='x'><body>hi</body></message>`, Limits{}))
	want := Header{Kind: Message, Type: "chat", ID: "a&b", Lang: "de", From: jid.MustParse("juliet@example.com/b"), To: jid.MustParse("bot@c.example")}
	if s.Header != want {
		t.Errorf("header %+v, want %+v", s.Header, want)
	}
}

// The body is the stanza's own, wherever else the word stands.
func TestBodyIsADirectChild(t *testing.T) {
	for _, tc := range []struct{ name, raw, want string }{
		{"forwarded message first", `<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>inner</body></message></forwarded><body>outer</body></message>`, "outer"},
		{"XHTML-IM first", `<message><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>no</p></body></html><body>plain</body></message>`, "plain"},
		{"body of another namespace", `<message><body xmlns='urn:x'>no</body><body>yes</body></message>`, "yes"},
		{"explicit jabber:client", `<message xmlns='jabber:client'><body xmlns='jabber:client'>yes</body></message>`, "yes"},
		{"the first of two languages", `<message><body xml:lang='en'>one</body><body xml:lang='de'>zwei</body></message>`, "one"},
		{"entities and CDATA", `<message><body>a &lt;b&gt; &#x263A;<![CDATA[<&>]]></body></message>`, "a <b> ☺<&>"},
		{"elements inside are not text", `<message><body>a<b c='>'>x</b>c<d/>e</body></message>`, "ace"},
		{"line ends", "<message><body>a\r\nb\rc</body></message>", "a\nb\nc"},
		{"empty", `<message><body/></message>`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, ok := Must(Parse(tc.raw, Limits{})).Body(); !ok || got != tc.want {
				t.Errorf("body %q (%v), want %q", got, ok, tc.want)
			}
		})
	}
	if _, ok := Must(Parse(`<message><forwarded xmlns='urn:xmpp:forward:0'><body xmlns='jabber:client'>no</body></forwarded></message>`, Limits{})).Body(); ok {
		t.Error("a body inside a forwarded message was taken for the message's own")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct{ raw, reason string }{
		{``, "an element is expected"},
		{`hello`, "an element is expected"},
		{`<message>`, "not closed"},
		{`<message></iq>`, "does not match"},
		{`<message/><message/>`, "after the end"},
		{`<message/> `, "after the end"},
		{`<message id='1' id='2'/>`, "twice"},
		{`<message id=1/>`, "not in quotes"},
		{`<message id='1'type='chat'/>`, "white space is missing"},
		{`<message id='<'/>`, "unescaped '<'"},
		{`<message id='&nbsp;'/>`, "no known entity"},
		{`<message>&foo;</message>`, "no known entity"},
		{`<message>&#0;</message>`, "no known entity"},
		{`<message>&#xFFFE;</message>`, "no known entity"},
		{`<message>]]></message>`, "]]>"},
		{`<message><!-- x --></message>`, "comments"},
		{`<message><?x y?></message>`, "processing instructions"},
		{`<!DOCTYPE x [<!ENTITY a "b">]><message/>`, "document type"},
		{`<?xml version='1.0'?><message/>`, "processing instructions"},
		{`<message><a:b/></message>`, `prefix "a" is not declared`},
		{`<message a:b='1'/>`, `prefix "a" is not declared`},
		{`<message><x xmlns:a='u' xmlns:b='u' a:c='1' b:c='2'/></message>`, "under two prefixes"},
		{`<message xmlns:xmlns='u'/>`, "must not be declared"},
		{`<message xmlns:xml='u'/>`, "belong together"},
		{`<message xmlns:a=''/>`, "empty namespace"},
		{`<message><xmlns:a/></message>`, "must not have the prefix"},
		{`<message><a:b:c/></message>`, "two colons"},
		{`<message><:a/></message>`, "beside its colon"},
		{`<message><1/></message>`, "a name is expected"},
		{`<c:message xmlns:c='jabber:client'/>`, "write the stanza without the prefix"},
		{"<message>\x01</message>", "control character 0x01"},
		{"<message id='\x1f'/>", "control character 0x1f"},
		{"<message>\xc3\x28</message>", "not UTF-8"},
		{"<message>\xed\xa0\x80</message>", "not UTF-8"},
		{"<message>\uffff</message>", "a character XML forbids"},
		{"<message><![CDATA[\x02]]></message>", "a character XML forbids"},
		{"<message><![CDATA[x</message>", "does not end"},
	} {
		_, err := Parse(tc.raw, Limits{})
		var pe *ParseError
		if !errors.As(err, &pe) || !strings.Contains(err.Error(), tc.reason) {
			t.Errorf("%q: %v, want %q", tc.raw, err, tc.reason)
		}
	}
}

func TestParseLimits(t *testing.T) {
	lim := Limits{MaxBytes: 200, MaxDepth: 3, MaxAttrs: 2}
	for raw, reason := range map[string]string{
		`<message><a><b/></a></message>`:                           "",
		`<message><a><b><c/></b></a></message>`:                    "nest deeper than 3",
		`<message><a b='' c=''/></message>`:                        "",
		`<message><a b='' c='' d=''/></message>`:                   "more than 2 attributes",
		`<message>` + strings.Repeat("x", 181) + `</message>`:      "",
		`<message>` + strings.Repeat("x", 182) + `</message>`:      "200 are allowed",
		`<message id='` + strings.Repeat("x", 200) + `'/>`:         "200 are allowed",
		`<message><a x:y='' xmlns:x='u'/><b xmlns='v'/></message>`: "",
	} {
		_, err := Parse(raw, lim)
		if reason == "" && err != nil || reason != "" && (err == nil || !strings.Contains(err.Error(), reason)) {
			t.Errorf("%.60q: %v, want %q", raw, err, reason)
		}
	}
}

// declaring is an element with n declarations around some content.
func declaring(name string, n int, content string) string {
	var b strings.Builder
	b.WriteString("<" + name)
	for i := range n {
		fmt.Fprintf(&b, " xmlns:%s%d='urn:%d'", name, i, i)
	}
	return b.String() + ">" + content + "</" + name + ">"
}

// What is looked up for each name is bounded; declarations that are over count no more.
func TestParseBindings(t *testing.T) {
	nested := func(innermost int) string {
		return "<message>" + declaring("a", 64, declaring("b", 64, declaring("c", 64, declaring("d", innermost, "<a0:x/>")))) + "</message>"
	}
	for _, tc := range []struct {
		name, raw, reason string
	}{
		{"256 in force", nested(64), ""},
		{"257 in force", strings.Replace(nested(64), "<a0:x/>", "<a0:x xmlns='urn:x'/>", 1), "more than 256 namespace declarations"},
		{"10,000 one after the other", "<message>" + strings.Repeat(declaring("a", 40, "<a0:x/>"), 250) + "</message>", ""},
		{"257 on the stream and the stanza", "<message>" + declaring("a", 64, "") + "</message>", "more than 256 namespace declarations"},
	} {
		var scope []Namespace
		if strings.Contains(tc.name, "stream") {
			for i := range 193 {
				scope = append(scope, Namespace{fmt.Sprint("s", i), "urn:s"})
			}
		}
		_, err := NewParser(Limits{MaxBytes: 1 << 20}, scope).Parse(tc.raw)
		if tc.reason == "" && err != nil || tc.reason != "" && (err == nil || !strings.Contains(err.Error(), tc.reason)) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.reason)
		}
	}
}

func TestParseNotStanza(t *testing.T) {
	for _, raw := range []string{`<foo/>`, `<message xmlns='urn:x'/>`, `<x:message xmlns:x='urn:x'/>`, `<Message/>`} {
		var ns *NotStanza
		if _, err := Parse(raw, Limits{}); !errors.As(err, &ns) {
			t.Errorf("%s: %v, want NotStanza", raw, err)
		}
	}
}

// A prefix that only the stream declares is declared on the stanza.
func TestStreamPrefixes(t *testing.T) {
	scope := []Namespace{{"db", "jabber:server:dialback"}, {"stream", NSStream}}
	raw := `<message id='1'><db:x a='1'/><stream:y/><db:z/></message>`
	s, err := NewParser(Limits{}, scope).Parse(raw)
	require.NoError(t, err)
	want := `<message xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams' id='1'><db:x a='1'/><stream:y/><db:z/></message>`
	if s.XML() != want {
		t.Errorf("XML %s, want %s", s.XML(), want)
	}
	if _, err := Parse(s.XML(), Limits{}); err != nil {
		t.Errorf("it does not parse on its own: %v", err)
	}
}

func TestWith(t *testing.T) {
	h := Header{Kind: Message, Type: "chat", From: jid.MustParse("bot@c.example"), To: jid.MustParse("u@h")}
	for _, tc := range []struct{ raw, want string }{
		{`<message xmlns='jabber:client' from='x@y' id='7' foo='bar'><body xmlns="jabber:client" a='1'>hi</body><x xmlns='urn:x'><m xmlns='jabber:client'/></x></message>`,
			`<message type='chat' from='bot@c.example' to='u@h'><body a='1'>hi</body><x xmlns='urn:x'><m xmlns='jabber:client'/></x></message>`},
		{`<message xmlns:a='urn:a' a:b='1'><a:x/></message>`,
			`<message type='chat' from='bot@c.example' to='u@h' xmlns:a='urn:a'><a:x/></message>`},
		{`<message/>`, `<message type='chat' from='bot@c.example' to='u@h'/>`},
	} {
		s, err := Must(Parse(tc.raw, Limits{})).With(h, Limits{})
		require.NoError(t, err)
		if s.XML() != tc.want {
			t.Errorf("got  %s\nwant %s", s.XML(), tc.want)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	good := Header{Kind: Message}
	for _, tc := range []struct {
		h     Header
		inner string
	}{
		{Header{}, ""},
		{Header{Kind: Message, ID: "\x00"}, ""},
		{Header{Kind: Message, Type: "\xff"}, ""},
		{good, "</message><message>"},
		{good, "<body>"},
		{good, "<body>\x00</body>"},
		{good, strings.Repeat("x", defaultMaxBytes)},
	} {
		if s, err := Build(tc.h, tc.inner, Limits{}); err == nil {
			t.Errorf("%+v %.40q was built: %.80s", tc.h, tc.inner, s.XML())
		}
	}
}

func TestErrorReply(t *testing.T) {
	s := Must(Parse(`<iq type='get' id='q1' from='u@h/r' to='bot@c.example'><ping xmlns='urn:xmpp:ping'/></iq>`, Limits{}))
	e := &Error{Type: Cancel, Condition: ServiceUnavailable, Text: "no <bot> \x00 here"}
	r, err := s.ErrorReply(e, Limits{})
	require.NoError(t, err)
	if r.Type != "error" || r.ID != "q1" || r.From != s.To || r.To != s.From || r.Kind != IQ {
		t.Errorf("header %+v", r.Header)
	}
	got, ok := r.StanzaError()
	if !ok || got.Type != Cancel || got.Condition != ServiceUnavailable || got.Text != "no <bot> \uFFFD here" {
		t.Errorf("error %+v", got)
	}
	if !errors.Is(got, &Error{Condition: ServiceUnavailable}) || errors.Is(got, &Error{Condition: Gone}) {
		t.Error("errors.Is does not compare conditions")
	}
}

func TestMayBounce(t *testing.T) {
	for raw, want := range map[string]bool{
		`<message from='u@h'/>`:                    true,
		`<message from='u@h' type='chat'/>`:        true,
		`<message from='u@h' type='error'/>`:       false,
		`<message from='u@h' type='groupchat'/>`:   false,
		`<message from='u@h' type='headline'/>`:    false,
		`<message/>`:                               false,
		`<iq from='u@h' type='get'/>`:              true,
		`<iq from='u@h' type='result'/>`:           false,
		`<iq from='u@h' type='error'/>`:            false,
		`<presence from='u@h'/>`:                   false,
		`<presence from='u@h' type='subscribe'/>`:  true,
		`<presence from='u@h' type='subscribed'/>`: false,
	} {
		if got := Must(Parse(raw, Limits{})).MayBounce(); got != want {
			t.Errorf("%s: %v", raw, got)
		}
	}
}

func TestClaimsPrivilege(t *testing.T) {
	for raw, want := range map[string]bool{
		`<message><privilege xmlns='urn:xmpp:privilege:1'/></message>`:                                       true,
		`<message><body>x</body><p:privilege xmlns:p='urn:xmpp:privilege:2'/></message>`:                     true,
		`<iq type='set'><privileged_iq xmlns='urn:xmpp:privilege:2'/></iq>`:                                  true,
		`<iq type='result'><delegation xmlns='urn:xmpp:delegation:2'/></iq>`:                                 true,
		`<iq type='set'><query xmlns='jabber:iq:roster'><item jid='a@b'/></query></iq>`:                      true,
		`<iq type='get'><q:query xmlns:q='jabber:iq:rost&#101;r'/></iq>`:                                     true,
		`<message><body>urn:xmpp:privilege:2</body></message>`:                                               false,
		`<message><x xmlns='urn:x'><privilege xmlns='urn:xmpp:privilege:2'/></x></message>`:                  false,
		`<message><x xmlns='jabber:iq:roster'/></message>`:                                                   false,
		`<iq type='get'><query xmlns='http://jabber.org/protocol/disco#info' node='jabber:iq:roster'/></iq>`: false,
	} {
		if got := Must(Parse(raw, Limits{})).ClaimsPrivilege(); got != want {
			t.Errorf("%s: %v", raw, got)
		}
	}
}

func TestFromHTTP(t *testing.T) {
	for status, want := range map[int]string{
		400: "modify bad-request 400 Bad Request", 404: "cancel item-not-found 404 Not Found", 429: "wait resource-constraint 429 Too Many Requests",
		500: "wait internal-server-error 500 Internal Server Error", 503: "cancel service-unavailable 503 Service Unavailable",
		504: "wait remote-server-timeout 504 Gateway Timeout", 418: "cancel undefined-condition 418 I'm a teapot", 599: "cancel undefined-condition 599",
	} {
		e := FromHTTP(status)
		if got := string(e.Type) + " " + string(e.Condition) + " " + e.Text; got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
	}
}

func TestFrameAndParseAllocations(t *testing.T) {
	r := NewReader(newEndless(), Limits{})
	p := NewParser(Limits{}, []Namespace{{"stream", NSStream}})
	n := testing.AllocsPerRun(1000, func() {
		f, err := r.Next()
		require.NoError(t, err)
		if _, err := p.Parse(string(f)); err != nil {
			t.Fatal(err)
		}
	})
	if n > 2 {
		t.Errorf("%v allocations per stanza, at most 2 are allowed", n)
	}
}

// Tables that outlive a stanza have its addresses and its id as keys.
func TestKeysLeaveLargeStanzas(t *testing.T) {
	const n, size = 500, 100_000
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	type keys struct {
		from, to jid.JID
		id       string
	}
	kept, before := make([]keys, n), heap()
	for i := range kept {
		s, err := Parse("<message from='alice@example.com/a' to='bot.example.com' id='1'><body>"+strings.Repeat("x", size)+"</body></message>", Limits{MaxBytes: 2 * size})
		require.NoError(t, err)
		kept[i] = keys{s.From.Bare(), s.To, s.ID}
	}
	if more := heap() - before; more > n*size/4 {
		t.Errorf("%d keys keep %d bytes in memory", n, more)
	}
	runtime.KeepAlive(kept)
}
