package component_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
)

// A request whose answer cannot be accepted fails at once, with the reason.
func TestAnswerCannotBeAccepted(t *testing.T) {
	for name, tc := range map[string]struct{ content, why string }{
		"too large": {strings.Repeat("<item jid='a@example.com'/>", 1000), "max_stanza_bytes"},
		"malformed": {"<!-- comment -->", "comments are not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			f := connect(t, component.Options{Limits: stanza.Limits{MaxBytes: 10_000}})
			f.srv.Answer(func(x *stanza.Stanza) string {
				return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='jabber:iq:roster'>%s</query></iq>", x.ID, x.To, x.From, tc.content)
			})
			ask := query("1", "john@example.com", "<query xmlns='jabber:iq:roster'/>")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			answer, err := f.Request(ctx, ask)
			if err != nil {
				t.Fatal(err)
			}
			e, _ := answer.StanzaError()
			if e == nil || e.Condition != stanza.NotAcceptable || e.By != domain || !strings.Contains(e.Text, tc.why) || answer.From != ask.To || answer.ID != ask.ID {
				t.Errorf("%s", answer.XML())
			}
		})
	}
}

// An error counts without what it is about, if that is too large: servers put it at the end. So
// does the end of a groupchat message that somebody waits for. Others are refused, if they may be.
func TestLargeWithoutBody(t *testing.T) {
	const errorTag = "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
	body := "<body>" + strings.Repeat("&quot;", 5000) + "</body>"
	for name, tc := range map[string]struct{ xml, want string }{
		"an error":                    {"<message type='error' id='1' from='a@example.com' to='b@" + domain + "'>" + body + errorTag + "</message>", "handled 1 forbidden"},
		"an error before it":          {"<message type='error' id='1' from='a@example.com' to='b@" + domain + "'>" + errorTag + body + "</message>", "handled 1 forbidden"},
		"of something else":           {"<message type='error' id='1' from='a@example.com' to='b@" + domain + "'><x xmlns='urn:x'>" + strings.Repeat("<y/>", 5000) + "</x>" + errorTag + "</message>", "handled 1 forbidden"},
		"with a long text":            {"<message type='error' id='1' from='a@example.com' to='b@" + domain + "'>" + body + "<error type='cancel'><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>" + strings.Repeat("x", 20_000) + "</text></error></message>", "handled 1 undefined-condition"},
		"a wrong one":                 {"<message type='error' id='1' from='a@example.com' to='b@" + domain + "'>" + body + "<x xmlns='urn:x'><error/></x></message>", "handled 1 undefined-condition"},
		"of presence":                 {"<presence type='error' id='1' from='a@example.com' to='b@" + domain + "'><x xmlns='urn:x'>" + strings.Repeat("x", 20_000) + "</x>" + errorTag + "</presence>", "handled 1 forbidden"},
		"a copy":                      {"<message type='groupchat' id='own' from='r@example.com/b' to='b@" + domain + "'>" + body + "<stanza-id xmlns='urn:xmpp:sid:0' id='s' by='r@example.com'/></message>", "large own with id"},
		"a groupchat message":         {"<message type='groupchat' id='other' from='r@example.com/a' to='b@" + domain + "'>" + body + "</message>", "large other"},
		"one that ends with its body": {"<message type='groupchat' id='own' from='r@example.com/b' to='b@" + domain + "'><x xmlns='urn:x'/>" + body + "</message>", "large own"},
		"a chat message":              {"<message type='chat' id='1' from='a@example.com' to='b@" + domain + "'>" + body + "</message>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var got []string
			note := func(format string, args ...any) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, fmt.Sprintf(format, args...))
			}
			f := connect(t, component.Options{Limits: stanza.Limits{MaxBytes: 10_000},
				Handler: component.HandlerFunc(func(in *component.Incoming) bool {
					e, _ := in.StanzaError()
					if e == nil {
						note("handled %s", in.ID)
						return true
					}
					note("handled %s %s", in.ID, e.Condition)
					return true
				}),
				Large: func(in *component.Incoming) bool {
					what := "large " + in.ID
					if _, has := in.Child("urn:xmpp:sid:0", "stanza-id"); has {
						what += " with id"
					}
					note("%s", what)
					return in.ID == "own"
				}})
			f.srv.Send(tc.xml + "<message type='chat' id='behind' from='a@example.com' to='b@" + domain + "'/>")
			componenttest.Eventually(t, "what is behind it", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(got) > 0 && got[len(got)-1] == "handled behind"
			})
			if all := strings.TrimSuffix(strings.Join(got, ", "), ", handled behind"); strings.TrimSuffix(all, "handled behind") != tc.want {
				t.Errorf("%q, want %q", all, tc.want)
			}
			refused := int64(0)
			if name == "a groupchat message" || name == "a chat message" {
				refused = 1
			}
			if n := f.Counters.TooLarge.Load(); n != refused {
				t.Errorf("%d refused", n)
			}
		})
	}
}
