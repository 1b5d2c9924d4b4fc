package webhook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/stanza"
)

// What an endpoint answers is in testdata/behaviour; here is what does not fit
// into a table.

const chat = `<message type='chat' id='m1' from='u@example.com/r' to='echo@bot.example.com' xml:lang='de-AT'><body>hi &lt;</body></message>`

func eventOf(t testing.TB, xml string) *Event {
	return &Event{ID: "evt_1", Component: "bot.example.com", Received: time.Date(2026, 11, 20, 18, 0, 0, 123e6, time.UTC), Stanza: parsed(xml)}
}

// Every format describes itself.
func TestFormatOf(t *testing.T) {
	ev := eventOf(t, chat)
	const accept = "application/xmpp+xml, application/json, application/x-www-form-urlencoded, text/plain"
	for f, want := range map[Format]struct {
		header  http.Header
		begins  string
		network stanza.Condition
	}{
		FormatEvent:         {http.Header{"Content-Type": {"application/json"}}, `{"id":"evt_1",`, stanza.RecipientUnavailable},
		FormatComponentHTTP: {http.Header{"Content-Type": {"application/json"}}, `{"to":"echo@bot.example.com","from":"u@example.com/r","kind":"message",`, stanza.RemoteServerTimeout},
		FormatRestJSON: {http.Header{"Content-Type": {"application/json"}, "Accept": {accept}, "Content-Language": {"de-AT"}},
			`{"kind":"message","type":"chat",`, stanza.RecipientUnavailable},
		FormatRestXML: {http.Header{"Content-Type": {"application/xmpp+xml"}, "Accept": {accept}, "Content-Language": {"de-AT"}}, chat, stanza.RecipientUnavailable},
	} {
		d := formatOf(f)
		h := http.Header{}
		d.header(h.Set, ev)
		if fmt.Sprint(h) != fmt.Sprint(want.header) {
			t.Errorf("%s: headers %v", f, h)
		}
		body, err := d.encode(nil, &Endpoint{Name: "echo"}, ev)
		if err != nil || !strings.HasPrefix(string(body), want.begins) {
			t.Errorf("%s: %s %v", f, body, err)
		}
		if d.network.Condition != want.network {
			t.Errorf("%s: %v", f, d.network)
		}
		if v := d.judge(&Endpoint{}, ev, &Answer{Status: 204}); v.Outcome != Done || v.Replies != nil {
			t.Errorf("%s: %+v", f, v)
		}
	}
}

// A request has the event as its body, and the headers of the standard and of the
// endpoint. The body of the message is its own, whatever is inside.
func TestPost(t *testing.T) {
	const xml = `<message type='chat' from='u@example.com/r' id="7" to='echo@bot.example.com'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>inner</body></message></forwarded><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>x</p></body></html><body>outer &amp; right</body><unknown xmlns='urn:x' a='"'/></message>`
	var header http.Header
	var body map[string]any
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	e := &Endpoint{Name: "echo", URL: srv.URL + "/hook", UserAgent: "stanzahook/test", Headers: http.Header{"Authorization": {"Bearer x"}}}
	if v := client(t, e).Post(t.Context(), eventOf(t, xml)); v.Outcome != Done {
		t.Fatalf("%+v", v)
	}
	want := map[string]any{
		"id": "evt_1", "type": "message.chat", "timestamp": "2026-11-20T18:00:00.123Z", "endpoint": "echo", "component": "bot.example.com",
		"data": map[string]any{"kind": "message", "type": "chat", "from": "u@example.com/r", "to": "echo@bot.example.com", "id": "7", "body": "outer & right", "stanza": xml,
			"forwarded": map[string]any{"message": map[string]any{"kind": "message", "body": "inner"}}, "html": "<body><p>x</p></body>", "xml": "<unknown xmlns='urn:x' a='\"'/>",
			"event": "message", "ref": "r1_GBRlY2hvQGJvdC5leGFtcGxlLmNvbQ11QGV4YW1wbGUuY29tATcAAAFy6LA", "text": "outer & right", "attachments": []any{}},
	}
	if fmt.Sprint(body) != fmt.Sprint(want) {
		t.Errorf("body %v\nwant %v", body, want)
	}
	for name, want := range map[string]string{"Webhook-Id": "evt_1", "Content-Type": "application/json", "User-Agent": "stanzahook/test", "Authorization": "Bearer x"} {
		if v := header.Get(name); v != want {
			t.Errorf("header %s is %q, want %q", name, v, want)
		}
	}
	if header.Get("Webhook-Timestamp") == "" {
		t.Error("no webhook-timestamp")
	}
}

// The stanza in an event is exact and parses on its own, whatever is in it.
func TestEventCarriesTheExactStanza(t *testing.T) {
	for _, xml := range []string{
		chat,
		`<message id="7"  to='a@bot.example.com' ><body>"\ </body><x xmlns='urn:x' a='"&#10;'><![CDATA[<&>]]></x></message>`,
		"<presence from='ü@example.com'\n to='bot.example.com'/>",
	} {
		body, err := EncodeEvent(&Endpoint{Name: `a "name" <&>`}, eventOf(t, xml))
		require.NoError(t, err)
		var got struct {
			Endpoint string
			Data     struct{ Kind, Stanza string }
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if got.Data.Stanza != xml || got.Data.Kind == "" || got.Endpoint != `a "name" <&>` {
			t.Errorf("%s", body)
		}
		if strings.Contains(string(body), `\u003c`) {
			t.Errorf("XML is hard to read: %s", body)
		}
	}
}

func TestTestEvent(t *testing.T) {
	now := time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)
	e := &Endpoint{Name: "echo"}
	ev, err := TestEvent("bot.example.com", "evt_7", now, Like{})
	require.NoError(t, err)
	body, err := EncodeEvent(e, ev)
	if err != nil || !strings.HasPrefix(string(body), `{"id":"evt_7","type":"test","timestamp":"2026-11-20T18:00:00.000Z","endpoint":"echo","component":"bot.example.com","data":{"kind":"message","type":"chat",`) {
		t.Errorf("%s %v", body, err)
	}
	if s := ev.Stanza; s.From.String() != "bot.example.com" || s.To != s.From || !ev.Test {
		t.Errorf("%s", s.XML())
	}
	if text, _ := ev.Stanza.Body(); text != "test" {
		t.Error(text)
	}
	if _, err := TestEvent("not a domain", "evt_7", now, Like{}); err == nil {
		t.Error("a component that is none")
	}
	like := Like{From: jid.MustParse("u@example.com/x"), To: jid.MustParse("echo@bot.example.com"), Type: "groupchat", Body: "a < b"}
	ev, err = TestEvent("bot.example.com", "evt_8", now, like)
	require.NoError(t, err)
	if text, _ := ev.Stanza.Body(); text != like.Body || ev.Stanza.From != like.From || ev.Stanza.To != like.To || ev.Stanza.Type != "groupchat" || !ev.Test {
		t.Errorf("%s", ev.Stanza.XML())
	}
	if _, err := TestEvent("bot.example.com", "evt_9", now, Like{Body: "\x00"}); err == nil {
		t.Error("a body that no stanza carries")
	}
}

// What an answer may hold has bounds.
func TestRepliesAreBounded(t *testing.T) {
	many := "[" + strings.Repeat(`{"body":"x"},`, maxReplies) + `{"body":"x"}]`
	long := strings.Repeat("x", 10_000)
	e := &Endpoint{Limits: stanza.Limits{MaxBytes: 5000}}
	for _, tc := range []struct {
		f               Format
		mediaType, body string
	}{
		{FormatEvent, "application/json", many},
		{FormatEvent, "text/plain", long},
		{FormatRestJSON, "text/plain", long},
		{FormatRestXML, "application/xmpp+xml", "<message><body>" + long + "</body></message>"},
		{FormatComponentHTTP, "application/json", `{"body":"` + long + `"}`},
	} {
		v := formatOf(tc.f).judge(e, eventOf(t, chat), &Answer{Status: 200, MediaType: tc.mediaType, Body: []byte(tc.body)})
		if v.Outcome != Refused || v.Err == nil || v.Err.Condition != stanza.InternalServerError {
			t.Errorf("%s, %s: %+v", tc.f, tc.mediaType, v)
		}
	}
	given := `<message type='error'><error type='wait'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>` + strings.Repeat("ü", 10_000) + `</text></error></message>`
	v := judgeRest(&Endpoint{}, eventOf(t, chat), &Answer{Status: 400, MediaType: "application/xmpp+xml", Body: []byte(given)})
	if v.Err.Condition != stanza.Conflict || len(v.Err.Text) > maxErrorText || len(v.Err.Text) < maxErrorText-2 || stanza.CheckText(v.Err.Text) >= 0 {
		t.Errorf("%+v", v.Err)
	}
}

func TestURLPlaceholders(t *testing.T) {
	s := parsed(`<message from='ü &amp;/@example.com/a b?c' to='echo@bot.example.com'><body>{to}</body></message>`)
	const want = "http://h/message/normal?to=echo%40bot.example.com&from=%C3%BC%20%26%2F%40example.com%2Fa%20b%3Fc"
	address, err := outbound.ParseAddress("http://h/{kind}/{type}?to={to}&from={from}", Placeholders()...)
	require.NoError(t, err)
	ev := &Event{Stanza: s}
	if got, err := address.URL(ev.value); err != nil || got.String() != want {
		t.Errorf("%s, want %s", got, want)
	}
	for xml, want := range map[string]string{`<message type='..'/>`: "http://h/message/normal", `<presence type='.'/>`: "http://h/presence/unknown", `<iq type='../x'/>`: "http://h/iq/unknown"} {
		typed, err := outbound.ParseAddress("http://h/{kind}/{type}", Placeholders()...)
		require.NoError(t, err)
		ev := &Event{Stanza: parsed(xml)}
		if got, err := typed.URL(ev.value); err != nil || got.String() != want {
			t.Errorf("%s: %s, want %s", xml, got, want)
		}
	}
}

// Of a URL that is another one for each address, 410 is said of one of these.
func TestGoneForOneAddress(t *testing.T) {
	gone := &Answer{Status: 410}
	for url, want := range map[string]bool{"http://127.0.0.1/hook": true, "http://127.0.0.1/hook?user={from}": false, "http://127.0.0.1/{to}": false} {
		v := judgeEvent(&Endpoint{Queued: true, URL: url}, eventOf(t, chat), gone)
		if v.Disable != want || v.Outcome != Again {
			t.Errorf("%s: disabled %v, %v", url, v.Disable, v.Outcome)
		}
	}
}
