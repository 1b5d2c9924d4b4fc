//go:build integration

package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// blind is a load balancer that knows nothing of roles: what it is asked goes to all replicas in
// turn. Its callers send again what has no answer.
type blind struct {
	t     *testing.T
	addrs []string
	turn  atomic.Int64

	mu      sync.Mutex
	refused map[int]int // by status, of requests that were sent again; 0: the connection broke
	slowest time.Duration
	by      map[string]int // answers, by the replica that has given them
}

func newBlind(g *group) *blind {
	b := &blind{t: g.t, refused: make(map[int]int), by: make(map[string]int)}
	for _, name := range []string{"a", "b"} {
		b.addrs = append(b.addrs, g.listen[name])
	}
	return b
}

// do sends a request to the next replica.
func (b *blind) do(ctx context.Context, method, path, token, body string, headers map[string]string) (*http.Response, error) {
	addr := b.addrs[int(b.turn.Add(1))%len(b.addrs)]
	r, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return http.DefaultClient.Do(r)
}

// mail sends a message with an Idempotency-Key until it is taken, and returns its id.
func (b *blind) mail(ctx context.Context, n int) string {
	began := time.Now()
	for {
		id, status := b.try(ctx, n)
		b.mu.Lock()
		if id != "" {
			b.slowest = max(b.slowest, time.Since(began))
			b.mu.Unlock()
			return id
		}
		b.refused[status]++
		b.mu.Unlock()
		switch status {
		case 0, http.StatusConflict, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusTooManyRequests: // on a slow machine it has more in progress than a caller may have
		default:
			b.t.Errorf("mail %d: %d", n, status)
			return ""
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			b.t.Errorf("mail %d is not taken: %d", n, status)
			return ""
		}
	}
}

// try sends a message once. status is 0 if the connection broke.
func (b *blind) try(ctx context.Context, n int) (id string, status int) {
	text := load.NumberedText("mail", n)
	resp, err := b.do(ctx, "POST", "/v1/messages", "token-all", fmt.Sprintf(`{"to":"bob@localhost","from":"mailer@over.localhost","body":%q}`, text), map[string]string{"Idempotency-Key": text})
	if err != nil {
		return "", 0
	}
	defer resp.Body.Close()
	var sent struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&sent); err != nil {
		return "", 0
	}
	if resp.StatusCode/100 != 2 {
		if (resp.StatusCode == http.StatusServiceUnavailable || resp.StatusCode == http.StatusTooManyRequests) && resp.Header.Get("Retry-After") == "" {
			b.t.Errorf("%d without Retry-After", resp.StatusCode)
		}
		return "", resp.StatusCode
	}
	b.mu.Lock()
	b.by[resp.Header.Get("Stanzahook-Replica")]++
	b.mu.Unlock()
	return sent.ID, resp.StatusCode
}

// mailing sends numbered messages at a pace until it is stopped, and knows the id of each.
type mailing struct {
	*blind
	stop func() // returns when all are taken

	mu  sync.Mutex
	ids []string // by number
}

func (b *blind) mailAll(pace time.Duration) *mailing {
	m := &mailing{blind: b}
	stopped, ended := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(b.t.Context())
	go func() {
		defer close(ended)
		var all sync.WaitGroup
		defer all.Wait()
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
			case <-stopped:
				return
			}
			m.mu.Lock()
			m.ids = append(m.ids, "")
			m.mu.Unlock()
			all.Go(func() {
				id := b.mail(ctx, n)
				m.mu.Lock()
				m.ids[n] = id
				m.mu.Unlock()
			})
		}
	}()
	m.stop = sync.OnceFunc(func() {
		close(stopped)
		time.AfterFunc(harness.Patience, cancel)
		<-ended
	})
	b.t.Cleanup(m.stop)
	return m
}

// mailbox notes what a user gets.
type mailbox struct {
	mu    sync.Mutex
	ids   map[int]string
	again int
	wrong []string
}

func openMailbox(u harness.User) *mailbox {
	b := &mailbox{ids: make(map[int]string)}
	go func() {
		for {
			r, err := u.Next(u.T.Context(), func(r lab.Received) bool { return r.Kind == "message" })
			if err != nil {
				return
			}
			name, n, ok := load.ReadNumbered(r.Body)
			b.mu.Lock()
			was, seen := b.ids[n]
			switch {
			case !ok || name != "mail" || seen && was != r.ID:
				b.wrong = append(b.wrong, fmt.Sprintf("%+v, after %q", r, was))
			case seen:
				b.again++
			default:
				b.ids[n] = r.ID
			}
			b.mu.Unlock()
		}
	}()
	return b
}

func (b *mailbox) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ids)
}

// watcher reads the events of an endpoint as a stream, and comes again with its cursor when that ends.
type watcher struct {
	*blind
	mu      sync.Mutex
	got     []int // as they came first
	seen    map[int]bool
	streams int
	at      string // the cursor
}

func (b *blind) watch(endpoint string) *watcher {
	w := &watcher{blind: b, seen: make(map[int]bool)}
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			w.read(ctx, endpoint)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	b.t.Cleanup(func() { cancel(); <-ended })
	return w
}

// read reads one stream to its end.
func (w *watcher) read(ctx context.Context, endpoint string) {
	headers := map[string]string{"Accept": "text/event-stream"}
	if w.at != "" {
		headers["Last-Event-ID"] = w.at
	}
	resp, err := w.do(ctx, "GET", "/v1/endpoints/"+endpoint+"/events", "token-pull", "", headers)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusServiceUnavailable && resp.StatusCode != http.StatusBadGateway {
			w.t.Errorf("events: %d %s", resp.StatusCode, body)
		}
		return
	}
	w.mu.Lock()
	w.streams++
	w.mu.Unlock()
	lines := bufio.NewScanner(resp.Body)
	cursor := ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			cursor = value
		case "data":
			if cursor != "" && w.note(value) {
				w.at, cursor = cursor, ""
			}
		}
	}
}

func (w *watcher) note(data string) bool {
	var e struct{ Data struct{ Body string } }
	if json.Unmarshal([]byte(data), &e) != nil {
		return false // cut off
	}
	_, n, ok := load.ReadNumbered(e.Data.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !ok {
		w.t.Errorf("event %s", data)
	}
	if !w.seen[n] {
		w.seen[n] = true
		w.got = append(w.got, n)
	}
	return true
}

func (w *watcher) has(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[n]
}

// sayer is a user who writes numbered messages.
type sayer struct {
	harness.User
	to   string
	stop func() int // returns the last number

	mu      sync.Mutex
	said    []time.Time
	errors  map[int]bool
	windows [][2]time.Time // in which a message may be lost
}

func sayAll(u harness.User, to string, pace time.Duration) *sayer {
	s := &sayer{User: u, to: to, errors: make(map[int]bool)}
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.say()
			case <-stopped:
				return
			}
		}
	}()
	go func() {
		for {
			r, err := u.Next(u.T.Context(), func(r lab.Received) bool { return r.Type == "error" })
			if err != nil {
				return
			}
			if _, n, ok := load.ReadNumbered(r.ID); ok {
				s.mu.Lock()
				s.errors[n] = true
				s.mu.Unlock()
			}
		}
	}()
	s.stop = sync.OnceValue(func() int {
		close(stopped)
		<-ended
		s.say()
		return s.count() - 1
	})
	u.T.Cleanup(func() { s.stop() })
	return s
}

func (s *sayer) say() {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := load.NumberedText("say", len(s.said))
	if s.SendRaw("<message to='"+s.to+"' type='chat' id='"+text+"'><body>"+text+"</body></message>") == nil {
		s.said = append(s.said, time.Now())
	}
}

func (s *sayer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.said)
}

// trouble begins a time in which a message may be lost, and over ends it.
func (s *sayer) trouble() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.windows = append(s.windows, [2]time.Time{time.Now().Add(-load.Unstored())})
}

func (s *sayer) over() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.windows[len(s.windows)-1][1] = time.Now()
}

// lost counts the messages that are neither an event nor returned, and complains of those that
// had to be stored.
func (s *sayer) lost(w *watcher) (count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, at := range s.said {
		if w.has(n) || s.errors[n] {
			continue
		}
		count++
		if !slices.ContainsFunc(s.windows, func(w [2]time.Time) bool { return at.After(w[0]) && at.Before(w[1]) }) {
			s.T.Errorf("message %d is lost", n)
		}
	}
	return count
}
