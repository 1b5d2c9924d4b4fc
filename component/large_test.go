package component_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"stanzahook/component"
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
