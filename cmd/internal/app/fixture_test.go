package app

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/cli"
	"stanzahook/cmd/internal/config"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
)

const (
	testSecret = "the-secret-of-the-component"
	noAuth     = "http: {listen: \"127.0.0.1:0\", insecure_no_auth: true}\n"
)

// running is a started App with an XMPP server in process. A test may rewrite its
// configuration.
type running struct {
	*App
	t    testing.TB
	srv  *componenttest.Server
	r    *Reloader
	file string // the configuration
	head string // its beginning: components and store
}

func newServer(t testing.TB) *componenttest.Server {
	return componenttest.NewServer(t, "bot.example.com", testSecret)
}

// startApp starts an App with the component bot.example.com and a store; text is the
// rest of its configuration.
func startApp(t testing.TB, text string) *running {
	t.Helper()
	return startAt(t, newServer(t), zap.NewNop(), text)
}

func startAt(t testing.TB, srv *componenttest.Server, log *zap.Logger, text string) *running {
	t.Helper()
	return start(t, srv, log, fmt.Sprintf("components: [{domain: bot.example.com, server: %q, secret: %s}]\n", srv.Addr(), testSecret), text)
}

func start(t testing.TB, srv *componenttest.Server, log *zap.Logger, components, text string) *running {
	t.Helper()
	x := &running{t: t, srv: srv, file: filepath.Join(t.TempDir(), "x.yaml"), head: components + fmt.Sprintf("store: {dir: %q}\n", t.TempDir())}
	x.r = &Reloader{Load: func() (*config.Config, error) { return config.Load(x.file, nil) }, Level: zap.NewAtomicLevel()}
	x.write(x.head + text)
	cfg, err := x.r.Load()
	require.NoError(t, err)
	x.App, err = Start(t.Context(), cfg, log, nil, x.r)
	require.NoError(t, err)
	t.Cleanup(func() { x.Stop() }) // the App that is there then
	for _, l := range x.links {
		require.NoError(t, l.WaitConnected(t.Context()))
	}
	return x
}

func (x *running) write(config string) {
	x.t.Helper()
	require.NoError(x.t, os.WriteFile(x.file, []byte(config), 0o600))
}

// reload rewrites the part of the configuration behind its head.
func (x *running) reload(text string) ([]string, error) {
	x.t.Helper()
	x.write(x.head + text)
	return x.r.reload(x.t.Context())
}

// reloads is reload, and changes these sections.
func (x *running) reloads(text, changed string) {
	x.t.Helper()
	got, err := x.reload(text)
	require.NoError(x.t, err)
	if strings.Join(got, ", ") != changed {
		x.t.Errorf("changed %q, want %q", got, changed)
	}
}

// call makes an HTTP request with a bearer token, if any, and returns the status and
// the body of the response. A body is JSON, unless the headers say otherwise.
func (x *running) call(token, method, path, body string, headers ...string) (int, string) {
	x.t.Helper()
	r, err := http.NewRequestWithContext(x.t.Context(), method, "http://"+x.Addr+path, strings.NewReader(body))
	require.NoError(x.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(x.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(x.t, err)
	return resp.StatusCode, string(text)
}

// request is call without a token, for an answer with this status and a part in its body.
func (x *running) request(method, path, body string, want int, part string, headers ...string) string {
	x.t.Helper()
	status, answer := x.call("", method, path, body, headers...)
	if status != want || !strings.Contains(answer, part) {
		x.t.Fatalf("%s %s: %d %s, want %d %s", method, path, status, answer, want, part)
	}
	return answer
}

func (x *running) get(path string, v any) {
	x.t.Helper()
	if status, body := x.call("", "GET", path, ""); status != http.StatusOK || json.Unmarshal([]byte(body), v) != nil {
		x.t.Fatalf("%d %s", status, body)
	}
}

// send writes a message of a user to a bot; its id is its body.
func (x *running) send(user, bot, body string) {
	x.srv.Send(fmt.Sprintf("<message type='chat' from='%s@example.com/r' to='%s@bot.example.com' id='%s'><body>%s</body></message>", user, bot, body, body))
}

// hears waits for a message to a user.
func (x *running) hears(user, body string) {
	x.t.Helper()
	x.srv.Expect(fmt.Sprintf("%q for %s", body, user), func(s *stanza.Stanza) bool {
		got, _ := s.Body()
		return s.Kind == stanza.Message && s.To.Local() == user && got == body
	})
}

// inProgram runs the program with a command line.
func inProgram(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = cli.Run(t.Context(), args, &out, &errs, cli.Bridge{})
	return code, out.String(), errs.String()
}

// token is an element of http.tokens; the token is its name.
func token(name, scopes string) string {
	return fmt.Sprintf("{name: %s, hash: \"sha256:%x\", scopes: [%s]}", name, sha256.Sum256([]byte(name)), scopes)
}

// testBot answers an event with its name and the event's body.
type testBot struct {
	*httptest.Server
	asked  chan struct{} // one for each request
	mu     sync.Mutex
	bodies []string
	status int // of the answers; 0: 200 with the name
}

func newBot(t testing.TB, name string) *testBot {
	h := &testBot{asked: make(chan struct{}, 100)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct{ Data struct{ Body string } }
		_ = json.NewDecoder(r.Body).Decode(&event)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.bodies = append(h.bodies, event.Data.Body)
		h.asked <- struct{}{}
		if h.status != 0 {
			w.WriteHeader(h.status)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s: %s", name, event.Data.Body)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *testBot) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *testBot) got() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bodies
}

// newWeb starts a server that answers requests by a function.
func newWeb(t testing.TB, answer http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s
}
