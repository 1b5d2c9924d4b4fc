package component_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// A request whose answer cannot be taken is told so at once.
func TestAnswerCannotBeTaken(t *testing.T) {
	t.Run("too large", func(t *testing.T) {
		answerCannotBeTaken(t, strings.Repeat("<item jid='a@example.com'/>", 1000), "max_stanza_bytes")
	})
	t.Run("malformed", func(t *testing.T) { answerCannotBeTaken(t, "<!-- comment -->", "comments are not allowed") })
}

func answerCannotBeTaken(t *testing.T, content, why string) {
	t.Helper()
	f := connect(t, nil, func(o *component.Options) { o.Limits.MaxBytes = 10_000 })
	f.srv.Answer(func(x *stanza.Stanza) string {
		return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='jabber:iq:roster'>%s</query></iq>", x.ID, x.To, x.From, content)
	})
	ask, err := stanza.Build(stanza.Header{Kind: stanza.IQ, Type: "get", ID: "1", From: jid.MustParse(domain), To: jid.MustParse("john@example.com")}, "<query xmlns='jabber:iq:roster'/>", stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	answer, err := f.Request(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := answer.StanzaError()
	if e == nil || e.Condition != stanza.NotAcceptable || e.By != domain || !strings.Contains(e.Text, why) || answer.From != ask.To || answer.ID != ask.ID {
		t.Errorf("%s", answer.XML())
	}
}
