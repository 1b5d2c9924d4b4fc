package delivery

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// asked returns a request of somebody.
func asked(from string) *webhook.Event {
	s := stanza.Must(stanza.Parse("<iq type='set' id='1' from='"+from+"' to='echo@bot.example.com'><q xmlns='urn:x'/></iq>", stanza.Limits{}))
	return &webhook.Event{ID: webhook.NewEventID(), Component: "bot.example.com", Received: time.Now(), Stanza: s}
}

// blocked is an endpoint of some slots whose program answers when it is released.
func blocked(t *testing.T, concurrency int) (w *Worker, posted chan string, release func(), posts *atomic.Int64) {
	t.Helper()
	posted, posts = make(chan string, 10), new(atomic.Int64)
	end := make(chan struct{})
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		posts.Add(1)
		posted <- ""
		<-end
	}))
	t.Cleanup(hook.Close)
	var released atomic.Bool
	release = func() {
		if !released.Swap(true) {
			close(end)
		}
	}
	t.Cleanup(release)
	w, err := NewWorker(&webhook.Endpoint{Name: "ops", URL: hook.URL, Timeout: time.Minute, Concurrency: concurrency}, &link{}, zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(func() { release(); w.Stop(t.Context()) })
	return w, posted, release, posts
}

func within[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(time.Minute):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// What found no slot in time is not done later: who has asked for it was told that nothing came of
// it.
func TestNothingIsDoneForWhoHasBeenRefused(t *testing.T) {
	w, posted, release, posts := blocked(t, 1)
	if !w.Request(asked("alice@example.com/x"), func(webhook.Verdict) {}) {
		t.Fatal("not accepted")
	}
	within(t, "the first request", posted)
	late := asked("bob@example.com/x")
	late.Until = time.Now().Add(time.Millisecond)
	answers := make(chan webhook.Verdict, 1)
	if !w.Request(late, func(v webhook.Verdict) { answers <- v }) {
		t.Fatal("not accepted")
	}
	if v := within(t, "the refusal", answers); v.Outcome != webhook.Refused || v.Err == nil || v.Err.Condition != stanza.RemoteServerTimeout {
		t.Errorf("%+v", v)
	}
	release()
	w.Stop(t.Context())
	if n := posts.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Those in a room have a share each where it is known who they are.
func TestPeopleOfARoomShare(t *testing.T) {
	w, posted, _, _ := blocked(t, 2)
	for _, who := range []string{"alice", "bob"} {
		ev := asked("ops@rooms.example.com/" + who)
		ev.Who = jid.MustParse(who + "@example.com")
		if !w.Request(ev, func(webhook.Verdict) {}) {
			t.Fatal("not accepted")
		}
	}
	within(t, "a request", posted)
	within(t, "that of the other person", posted) // though the first one is under way
}
