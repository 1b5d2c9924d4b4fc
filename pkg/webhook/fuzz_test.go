package webhook

import (
	"strings"
	"testing"

	"stanzahook/pkg/stanza"
)

// Whatever an endpoint answers, in whatever format: the stanzas for it are well
// formed and within the limits, come from our domain, have a recipient, claim
// no privilege, and never answer an error or a result.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`hello`, `{"body":"x"}`, `[{"body":"x"},{"body":"y"}]`, `{"stanza":"<message to='a@b'/>"}`, `<message><body>x</body></message>`,
		`<message xmlns='jabber:client' xmlns:a='urn:a'><a:b/><body xmlns='jabber:client'/></message>`, `{"kind":"iq","type":"error","error":{"condition":"gone"}}`,
		`{"to":"x@y","from":"z@bot.example.com","type":"groupchat","body":"x"}`, `{"id":"'/><iq/>","type":"\"&<","lang":"<","thread":"]]>"}`, `<iq type='set'><query xmlns='jabber:iq:roster'/></iq>`,
		`body=x&type=error&to=a@b&kind=message`, `{"type":"error","error":{"type":"x","condition":"y","code":1}}`, `{"error":{"a":1}}`, `{"to":null}`, `{"xml":"<privilege xmlns='urn:xmpp:privilege:2'/>"}`,
		`{"type":"subscribed"}`, `{"show":"away"}`, `<message type='error'><error type='x'><y xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`, "\ufeff{}", `{"version":{"name":"x"}}`,
	} {
		for kind := range uint8(6) {
			for _, mediaType := range []string{mediaJSON, mediaXMPP, mediaText, mediaForm} {
				f.Add(200, kind, mediaType, body)
			}
			f.Add(403, kind, mediaJSON, body)
			f.Add(503, kind, mediaXMPP, body)
		}
	}
	var events []*Event
	for _, xml := range []string{
		`<message type='chat' id='1' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body><thread>t</thread></message>`,
		`<message type='groupchat' from='r@muc.example.com/n' to='echo@bot.example.com'><body>hi</body></message>`,
		`<iq type='get' id='1' from='u@example.com/r' to='bot.example.com'><x xmlns='urn:x'/></iq>`,
		`<presence from='u@example.com/r' to='bot.example.com'/>`,
		`<message type='error' id='1' from='u@example.com/r' to='echo@bot.example.com'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
		`<iq type='result' id='1' from='u@example.com/r' to='bot.example.com'/>`,
		`<presence type='subscribe' id='1' from='u@example.com/r' to='bot.example.com'/>`,
		`<message from='u@example.com/r' to='echo@bot.example.com'><x:thread xmlns:x='jabber:client' parent='p'>t</x:thread></message>`,
	} {
		events = append(events, eventOf(f, xml))
	}
	limits := stanza.Limits{MaxBytes: 20_000}
	f.Fuzz(func(t *testing.T, status int, kind uint8, mediaType, body string) {
		ev := events[int(kind)%len(events)]
		for _, name := range []Format{FormatEvent, FormatRestJSON, FormatRestXML, FormatComponentHTTP} {
			e := &Endpoint{Format: name, Limits: limits, Queued: kind&0x80 != 0}
			v := formatOf(name).judge(e, ev, &Answer{Status: status, MediaType: mediaType, Body: []byte(body)})
			if v.Outcome != Done && (v.Err == nil || !v.Err.Type.Valid() || !v.Err.Condition.Valid()) {
				t.Fatalf("%s: a failure without an error for the sender: %+v", name, v)
			}
			if len(v.Replies) > 0 && (v.Outcome != Done || !answerable(ev.Stanza)) {
				t.Fatalf("%s: a reply: %s", name, v.Replies[0].XML())
			}
			out := v.Replies
			if v.Outcome != Done && ev.Stanza.MayBounce() {
				r, err := ev.Stanza.ErrorReply(v.Err, stanza.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, r)
			}
			for _, s := range out {
				checkSent(t, name, ev, s, limits)
			}
		}
	})
}

func checkSent(t *testing.T, name Format, ev *Event, s *stanza.Stanza, limits stanza.Limits) {
	t.Helper()
	again, err := stanza.Parse(s.XML(), limits)
	if err != nil {
		t.Fatalf("%s: %q is sent: %v", name, s.XML(), err)
	}
	to := s.To
	if name != FormatComponentHTTP {
		to = ev.Stanza.From
	}
	if again.Header != s.Header || s.From.Domain() != ev.Component || s.To.IsZero() || s.To.Bare() != to.Bare() || s.ClaimsPrivilege() || s.ID == "" && ev.Stanza.ID != "" {
		t.Fatalf("%s: %q is sent", name, s.XML())
	}
	if s.Kind == stanza.IQ && (s.Type != "result" && s.Type != "error" || s.ID != ev.Stanza.ID || s.To != ev.Stanza.From) {
		t.Fatalf("%s: %q is the answer to an IQ", name, s.XML())
	}
	if _, has := s.Child("", "error"); s.Type == "error" && !has {
		t.Fatalf("%s: %q is an error", name, s.XML())
	}
	if strings.Contains(s.XML()[:strings.IndexByte(s.XML(), '>')], "xmlns=") {
		t.Fatalf("%s: %q is sent with a default namespace of its own", name, s.XML())
	}
}
