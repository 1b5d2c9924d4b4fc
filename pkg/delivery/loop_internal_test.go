package delivery

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// server is a Sender that gives what goes to one of our addresses back to the worker,
// as an XMPP server does, and notes all.
type server struct {
	mu   sync.Mutex
	w    *Worker
	sent []*stanza.Stanza
	n    int
}

func (s *server) Send(_ string, x *stanza.Stanza, _ bool, done func(error)) error {
	s.mu.Lock()
	s.sent = append(s.sent, x)
	s.n++
	id := fmt.Sprint("evt_", s.n)
	s.mu.Unlock()
	done(nil)
	if x.To.Domain() == "bot.example.com" {
		again, err := stanza.Parse(x.XML(), stanza.Limits{})
		if err != nil {
			return err
		}
		ev := &webhook.Event{ID: id, Component: "bot.example.com", Received: time.Now(), Stanza: again}
		if s.w.Endpoint().Queued {
			s.w.Enqueue(ev)
		} else {
			s.w.Deliver(ev)
		}
	}
	return nil
}

func (s *server) list() []*stanza.Stanza {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*stanza.Stanza(nil), s.sent...)
}

// Bots that answer each other stop after five answers: the sixth is a dead letter,
// and its sender is told. A bot cannot write the count itself, and answers to people
// are not counted.
func TestLoopEnds(t *testing.T) {
	for _, queued := range []bool{true, false} {
		for _, format := range []webhook.Format{webhook.FormatEvent, webhook.FormatComponentHTTP} {
			t.Run(fmt.Sprintf("queued=%v %s", queued, format), func(t *testing.T) {
				posts := 0
				bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					if strings.Contains(string(body), "message.error") || strings.Contains(string(body), "type='error'") {
						return
					}
					posts++
					w.Header().Set("Content-Type", "application/json")
					fmt.Fprint(w, `{"kind":"message","stanza":"<message><body>and you</body><hops xmlns='urn:stanzahook:hops:0'>0</hops></message>"}`)
				}))
				defer bot.Close()
				s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), MaxBytes: 64 << 20, Log: zap.NewNop()})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				srv := &server{}
				w := newWorker(t, &webhook.Endpoint{Name: "echo", URL: bot.URL, Format: format, Queued: queued, Timeout: 5 * time.Second, Concurrency: 4, MaxAge: time.Hour,
					Schedule: []time.Duration{time.Second}, Components: []string{"bot.example.com"}}, srv, zap.NewNop())
				srv.w = w
				if err := w.Open(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				defer w.Stop(t.Context())
				give := func(ev *webhook.Event) {
					ev.Received = time.Now()
					if queued {
						w.Enqueue(ev)
					} else {
						w.Deliver(ev)
					}
				}
				give(eventOf(t, "<message id='1' type='chat' from='a@bot.example.com' to='b@bot.example.com'><body>hi</body></message>"))
				wait := func(what string, n int) {
					t.Helper()
					for end := time.Now().Add(10 * time.Second); len(srv.list()) < n; time.Sleep(time.Millisecond) {
						if time.Now().After(end) {
							t.Fatalf("%s: %d stanzas", what, len(srv.list()))
						}
					}
				}
				wait("the loop", 7)
				last := srv.list()[6]
				if e, ok := last.StanzaError(); !ok || e.Condition != stanza.PolicyViolation || posts != 6 || w.Counters.Loops.Load() != 1 {
					t.Errorf("%d posts, %d loops, the last stanza %s", posts, w.Counters.Loops.Load(), last.XML())
				}
				for i, x := range srv.list()[:6] {
					if want := fmt.Sprintf("<hops xmlns='urn:stanzahook:hops:0'>%d</hops></message>", i+1); strings.Count(x.XML(), "<hops") != 1 || !strings.HasSuffix(x.XML(), want) {
						t.Errorf("answer %d: %s", i+1, x.XML())
					}
				}
				dead, _, err := s.DeadLetters(t.Context(), deliverylog.Filter{Endpoint: "echo"})
				if err != nil || len(dead) != 1 || dead[0].Reason != "loop" || !strings.HasPrefix(dead[0].Type, "message.") {
					t.Errorf("dead letters %+v, %v", dead, err)
				}
				n := len(srv.list())
				give(eventOf(t, "<message id='2' type='chat' from='u@example.com/r' to='b@bot.example.com'><body>hi</body><hops xmlns='urn:stanzahook:hops:0'>99</hops></message>"))
				wait("an answer to somebody who counts by himself", n+1)
				if x := srv.list()[n]; strings.Contains(x.XML(), "hops") || x.Type == "error" {
					t.Errorf("the answer to a person: %s", x.XML())
				}
			})
		}
	}
}

// Answers with nothing in them are counted as well: bots that answer presence with
// presence stop, too.
func TestLoopOfEmptyAnswers(t *testing.T) {
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xmpp+xml")
		fmt.Fprint(w, `<presence/>`)
	}))
	defer bot.Close()
	srv := &server{}
	w := newWorker(t, &webhook.Endpoint{Name: "echo", URL: bot.URL, Kinds: []stanza.Kind{stanza.Presence}, Format: webhook.FormatRestXML, Timeout: 5 * time.Second, Concurrency: 4, MaxAge: time.Hour,
		Schedule: []time.Duration{time.Second}, Components: []string{"bot.example.com"}}, srv, zap.NewNop())
	srv.w = w
	defer w.Stop(t.Context())
	w.Deliver(eventOf(t, "<presence id='1' from='a@bot.example.com' to='b@bot.example.com'/>"))
	for end := time.Now().Add(10 * time.Second); w.Counters.Loops.Load() == 0; time.Sleep(time.Millisecond) {
		if n := len(srv.list()); n > webhook.MaxHops+2 || time.Now().After(end) {
			t.Fatalf("it goes on: %d answers", n)
		}
	}
	for i, x := range srv.list()[:webhook.MaxHops+1] {
		if want := fmt.Sprintf("<hops xmlns='urn:stanzahook:hops:0'>%d</hops></presence>", i+1); !strings.HasSuffix(x.XML(), want) {
			t.Errorf("answer %d: %s", i+1, x.XML())
		}
	}
}
