package delivery_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// A reply waits for more only while the next event of its conversation is there; the
// last one, and that of a conversation with one event at a time, is sent at once.
func TestRepliesWithMore(t *testing.T) {
	for _, queued := range []bool{true, false} {
		t.Run(fmt.Sprintf("queued=%v", queued), func(t *testing.T) {
			open := make(chan struct{})
			b := newBot(t, func(w http.ResponseWriter, _ *http.Request) {
				<-open
				w.Header().Set("Content-Type", "text/plain")
				fmt.Fprint(w, "hi")
			})
			l := newLink()
			e := endpoint(b.URL, patient)
			e.Queued = queued
			r := newRig(t, t.TempDir(), e, l)
			put := func(id, user string) {
				t.Helper()
				if queued {
					r.put(t, id, user)
					return
				}
				ev := event(t, id, fmt.Sprintf("<message type='chat' id='%s' from='%s@example.com/r' to='echo@%s'><body>x</body></message>", id, user, domain))
				ev.Received = time.Now()
				if !r.w.Deliver(ev) {
					t.Fatalf("event %s was not taken", id)
				}
			}
			for i := range 3 {
				put(fmt.Sprint("many", i), "many")
			}
			put("one", "one")
			close(open)
			more := make(map[string][]bool)
			for i, s := range l.wait(t, 4) {
				more[s.To.Local()] = append(more[s.To.Local()], l.more[i])
			}
			if got := more["many"]; !slices.Equal(got, []bool{true, true, false}) && !(!queued && slices.Equal(got[1:], []bool{true, false})) {
				t.Errorf("three events: %v", got)
			}
			if got := more["one"]; !slices.Equal(got, []bool{false}) {
				t.Errorf("one event: %v", got)
			}
		})
	}
}
