package forward_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/forward"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

type sender struct{ l **component.Link }

func (s sender) Send(_ string, x *stanza.Stanza, _ bool, done func(error)) error {
	return (*s.l).Send(x, done)
}

func TestForward(t *testing.T) {
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/slow") {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"kind":"%s","body":"%s"}`, strings.TrimPrefix(r.URL.Path, "/"), "direct")
	}))
	defer bot.Close()
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	var link *component.Link
	worker := func(name, path string, queued bool, kinds ...stanza.Kind) *delivery.Worker {
		return newWorker(t, &webhook.Endpoint{Name: name, URL: bot.URL + path, Kinds: kinds, Format: webhook.FormatComponentHTTP, Queued: queued,
			Timeout: 200 * time.Millisecond, Concurrency: 4, Schedule: []time.Duration{time.Second}, MaxAge: time.Hour}, sender{&link})
	}
	other := worker("other", "/message", true, stanza.Message)
	other.Endpoint().Component = "other.example.com"
	audit := worker("audit", "/message", true, stanza.Message, stanza.Presence)
	audit.Endpoint().Copy = true
	workers := []*delivery.Worker{other, audit, worker("queued", "/message", true, stanza.Message), worker("shadowed", "/slow", true, stanza.Message),
		worker("presence", "/message", false, stanza.Presence), worker("iq", "/iq", false, stanza.IQ)}
	s := openStore(t)
	defer s.Close()
	for _, w := range workers {
		require.NoError(t, w.Open(t.Context(), s))
		defer w.Stop(t.Context())
	}
	l, stop := srv.Run(component.Options{Handler: forward.New(workers, forward.NewEchoes(), nil, nil, zap.NewNop())})
	defer stop()
	link = l
	srv.WaitConnected(1)

	// a queued message: the first endpoint that takes it answers it, once; the
	// one that gets copies says nothing
	srv.Send("<message id='m1' type='chat' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body></message>")
	reply := srv.Expect("the reply", func(s *stanza.Stanza) bool { return s.Kind == stanza.Message })
	if body, _ := reply.Body(); body != "direct" || reply.To.String() != "u@example.com/r" {
		t.Errorf("reply %s", reply.XML())
	}
	componenttest.Eventually(t, "the copy", func() bool { return audit.Counters.Delivered.Load() == 1 })
	if n := workers[3].Counters.Attempts.Load() + other.Counters.Attempts.Load(); n != 0 {
		t.Errorf("%d attempts at endpoints that are not asked", n)
	}

	// direct presence
	srv.Send("<presence id='p1' from='u@example.com/r' to='echo@bot.example.com'/>")
	got := srv.Expect("the reply to presence", func(s *stanza.Stanza) bool { return s.Kind == stanza.Message })
	if body, _ := got.Body(); body != "direct" {
		t.Errorf("reply %s", got.XML())
	}

	// an IQ goes out and its answer comes back
	srv.Send("<iq type='get' id='q1' from='u@example.com/r' to='echo@bot.example.com'><query xmlns='urn:x'/></iq>")
	if got := srv.ExpectID("q1"); got.Type != "result" {
		t.Errorf("answer %s", got.XML())
	}
	bot.Close()
	srv.Send("<iq type='get' id='q2' from='u@example.com/r' to='echo@bot.example.com'><query xmlns='urn:x'/></iq>")
	if e, _ := srv.ExpectID("q2").StanzaError(); e == nil || e.Condition != stanza.RemoteServerTimeout {
		t.Errorf("nobody listens: %v", e)
	}
	if bad := srv.Bad(); len(bad) > 0 {
		t.Errorf("the server got %q", bad)
	}
}

// What cannot be taken is bounced; the reader goes on.
func TestOverloaded(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	w := newWorker(t, &webhook.Endpoint{Name: "echo", URL: "http://127.0.0.1:1/", Kinds: []stanza.Kind{stanza.Message}, Queued: true, Timeout: time.Second,
		Concurrency: 1, Schedule: []time.Duration{time.Hour}, MaxAge: time.Hour}, sender{})
	s := openStore(t)
	require.NoError(t, w.Open(t.Context(), s))
	s.Close() // it takes nothing any more
	srv.Connect(component.Options{Handler: forward.New([]*delivery.Worker{w}, forward.NewEchoes(), nil, nil, zap.NewNop())})
	srv.Send("<message id='full' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body></message>")
	if e, _ := srv.ExpectID("full").StanzaError(); e == nil || e.Condition != stanza.ResourceConstraint || e.Type != stanza.Wait {
		t.Errorf("the sender got %v", e)
	}
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), MaxBytes: 64 << 20})
	require.NoError(t, err)
	return s
}

func newWorker(t *testing.T, e *webhook.Endpoint, sender delivery.Sender) *delivery.Worker {
	t.Helper()
	w, err := delivery.NewWorker(e, sender, zap.NewNop())
	require.NoError(t, err)
	return w
}
