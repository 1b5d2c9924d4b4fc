package webhook

import (
	"strings"
	"testing"

	"stanzahook/pkg/stanza"
)

// Whatever an endpoint answers: what is sent for it is well formed, comes from
// our domain, goes to somebody, and claims no privilege.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{`hello`, `{"body":"x"}`, `[{"body":"x"},{"body":"y"}]`, `{"stanza":"<message to='a@b'/>"}`, `<message><body>x</body></message>`,
		`<message xmlns='jabber:client' xmlns:a='urn:a'><a:b/><body xmlns='jabber:client'/></message>`, `{"kind":"iq","type":"error","error":{"condition":"gone"}}`,
		`{"to":"x@y","from":"z@bot.example.com","type":"groupchat","body":"x"}`, `{"id":"'/><iq/>","type":"\"&<","lang":"<","thread":"]]>"}`, `<iq type='set'><query xmlns='jabber:iq:roster'/></iq>`} {
		for kind := range uint8(4) {
			f.Add(200, kind, "application/json", body)
			f.Add(200, kind, "application/xmpp+xml", body)
			f.Add(200, kind, "text/plain", body)
		}
		f.Add(503, uint8(0), "text/html", body)
	}
	var events []*Event
	for _, xml := range []string{
		`<message type='chat' id='1' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body><thread>t</thread></message>`,
		`<message type='groupchat' from='r@muc.example.com/n' to='echo@bot.example.com'><body>hi</body></message>`,
		`<iq type='get' id='1' from='u@example.com/r' to='bot.example.com'><x xmlns='urn:x'/></iq>`,
		`<presence from='u@example.com/r' to='bot.example.com'/>`,
	} {
		s, err := stanza.Parse(xml, stanza.Limits{})
		if err != nil {
			f.Fatal(err)
		}
		events = append(events, &Event{ID: "evt_1", Component: "bot.example.com", Stanza: s})
	}
	e := &Endpoint{Limits: stanza.Limits{MaxBytes: 20_000}}
	f.Fuzz(func(t *testing.T, status int, kind uint8, mediaType, body string) {
		ev := events[int(kind)%len(events)]
		for _, judge := range []func(*Endpoint, *Event, *Answer) Verdict{judgeEvent, judgeComponentHTTP} {
			v := judge(e, ev, &Answer{Status: status, MediaType: mediaType, Body: []byte(body)})
			if v.Outcome != Done && v.Err == nil {
				t.Fatal("a failure without an error for the sender")
			}
			out := v.Replies
			if v.Err != nil && ev.Stanza.MayBounce() {
				r, err := ev.Stanza.ErrorReply(v.Err, stanza.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, r)
			}
			for _, s := range out {
				again, err := stanza.Parse(s.XML(), stanza.Limits{})
				if err != nil {
					t.Fatalf("%q is sent: %v", s.XML(), err)
				}
				if again.Header != s.Header || s.From.Domain() != "bot.example.com" || s.To.IsZero() || s.ClaimsPrivilege() || len(s.XML()) > 20_000 {
					t.Fatalf("%q is sent", s.XML())
				}
				if strings.Contains(s.XML()[:strings.IndexByte(s.XML(), '>')], "xmlns=") {
					t.Fatalf("%q is sent with a default namespace of its own", s.XML())
				}
			}
		}
	})
}
