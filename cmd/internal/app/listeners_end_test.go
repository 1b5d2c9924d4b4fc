package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/cmd/internal/listeners"
	"stanzahook/component/componenttest"
)

// counting is a bot that notes the messages that it has accepted.
type counting struct {
	*httptest.Server
	refuses atomic.Bool
	asked   func() // called at each request

	mu     sync.Mutex
	bodies []string
}

func newCounting(t *testing.T, asked func()) *counting {
	b := &counting{asked: asked}
	b.Server = newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Data struct{ Body string } }
		_ = json.NewDecoder(r.Body).Decode(&event)
		b.asked()
		if b.refuses.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.bodies = append(b.bodies, event.Data.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	return b
}

func (b *counting) got() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.bodies)
}

// However fast users write while a listener ends, each conversation keeps its order.
func TestListenEndsInOrder(t *testing.T) {
	// What is written is at most so much ahead of what the bots were asked.
	const users, after, ahead = 3, 20, 300
	room := make(chan struct{}, ahead)
	asked := func() {
		select {
		case room <- struct{}{}:
		default:
		}
	}
	for range ahead {
		asked()
	}
	usual, mine := newCounting(t, asked), newCounting(t, asked)
	x := startApp(t, noAuth+fmt.Sprintf(listenedEndpoint, usual.URL))
	l := listen(t, x.App, "--to echo@bot.example.com --forward "+mine.URL)
	ended, sent := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for left := after; left > 0; n++ {
			for u := range users {
				select {
				case <-room:
				case <-ended:
				}
				x.srv.Send(fmt.Sprintf("<message type='chat' from='u%d@example.com/r' to='echo@bot.example.com' id='m%d-%d'><body>%d %d</body></message>", u, u, n, u, n))
			}
			select {
			case <-ended:
				left--
			default:
			}
		}
		sent <- n
	}()
	componenttest.Eventually(t, "some are answered", func() bool { return len(mine.got()) > 20 })
	mine.refuses.Store(true)
	l.shows("answered 500")
	l.ends(x.App)
	close(ended)
	n := <-sent
	componenttest.Eventually(t, "all has come", func() bool {
		got := usual.got()
		for u := range users {
			if !slices.Contains(got, fmt.Sprint(u, " ", n-1)) {
				return false
			}
		}
		return true
	})
	next := make(map[string]int)
	for _, body := range append(mine.got(), usual.got()...) {
		u, number, _ := strings.Cut(body, " ")
		got, err := strconv.Atoi(number)
		if err == nil && got == next[u]-1 {
			continue // accepted, but its answer was lost with the listener: delivered again
		}
		if err != nil || got != next[u] {
			t.Fatalf("user %s: %d came, %d was due; of %d", u, got, next[u], n)
		}
		next[u]++
	}
}

// A listener that says nothing any more, as one that was suspended, or is behind a broken
// line, loses its endpoint. One that answers does not.
func TestListenerSilent(t *testing.T) {
	usual, mine := newBot(t, "usual"), newBot(t, "mine")
	x := startApp(t, noAuth+fmt.Sprintf(listenedEndpoint, usual.URL))
	x.listeners.Silence = 300 * time.Millisecond
	began := time.Now()
	listen(t, x.App, "--to shop@bot.example.com --forward "+mine.URL)
	resp := silentListener(t, x.App)
	componenttest.Eventually(t, "one has lost its endpoint", func() bool { return len(x.listeners.All()) == 1 })
	say(x, "one")
	x.gets("usual: one")
	readTo(t, resp, `"reason":"silent"`)
	componenttest.Eventually(t, "some more of that time", func() bool { return time.Since(began) > time.Second })
	if got := x.listeners.All(); len(got) != 1 || !strings.Contains(*got[0].Describe().Reason, "listens to shop@") {
		t.Errorf("%d listen", len(got))
	}
}

// silentListener listens to echo, and says nothing.
func silentListener(t *testing.T, a *App) *http.Response {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+a.Addr+"/v1/listen", strings.NewReader(`{"to": "echo@bot.example.com", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// readTo reads an answer up to a text.
func readTo(t *testing.T, resp *http.Response, text string) {
	t.Helper()
	var all strings.Builder
	b := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(b)
		if all.Write(b[:n]); strings.Contains(all.String(), text) {
			return
		}
		if err != nil {
			t.Fatalf("%v instead of %s, after:\n%s", err, text, all.String())
		}
	}
}

// A second listener with the same token takes an address over, with what waits, in order,
// and the first one ends. Another token is refused, unless it wants copies.
func TestListenerTakesOver(t *testing.T) {
	usual, first, second := newBot(t, "usual"), newBot(t, "first"), newBot(t, "second")
	x := startApp(t, "http: {listen: \"127.0.0.1:0\", tokens: ["+token("dev", "admin")+", "+token("ops", "admin")+"]}\n"+fmt.Sprintf(listenedEndpoint, usual.URL))
	t.Setenv("STANZAHOOK_TOKEN", "dev")
	one := listen(t, x.App, "--to echo@bot.example.com --forward "+first.URL)
	first.answer(500)
	say(x, "one")
	one.shows("answered 500")
	say(x, "two")
	two := listen(t, x.App, "--to echo@bot.example.com --forward "+second.URL)
	x.gets("second: one")
	x.gets("second: two")
	if code := <-one.code; code != 1 {
		t.Errorf("exit code %d", code)
	}
	one.shows("another listener with this token has taken the address over")
	if code, out, _ := inProgram(t, "endpoints", "list"); code != 0 || !strings.Contains(out, "the token dev listens to echo@bot.example.com") || strings.Contains(out, path.Base(x.listeners.All()[0].Worker().Endpoint().URL)) {
		t.Errorf("exit code %d: %s", code, out)
	}
	t.Setenv("STANZAHOOK_TOKEN", "ops")
	if code, _, errs := inProgram(t, "listen", "--to", "echo@bot.example.com", "--print"); code != 1 || !strings.Contains(errs, `the token "dev" listens to echo@bot.example.com`) {
		t.Errorf("exit code %d: %s", code, errs)
	}
	listen(t, x.App, "--to echo@bot.example.com --print --copy")
	say(x, "three")
	x.gets("second: three")
	two.end()
	<-two.code
	componenttest.Eventually(t, "one listens", func() bool { return len(x.listeners.All()) == 1 })
	say(x, "four")
	x.gets("usual: four")
}

// One token cannot take the places of all.
func TestListenersOfAToken(t *testing.T) {
	x := startApp(t, "http: {listen: \"127.0.0.1:0\", tokens: ["+token("dev", "admin")+", "+token("ops", "admin")+"]}\n")
	t.Setenv("STANZAHOOK_TOKEN", "dev")
	for i := range listeners.MaxOfToken {
		listen(t, x.App, fmt.Sprintf("--to echo%d@bot.example.com --print", i))
	}
	if code, _, errs := inProgram(t, "listen", "--to", "more@bot.example.com", "--print"); code != 1 || !strings.Contains(errs, "this token listens 8 times already") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	t.Setenv("STANZAHOOK_TOKEN", "ops")
	listen(t, x.App, "--to more@bot.example.com --print")
}
