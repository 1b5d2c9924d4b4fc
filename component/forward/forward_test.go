package forward_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/forward"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// queue is a Publisher that fails as told, else notes.
type queue struct {
	mu   sync.Mutex
	err  error
	got  []store.Record
	came chan struct{}
}

func (q *queue) Publish(r store.Record, done func(error)) {
	q.mu.Lock()
	err := q.err
	if err == nil {
		q.got = append(q.got, r)
	}
	q.mu.Unlock()
	go done(err)
	q.came <- struct{}{}
}

type sender struct{ l **component.Link }

func (s sender) Send(_ string, x *stanza.Stanza, done func(error)) error {
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
	var l *component.Link
	worker := func(name, path string, queued bool, kinds ...stanza.Kind) *webhook.Worker {
		return webhook.NewWorker(&webhook.Endpoint{Name: name, URL: bot.URL + path, Kinds: kinds, Format: webhook.FormatComponentHTTP, Queued: queued,
			Timeout: 200 * time.Millisecond, Concurrency: 4, Schedule: []time.Duration{time.Second}, MaxAge: time.Hour}, sender{&l}, zap.NewNop())
	}
	other := worker("other", "/message", true, stanza.Message)
	other.Endpoint().Component = "other.example.com"
	workers := []*webhook.Worker{other, worker("queued", "/message", true, stanza.Message), worker("shadowed", "/slow", true, stanza.Message),
		worker("presence", "/message", false, stanza.Presence), worker("iq", "/iq", false, stanza.IQ)}
	q := &queue{came: make(chan struct{}, 10)}
	l = component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr(), Secret: secret.New("secret"), Log: zap.NewNop(),
		Handler: forward.New(workers, q, zap.NewNop())})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	srv.WaitConnected(1)

	// a queued message: the first endpoint that takes it, in the store with all it needs
	msg := "<message id='m1' type='chat' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body></message>"
	srv.Send(msg)
	<-q.came
	r := q.got[0]
	if r.Endpoint != "queued" || r.Component != "bot.example.com" || r.Stanza != msg || !strings.HasPrefix(r.ID, "evt_") ||
		r.Conversation != store.Conversation("u@example.com", "echo@bot.example.com") || time.Since(r.Received) > time.Minute {
		t.Errorf("record %+v", r)
	}

	// a store that cannot take it: the sender is told
	for err, want := range map[error]stanza.Condition{store.ErrFull: stanza.ResourceConstraint, errors.New("disk"): stanza.InternalServerError} {
		q.mu.Lock()
		q.err = err
		q.mu.Unlock()
		srv.Send("<message id='full' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body></message>")
		<-q.came
		if e, _ := srv.ExpectID("full").StanzaError(); e == nil || e.Condition != want || e.Type != stanza.Wait {
			t.Errorf("%v: %v", err, e)
		}
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
