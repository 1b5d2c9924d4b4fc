package restjson

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// realistic are stanzas as clients and servers send them, and what may be lost
// on the way: everything has to come back.
var realistic = []string{
	`<message type='chat' from='romeo@example.net/orchard' to='bot@b.example' id='ktx72v49' xml:lang='en'><body>Art thou not Romeo?</body><thread>e0ffe42b</thread><active xmlns='http://jabber.org/protocol/chatstates'/><origin-id xmlns='urn:xmpp:sid:0' id='ktx72v49'/><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/></message>`,
	`<message type='groupchat' from='room@c.example/n' to='bot@b.example'><body>a</body><delay xmlns='urn:xmpp:delay' from='room@c.example' stamp='2026-11-20T18:00:00Z'/><x xmlns='jabber:x:delay' stamp='20261120T18:00:00'/><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='room@c.example'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='o'/><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x></message>`,
	`<message><body>a</body><body xml:lang='de'>b</body><body xml:lang='en'>a</body><subject xml:lang='de'>s</subject><subject>t</subject></message>`,
	`<message><body xml:lang='de'>x</body><body>x</body></message>`,
	`<message><body>x</body><body>x</body></message>`,
	`<message><body>x<b>y</b></body><body a='b'/></message>`,
	`<message><body> </body><thread> t </thread><thread parent=''/></message>`,
	`<message><body>]]&gt; &#x10FFFF; &#13;&#10;&#9;<![CDATA[<&>]]></body></message>`,
	`<message xmlns:a='urn:a' a:b='c'><a:x a:y='z'><a:w/></a:x><body xmlns:a='urn:b' a:y='z'>q</body></message>`,
	`<message xmlns='jabber:client'><body xmlns='jabber:client'>x</body><foo xmlns=''><bar xmlns='jabber:client'/></foo></message>`,
	`<message xmlns:c='jabber:client'><c:body>x</c:body></message>`,
	`<message><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='a@b/c'><body>x</body></message></forwarded></sent></message>`,
	`<message><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='1' from='a'/><message xmlns='jabber:client' foo='bar' from='A@B.example'><body xml:lang='de'>x</body><error type='cancel'/></message></forwarded></message>`,
	`<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:component:accept'><body>x</body></message></forwarded></message>`,
	`<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='@' to=''>text</message></forwarded></message>`,
	`<message xmlns:p='urn:p'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><p:x/></message></forwarded></message>`,
	`<message><forwarded xmlns='urn:xmpp:forward:0'><presence xmlns='jabber:client'/></forwarded><forwarded xmlns='urn:xmpp:forward:0'/></message>`,
	`<message><stanza-id xmlns='urn:xmpp:sid:0' id='1'/><stanza-id xmlns='urn:xmpp:sid:0' id='1' x='y'/><stanza-id xmlns='urn:xmpp:sid:0' id='1'/><stanza-id xmlns='urn:xmpp:sid:0'>t</stanza-id></message>`,
	`<message><x xmlns='jabber:x:oob'><desc>d</desc><url>u</url></x><x xmlns='jabber:x:oob'><url>u</url></x><x xmlns='jabber:x:oob'/></message>`,
	`<message><active xmlns='http://jabber.org/protocol/chatstates'/><gone xmlns='http://jabber.org/protocol/chatstates'/><other xmlns='http://jabber.org/protocol/chatstates'/></message>`,
	`<message><x xmlns='jabber:x:conference' jid='r@c' continue='true' password=''/></message>`,
	`<message><reference xmlns='urn:xmpp:reference:0' begin='007' end='-0' uri='u'/></message>`,
	`<message><payload xmlns='urn:xmpp:json-msg:0'><json xmlns='urn:xmpp:json:0'> {"a":1,"a":2} </json></payload></message>`,
	`<message><payload xmlns='urn:xmpp:json-msg:0'><json xmlns='urn:xmpp:json:0'>{</json></payload><payload xmlns='urn:xmpp:json-msg:0'/></message>`,
	`<message><html xmlns='http://jabber.org/protocol/xhtml-im'><h:body xmlns:h='http://www.w3.org/1999/xhtml'>x</h:body></html></message>`,
	`<message xmlns:h='urn:h'><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns="http://www.w3.org/1999/xhtml"  xml:lang='en'><h:p>x</h:p></body><body xmlns='http://www.w3.org/1999/xhtml'/></html></message>`,
	`<message type='error'><error type='odd' code='404'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='de'>x</text></error><error/></message>`,
	`<message type='error'><error type='cancel' by=''><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
	`<message type='error'><body>no error</body></message>`,
	`<message><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
	`<presence from='a@b/c'><show>busy</show><priority>128</priority><c xmlns='http://jabber.org/protocol/caps' node='n' ver='v' hash='h'/><x xmlns='vcard-temp:x:update'><photo/></x></presence>`,
	`<presence><show>away</show><show>xa</show><status xml:lang='de'>weg</status><status>away</status><x xmlns='http://jabber.org/protocol/muc'><password>p</password></x></presence>`,
	`<presence type='available'/>`,
	`<iq type='result' id='1'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='a' type='b' xml:lang='en' name='n'/><feature/><x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:f</value></field><field var='a' type='text-single'><value>1</value></field></x><x xmlns='jabber:x:data'/></query></iq>`,
	`<iq type='result' id='1'><query xmlns='http://jabber.org/protocol/disco#items' node='n'><item jid='a'/></query></iq>`,
	`<iq type='result' id='1'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='form'><reported/><item/></x><remove>x</remove></query></iq>`,
	`<iq type='set' id='1'><x xmlns='jabber:x:data' type='submit'><field type='text-multi' var='t'><value>a
b</value></field><field type='text-multi' var='t'/><field type='list-multi'><value/></field><field><value>1</value><value>2</value></field><field type='boolean'><value>true</value></field></x></iq>`,
	`<iq type='result' id='1'><command xmlns='http://jabber.org/protocol/commands' node='n' status='odd'><note>a</note><note type='warn'>b</note><actions/></command></iq>`,
	`<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'>x</ping></iq>`,
	`<iq type='result' id='1'><query xmlns='http://jabber.org/protocol/stats'><stat name='a' value='1e3'/><stat name='b' value='0x1'/><other/></query></iq>`,
	`<iq type='result' id='1'><query xmlns='jabber:iq:roster'><item jid='a@b'/></query></iq>`,
	`<iq type='set' id='1'><block xmlns='urn:xmpp:blocking'><item jid='a@b'><report xmlns='urn:xmpp:reporting:1' reason='r'><text>t</text></report></item></block></iq>`,
}

func nested(n int) string {
	return `<message>` + strings.Repeat(`<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>`, n) +
		`<body xml:lang='de'>x</body>` + strings.Repeat(`</message></forwarded>`, n) + `</message>`
}

// roundTrip checks that stanza -> JSON -> stanza keeps every element.
func roundTrip(t testing.TB, s *stanza.Stanza) {
	t.Helper()
	data := string(Append(nil, s))
	again, err := build(data)
	if err != nil {
		t.Fatalf("%s\n-> %s\n-> %v", s.XML(), data, err)
	}
	got, want := canonical(t, again), canonical(t, s)
	if !slices.Equal(got, want) {
		t.Fatalf("%s\n-> %s\n-> %s\ngot  %s\nwant %s", s.XML(), data, again.XML(), got, want)
	}
	h := s.Header
	if h.Kind == stanza.Presence && h.Type == "available" {
		h.Type = ""
	}
	if h.Kind == stanza.IQ && h.Type == "" {
		h.Type = again.Type
	}
	if h.Type == "" && again.Type == "error" {
		h.Type = "error"
	}
	if again.Header != h {
		t.Fatalf("%s\n-> %s\n-> %+v", s.XML(), data, again.Header)
	}
}

func TestRoundTrip(t *testing.T) {
	all := append(slices.Clone(realistic), nested(3), nested(8), nested(9), nested(30))
	for _, e := range examples(t) {
		all = append(all, e.xml)
	}
	for _, xml := range all {
		t.Run("", func(t *testing.T) { roundTrip(t, parse(xml)) })
	}
}

// A stanza of the largest size and depth must not take long, nor grow much.
func TestForwardedIsLinear(t *testing.T) {
	s := parse(strings.Replace(nested(30), "x</body>", strings.Repeat("x", 200000)+"</body>", 1))
	data := Append(nil, s)
	if len(data) > 12*len(s.XML()) {
		t.Errorf("%d bytes of XML are %d bytes of JSON", len(s.XML()), len(data))
	}
	if _, err := build(string(data)); err != nil {
		t.Error(err)
	}
}

// Many elements of one key must not take long either: eight times as many take much
// less than 64 times the CPU.
func TestManyElementsAreLinear(t *testing.T) {
	for _, elements := range []string{
		`<stanza-id xmlns='urn:xmpp:sid:0' id='N'/><stanza-id xmlns='urn:xmpp:sid:0' id='N' a='b'/>`,
		`<payload xmlns='urn:xmpp:json-msg:0'><json xmlns='urn:xmpp:json:0'>N</json></payload>`,
		`<body/>`, `<a/>`,
	} {
		cost := func(bytes int) float64 {
			least := math.Inf(1)
			for range 3 {
				before := usedCPU(t)
				roundTrip(t, manyElements(elements, bytes))
				least = min(least, usedCPU(t)-before)
			}
			return least
		}
		if small, large := cost(16_000), cost(128_000); large > 32*small {
			t.Errorf("%s: %.3f s of CPU, and eight times as many %.3f s", elements, small, large)
		}
	}
}

// manyElements is a message with so many bytes of elements, beside two long ones.
func manyElements(elements string, bytes int) *stanza.Stanza {
	long := strings.Repeat("x", bytes/5)
	var b strings.Builder
	b.WriteString(`<message><body>` + long + `</body><payload xmlns='urn:xmpp:json-msg:0'><json xmlns='urn:xmpp:json:0'>["` + long + `"]</json></payload>`)
	for i := 0; b.Len() < bytes; i++ {
		b.WriteString(strings.ReplaceAll(elements, "N", strconv.Itoa(i)))
	}
	return parse(b.String() + `</message>`)
}

// usedCPU is this process's, in seconds.
func usedCPU(t *testing.T) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// Whatever stanza comes, it comes back.
func FuzzRoundTrip(f *testing.F) {
	for _, xml := range append(slices.Clone(realistic), nested(2), nested(9)) {
		f.Add(xml)
	}
	for _, e := range examples(f) {
		f.Add(e.xml)
	}
	f.Fuzz(func(t *testing.T, xml string) {
		s, err := stanza.Parse(xml, stanza.Limits{})
		if err != nil {
			return
		}
		for _, j := range []jid.JID{s.From, s.To} { // as a server stamped it; not for senders
			if again, err := jid.Parse(j.String()); !j.IsZero() && (err != nil || again != j) {
				return
			}
		}
		roundTrip(t, s)
	})
}

// Whatever JSON comes, the outcome is a refusal or a well-formed stanza.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"body":"x","to":"a@b"}`, `{"error":{"type":"wait","condition":"gone","text":"</message>"}}`,
		`{"id":"'>","lang":"\"","type":"&"}`, `{"body":"\ud800"}`, `{"xml":"</message><message>"}`, `{"html":"<body/></html><x/>"}`,
		`{"xml":"<a/>","stanza":"<iq/>"}`, `{"payload":{"data":"\ufffe"}}`, `{"kind":"iq","formdata":{"\u0001":""}}`} {
		f.Add([]byte(s))
	}
	for _, e := range examples(f) {
		f.Add([]byte(e.json))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fields, err := Decode(data)
		if err != nil {
			var fe *FieldError
			if !errors.Is(err, ErrNotObject) && (!errors.As(err, &fe) || fe.Field == "" || fe.Reason == "") {
				t.Fatalf("an error that names nothing: %v", err)
			}
			return
		}
		_ = fields.UnknownKey()
		fields.Guess()
		s, err := stanza.Build(fields.Header, fields.Inner, stanza.Limits{MaxBytes: 1 << 24})
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		roundTrip(t, s)
	})
}
