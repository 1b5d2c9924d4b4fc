package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/pkg/stanza"
)

// One message is followed through the log: by the id of its stanza to its event, and by
// that through every step, in order.
func TestTrace(t *testing.T) {
	var calls atomic.Int64
	bot := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		switch n := calls.Add(1); {
		case strings.Contains(r.URL.Path, "bad"):
			w.WriteHeader(http.StatusUnprocessableEntity)
		case n == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, "hello")
		}
	})
	srv := newServer(t)
	core, logs := observer.New(zap.DebugLevel)
	x := startAt(t, srv, zap.New(core), noAuth+fmt.Sprintf(`
endpoints:
  - {name: good, url: "%s/good", match: {to: "good@bot.example.com"}, retry: {schedule: [10ms]}}
  - {name: bad, url: "%[1]s/bad", match: {to: "bad@bot.example.com"}}
`, bot.URL))
	send := func(id, to string) {
		srv.Send(fmt.Sprintf("<message type='chat' id='%s' from='u@example.com/r' to='%s@bot.example.com'><body>psst, secret text</body></message>", id, to))
	}

	send("m1", "good")
	srv.Expect("the answer", func(s *stanza.Stanza) bool { return s.Type == "chat" })
	follow(t, logs, "m1", "good", "a stanza came", "event accepted", "attempt started", "attempt ended", "attempt started", "attempt ended", "reply confirmed", "event finished")

	send("m2", "bad")
	srv.Expect("the error", func(s *stanza.Stanza) bool { return s.Type == "error" })
	follow(t, logs, "m2", "bad", "a stanza came", "event accepted", "attempt started", "attempt ended", "dead letter stored", "reply confirmed", "event finished")

	x.call("", "POST", "/rest", `{"to":"u@example.com/r","type":"chat","id":"m3","body":"psst, secret text"}`, "X-Request-Id", "request-7")
	awaitSteps(t, func() []observer.LoggedEntry {
		return logs.FilterField(zap.String("request_id", "request-7")).All()
	}, "stanza send started", "stanza send finished", "request")
	of := logs.FilterField(zap.String("request_id", "request-7")).FilterField(zap.String("stanza_id", "m3"))
	if all := of.All(); len(all) != 2 || all[1].ContextMap()["state"] != "confirmed" || all[1].ContextMap()["component"] != "bot.example.com" {
		t.Errorf("the request's stanza: %v", all)
	}

	for _, e := range logs.All() {
		if text := fmt.Sprint(e.Message, e.ContextMap()); strings.Contains(text, "psst") || strings.Contains(text, "u@example.com") {
			t.Errorf("the log tells who wrote, or what: %s", text)
		}
	}
}

// follow finds the event of a stanza and all that was logged of both: these steps, in
// order, and, at whatever time, that the event was stored.
func follow(t *testing.T, logs *observer.ObservedLogs, stanzaID, endpoint string, steps ...string) {
	t.Helper()
	ofStanza := func() []observer.LoggedEntry {
		return slices.DeleteFunc(logs.FilterField(zap.String("stanza_id", stanzaID)).All(), func(e observer.LoggedEntry) bool {
			return e.Level > zap.DebugLevel // what is said of the endpoint besides
		})
	}
	awaitSteps(t, func() []observer.LoggedEntry {
		return slices.DeleteFunc(ofStanza(), func(e observer.LoggedEntry) bool { return e.Message == "event stored" })
	}, steps...)
	awaitSteps(t, func() []observer.LoggedEntry {
		return slices.DeleteFunc(ofStanza(), func(e observer.LoggedEntry) bool { return e.Message != "event stored" })
	}, "event stored")
	event := ""
	for _, e := range ofStanza() {
		fields := e.ContextMap()
		if fields["component"] != "bot.example.com" {
			t.Errorf("%s: component %v", e.Message, fields["component"])
		}
		if e.Message == "a stanza came" {
			continue
		}
		id, _ := fields["event"].(string)
		if event == "" {
			event = id
		}
		if conversation, _ := fields["conversation"].(string); id == "" || id != event || len(conversation) != 16 || fields["endpoint"] != endpoint {
			t.Errorf("%s: %v", e.Message, fields)
		}
	}
}

// awaitSteps waits until the entries have these messages.
func awaitSteps(t *testing.T, entries func() []observer.LoggedEntry, steps ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) { // an observed log tells nobody of a new entry
		got = nil
		for _, e := range entries() {
			got = append(got, e.Message)
		}
		if slices.Equal(got, steps) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the steps are %q, and not %q", got, steps)
		}
	}
}
