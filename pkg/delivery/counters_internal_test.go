package delivery

import (
	"maps"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// What came of an attempt is counted under one name.
func TestResults(t *testing.T) {
	message, err := stanza.Parse("<message from='u@example.com' to='b@example.net'/>", stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	iq, err := stanza.Parse("<iq type='get' id='1' from='u@example.com' to='b@example.net'/>", stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		queued bool
		format webhook.Format
		s      *stanza.Stanza
		v      webhook.Verdict
		want   string
	}{
		{"accepted", true, webhook.FormatEvent, message, webhook.Verdict{Status: 204}, "success"},
		{"refused for good", true, webhook.FormatEvent, message, webhook.Verdict{Outcome: webhook.Refused, Status: 422}, "dead"},
		{"refused by a bot of a module", true, webhook.FormatRestXML, message, webhook.Verdict{Outcome: webhook.Refused, Status: 422}, "refused"},
		{"an answer without sense", true, webhook.FormatEvent, message, webhook.Verdict{Outcome: webhook.Refused, Status: 200}, "refused"},
		{"refused directly", false, webhook.FormatEvent, message, webhook.Verdict{Outcome: webhook.Refused, Status: 422}, "refused"},
		{"an IQ refused", true, webhook.FormatEvent, iq, webhook.Verdict{Outcome: webhook.Refused, Status: 422}, "refused"},
		{"no answer", true, webhook.FormatEvent, message, webhook.Verdict{Outcome: webhook.Again}, "retry"},
		{"no answer to a direct one", false, webhook.FormatEvent, message, webhook.Verdict{Outcome: webhook.Again}, "failed"},
		{"no answer to an IQ", true, webhook.FormatEvent, iq, webhook.Verdict{Outcome: webhook.Again}, "failed"},
	} {
		w := newWorker(t, &webhook.Endpoint{Name: "bot", URL: "http://127.0.0.1:1", Format: c.format, Concurrency: 1}, &sink{}, zap.NewNop())
		if c.queued {
			w.queue = &queue{w: w}
		}
		w.count(&webhook.Event{Stanza: c.s}, &c.v, time.Millisecond)
		want := map[string]int64{"success": 0, "refused": 0, "dead": 0, "retry": 0, "failed": 0}
		want[c.want] = 1
		if got := w.Counters.Results.All(); !maps.Equal(got, want) || w.Counters.Duration.Snapshot().Count != 1 || w.Counters.Attempts.Load() != 1 || (w.Counters.Failures.Load() == 1) != (c.v.Outcome != webhook.Done) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
