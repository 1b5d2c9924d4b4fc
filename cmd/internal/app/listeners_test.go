package app

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/cli"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/listeners"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
)

// listening is "stanzahook listen" at work.
type listening struct {
	t    *testing.T
	end  context.CancelFunc
	code chan int
	mu   sync.Mutex
	out  strings.Builder
}

func (l *listening) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(b)
}

func (l *listening) shows(text string) {
	l.t.Helper()
	componenttest.Eventually(l.t, "it shows "+text, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return strings.Contains(l.out.String(), text)
	})
}

// listen begins to listen, and returns when it does.
func listen(t *testing.T, a *App, line string) *listening {
	t.Helper()
	t.Setenv(cli.EnvAPI, "http://"+a.Addr)
	ctx, cancel := context.WithCancel(t.Context())
	l := &listening{t: t, end: cancel, code: make(chan int, 1)}
	go func() {
		l.code <- cli.Run(ctx, append([]string{"listen"}, strings.Fields(line)...), l, l, cli.Bridge{})
	}()
	t.Cleanup(cancel)
	l.shows("comes here; Ctrl-C ends that.")
	return l
}

// ends interrupts it, and waits until nobody listens.
func (l *listening) ends(a *App) {
	l.t.Helper()
	began := time.Now()
	l.end()
	if code := <-l.code; code != 0 {
		l.t.Errorf("exit code %d\n%s", code, l.out.String())
	}
	componenttest.Eventually(l.t, "nobody listens", func() bool { return len(a.listeners.All()) == 0 })
	if took := time.Since(began); took > listeners.Silence*2/3 { // after which it would end by itself
		l.t.Errorf("it took %v", took)
	}
}

const listenedEndpoint = "endpoints: [{name: echo, url: %q, retry: {schedule: [50ms]}}]\n"

func say(x *running, id string) {
	x.srv.Send(fmt.Sprintf("<message type='chat' from='u@example.com/r' to='echo@bot.example.com' id='%s'><body>%s</body></message>", id, id))
}

func (x *running) gets(body string) {
	x.t.Helper()
	x.srv.Expect(body, func(s *stanza.Stanza) bool { got, _ := s.Body(); return got == body })
}

// Who listens gets what the endpoint would have got, signed; what it answers goes to the user.
// When it ends, the endpoint has it all again.
func TestListen(t *testing.T) {
	usual, mine := newBot(t, "usual"), newBot(t, "mine")
	signed := newWeb(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("webhook-signature"), "v1,") || !strings.HasPrefix(r.Header.Get("User-Agent"), "stanzahook/") {
			t.Errorf("headers %v", r.Header)
		}
		mine.Config.Handler.ServeHTTP(w, r)
	})
	x := startApp(t, noAuth+fmt.Sprintf(listenedEndpoint, usual.URL))
	say(x, "one")
	x.gets("usual: one")
	l := listen(t, x.App, "--to echo@bot.example.com --forward "+signed.URL)
	l.shows("Requests are signed with whsec_")
	say(x, "two")
	x.gets("mine: two")
	l.shows("message.chat u@example.com/r → echo@bot.example.com: \"two\" (evt_")
	l.shows(`answered 200 OK, text/plain, in`)
	x.reloads(noAuth+fmt.Sprintf(listenedEndpoint, usual.URL+"/new"), "endpoint echo")
	say(x, "three")
	x.gets("mine: three")
	l.ends(x.App)
	say(x, "four")
	x.gets("usual: four")
	if got := fmt.Sprint(usual.got()); got != "[one four]" {
		t.Errorf("the endpoint got %s", got)
	}
}

// A bot that fails is tried again. What waits for it at the end goes to the endpoint.
func TestListenFails(t *testing.T) {
	usual, mine := newBot(t, "usual"), newBot(t, "mine")
	x := startApp(t, noAuth+fmt.Sprintf(listenedEndpoint, usual.URL))
	l := listen(t, x.App, "--to echo@bot.example.com --forward "+mine.URL)
	mine.answer(422)
	say(x, "one")
	x.srv.Expect("the refusal", func(s *stanza.Stanza) bool { return s.ID == "one" && s.Type == "error" })
	mine.answer(500)
	say(x, "two")
	l.shows("answered 500 Internal Server Error")
	say(x, "three")
	l.ends(x.App)
	x.gets("usual: two")
	x.gets("usual: three")
	if got := fmt.Sprint(usual.got()); got != "[two three]" {
		t.Errorf("the endpoint got %s", got)
	}
	componenttest.Eventually(t, "the queue is gone", func() bool { return len(x.removed.Waiting()) == 0 })
}

// With copies the endpoint answers, and what waits at the end goes to nobody.
func TestListenCopies(t *testing.T) {
	usual, mine := newBot(t, "usual"), newBot(t, "mine")
	x := startApp(t, noAuth+fmt.Sprintf(listenedEndpoint, usual.URL))
	l := listen(t, x.App, "--to echo@bot.example.com --copy --forward "+mine.URL)
	say(x, "one")
	x.gets("usual: one")
	<-mine.asked
	mine.answer(500)
	say(x, "two")
	x.gets("usual: two")
	l.shows("answered 500 Internal Server Error")
	l.ends(x.App)
	toUsers := slices.DeleteFunc(x.srv.Received(), func(s *stanza.Stanza) bool { return s.Kind == stanza.IQ }) // those ask the server
	if got := fmt.Sprint(usual.got()); got != "[one two]" || len(toUsers) != 0 {
		t.Errorf("the endpoint got %s, users %v", got, toUsers)
	}
}

// Whoever listens reads why there is no reply.
func TestListenSaysWhy(t *testing.T) {
	x := startApp(t, noAuth)
	html := newWeb(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<p>hi") })
	l := listen(t, x.App, "--to echo@bot.example.com --forward "+html.URL)
	say(x, "one")
	l.shows("→ delivered; answered text/html; no reply is made of that: use text/plain or JSON")
	down := listen(t, x.App, "--to shop@bot.example.com --forward http://127.0.0.1:1/")
	x.srv.Send("<message type='chat' from='u@example.com/r' to='shop@bot.example.com' id='two'><body>two</body></message>")
	down.shows("connection refused")
	down.shows("  → retrying\n")
	hangsUp := newWeb(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	gone := listen(t, x.App, "--to gone@bot.example.com --forward "+hangsUp.URL)
	x.srv.Send("<message type='chat' from='u@example.com/r' to='gone@bot.example.com' id='three'><body>three</body></message>")
	gone.shows("no answer: the endpoint closed the connection without an answer")
}

// Without a bot, what comes is shown. Nobody listens at a foreign address, or to more than 16.
func TestListenPrints(t *testing.T) {
	x := startApp(t, noAuth)
	l := listen(t, x.App, "--to echo@bot.example.com --print")
	say(x, "one")
	l.shows("\"one\" (evt_")
	l.shows("answered 204 No Content")
	code, _, errs := inProgram(t, "listen", "--to", "echo@example.net", "--print")
	if code != 1 || errs != "to: echo@example.net is not at the domain of a component; write an address that users write to, for example echo@bot.example.com\n" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if code, _, errs := inProgram(t, "listen", "--to", "*@bot.example.com", "--print"); code != 1 || !strings.Contains(errs, "one address is listened to") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	for i := range listeners.Max - 1 {
		listen(t, x.App, fmt.Sprintf("--to echo%d@bot.example.com --print", i))
	}
	if code, _, errs := inProgram(t, "listen", "--to", "more@bot.example.com", "--print"); code != 1 || !strings.Contains(errs, "16 listen already") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// A listener whose token is removed loses its endpoint.
func TestListenLosesItsToken(t *testing.T) {
	usual := newBot(t, "usual")
	with := func(name string) string {
		return "http: {listen: \"127.0.0.1:0\", tokens: [" + token(name, "admin") + "]}\n" + fmt.Sprintf(listenedEndpoint, usual.URL)
	}
	x := startApp(t, with("dev"))
	t.Setenv("STANZAHOOK_TOKEN", "dev")
	l := listen(t, x.App, "--to echo@bot.example.com --print")
	if _, err := x.reload(with("ops")); err != nil {
		t.Fatal(err)
	}
	if code := <-l.code; code != 1 {
		t.Errorf("exit code %d\n%s", code, l.out.String())
	}
	l.shows("the instance ended the stream: ")
	componenttest.Eventually(t, "nobody listens", func() bool { return len(x.listeners.All()) == 0 })
	say(x, "one")
	x.gets("usual: one")
}

// A process that ends while somebody listens gives what waits to the endpoint, itself or
// in the next process. So does the next process after a kill, for which a copy of the store
// stands here: nothing is removed from it.
func TestListenRestart(t *testing.T) {
	usual, mine := newBot(t, "usual"), newBot(t, "mine")
	mine.answer(500)
	run := func(srv *componenttest.Server, dir string) *running {
		text := fmt.Sprintf("components: [{domain: bot.example.com, server: %q, secret: %s}]\nstore: {dir: %q}\ndrain: 1s\n", srv.Addr(), testSecret, dir)
		cfg, err := config.Parse("x.yaml", []byte(text+noAuth+fmt.Sprintf(listenedEndpoint, usual.URL)), nil)
		require.NoError(t, err)
		a, err := Start(t.Context(), cfg, zap.NewNop(), nil, nil)
		require.NoError(t, err)
		srv.WaitConnected(1)
		return &running{App: a, t: t, srv: srv}
	}
	dir, killed := t.TempDir(), t.TempDir()
	x := run(newServer(t), dir)
	l := listen(t, x.App, "--to echo@bot.example.com --forward "+mine.URL)
	say(x, "one")
	l.shows("answered 500 Internal Server Error")
	componenttest.Eventually(t, "the event is stored", func() bool {
		n, err := x.store.Queues().Waiting(t.Context())
		return err == nil && n > 0
	})
	require.NoError(t, os.CopyFS(killed, os.DirFS(dir)))
	if got := usual.got(); len(got) > 0 {
		t.Errorf("the endpoint got %v", got)
	}
	next := run(newServer(t), killed)
	t.Cleanup(next.Stop)
	next.gets("usual: one")

	x.Stop()
	l.end()
	<-l.code
	after := run(newServer(t), dir)
	t.Cleanup(after.Stop)
	componenttest.Eventually(t, "the endpoint gets it", func() bool { return len(usual.got()) >= 2 })
}
