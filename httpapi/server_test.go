package httpapi_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
)

const token = "t0ken-that-nobody-logs"

// fixture is a server that listens, with one mount at /things.
type fixture struct {
	server *httpapi.Server
	addr   string
	logs   *observer.ObservedLogs
}

// start serves h at POST /things and GET /things/{id}.
func start(t *testing.T, o httpapi.Options, h http.HandlerFunc) *fixture {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	o.Listen, o.Log = "127.0.0.1:0", zap.New(core)
	o.Tokens = append(o.Tokens, httpapi.Token{Name: "ops", Hash: sha256.Sum256([]byte(token)), Scopes: []string{"send"}})
	s := httpapi.NewServer(httpapi.New(o, mountOf(h)))
	addr, err := s.Start()
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return &fixture{s, addr, logs}
}

// mountOf serves h at POST /things and GET /things/{id}.
func mountOf(h http.HandlerFunc) httpapi.Mount {
	return httpapi.Mount{Prefix: "/things", Routes: []httpapi.Route{
		{Method: http.MethodPost, Path: "/things", Handler: h},
		{Method: http.MethodGet, Path: "/things/{id}", Handler: h},
	}}
}

// tokensOf returns tokens with their scopes; the names are the secrets too.
func tokensOf(scopes map[string]string) (all []httpapi.Token) {
	for name, scope := range scopes {
		all = append(all, httpapi.Token{Name: name, Hash: sha256.Sum256([]byte(name)), Scopes: strings.Fields(scope)})
	}
	return all
}

// ask makes a request, with a token or, as user:password, with Basic credentials.
func ask(h http.Handler, method, path, who string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	if user, password, basic := strings.Cut(who, ":"); basic {
		r.SetBasicAuth(user, password)
	} else if who != "" {
		r.Header.Set("Authorization", "Bearer "+who)
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// do sends a request with the token; headers are name, value pairs.
func (f *fixture) do(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	resp, text, err := f.try(method, path, body, headers...)
	require.NoError(t, err)
	return resp, text
}

// try is do for goroutines that are not the test's.
func (f *fixture) try(method, path, body string, headers ...string) (*http.Response, string, error) {
	r, err := http.NewRequest(method, "http://"+f.addr+path, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	client := http.Client{Timeout: 2 * time.Minute} // the machine may be slow
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

// status is try for a status; 0 if there is no answer, which is an error of the test.
func (f *fixture) status(t *testing.T, method, path, body string, headers ...string) int {
	resp, _, err := f.try(method, path, body, headers...)
	if err != nil {
		t.Error(err)
		return 0
	}
	return resp.StatusCode
}

func ok(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, httpapi.IdentityOf(r.Context()).Name)
}

// take answers with the length of the body.
func take(w http.ResponseWriter, r *http.Request) {
	body, f := httpapi.ReadBody(w, r)
	if f != nil {
		httpapi.WriteProblem(w, r, f)
		return
	}
	fmt.Fprint(w, len(body))
}

func isProblem(t *testing.T, resp *http.Response, body string, status int) {
	t.Helper()
	var p struct {
		Type, Title, Detail string
		Status              int
		RequestID           string `json:"request_id"`
	}
	err := json.Unmarshal([]byte(body), &p)
	if err != nil || resp.StatusCode != status || p.Status != status || resp.Header.Get("Content-Type") != "application/problem+json" ||
		p.Type != "about:blank" || p.Title == "" || p.Detail == "" || p.RequestID != resp.Header.Get("X-Request-Id") {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
}

func TestAuthentication(t *testing.T) {
	f := start(t, httpapi.Options{Tokens: tokensOf(map[string]string{"other": ""})}, ok)
	basic := func(user, password string) string {
		r, _ := http.NewRequest("GET", "/", nil)
		r.SetBasicAuth(user, password)
		return r.Header.Get("Authorization")
	}
	for _, c := range []struct {
		name, authorization string
		status              int
		who                 string
	}{
		{"bearer", "Bearer " + token, 200, "ops"},
		{"bearer, other case", "bearer " + token, 200, "ops"},
		{"the other token", "Bearer other", 200, "other"},
		{"basic", basic("ops", token), 200, "ops"},
		{"none", "", 401, ""},
		{"another scheme", "Digest " + token, 401, ""},
		{"wrong token", "Bearer y", 403, ""},
		{"no token", "Bearer ", 403, ""},
		{"basic, the name of another token", basic("other", token), 403, ""},
		{"basic, no name", basic("", token), 403, ""},
		{"basic, malformed", "Basic !", 403, ""},
		{"the hash is no token", fmt.Sprintf("Bearer %x", sha256.Sum256([]byte(token))), 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := f.do(t, "POST", "/things", "", "Authorization", c.authorization)
			if c.status == 200 {
				if resp.StatusCode != 200 || body != c.who {
					t.Errorf("%d %q", resp.StatusCode, body)
				}
				return
			}
			isProblem(t, resp, body, c.status)
			if schemes := strings.Join(resp.Header.Values("WWW-Authenticate"), " "); (c.status == 401) != (strings.Contains(schemes, "Basic") && strings.Contains(schemes, "Bearer")) {
				t.Errorf("WWW-Authenticate: %q", schemes)
			}
		})
	}
	for _, line := range f.logs.All() {
		if text := fmt.Sprint(line.Message, line.ContextMap()); strings.Contains(text, token) {
			t.Errorf("the token is in the log: %s", text)
		}
	}
}

func TestNoAuthIsEverybody(t *testing.T) {
	f := start(t, httpapi.Options{NoAuth: true}, func(w http.ResponseWriter, r *http.Request) {
		who := httpapi.IdentityOf(r.Context())
		fmt.Fprintf(w, "%s may all: %v", who.Name, who.Can(gateway.ScopeAdmin))
	})
	if _, body := f.do(t, "POST", "/things", "", "Authorization", ""); body != "anonymous may all: true" {
		t.Error(body)
	}
}

func TestRouting(t *testing.T) {
	f := start(t, httpapi.Options{}, ok)
	resp, body := f.do(t, "GET", "/nothing", "", "Authorization", "")
	isProblem(t, resp, body, 404)
	resp, body = f.do(t, "DELETE", "/things/1", "")
	isProblem(t, resp, body, 405)
	if got := resp.Header.Get("Allow"); got != "GET" {
		t.Errorf("Allow: %q", got)
	}
	resp, body = f.do(t, "POST", "/healthz", "")
	isProblem(t, resp, body, 405)
	if got := resp.Header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow: %q", got)
	}
}

func TestHealth(t *testing.T) {
	var reasons []string
	f := start(t, httpapi.Options{Ready: func(context.Context) []string { return reasons }}, ok)
	for _, c := range []struct {
		path, body string
		status     int
		reasons    []string
	}{
		{"/healthz", "ok\n", 200, []string{"down"}},
		{"/readyz", "ready\n", 200, nil},
		{"/readyz", "bot.example.com: no connection\nstore: full\n", 503, []string{"bot.example.com: no connection", "store: full"}},
	} {
		reasons = c.reasons
		resp, body := f.do(t, "GET", c.path, "", "Authorization", "")
		if resp.StatusCode != c.status || body != c.body || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %q", c.path, resp.StatusCode, body)
		}
	}
}

func TestRequestID(t *testing.T) {
	f := start(t, httpapi.Options{Version: "1.2"}, ok)
	for given, kept := range map[string]bool{
		"abc-1": true, "": false, "with space": false, "ü": false, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
	} {
		resp, _ := f.do(t, "POST", "/things", "", "X-Request-Id", given)
		if got := resp.Header.Get("X-Request-Id"); (got == given) != kept || got == "" {
			t.Errorf("%q -> %q", given, got)
		}
		if got := resp.Header.Get("Server"); got != "stanzahook/1.2" {
			t.Errorf("Server: %q", got)
		}
	}
}

func TestAccessLog(t *testing.T) {
	f := start(t, httpapi.Options{}, ok)
	f.do(t, "GET", "/things/juliet@example.com?secret=1", "", "X-Request-Id", "abc")
	f.do(t, "GET", "/healthz", "")
	lines := f.logs.FilterMessage("request").All()
	if len(lines) != 2 || lines[0].Level != zapcore.InfoLevel || lines[1].Level != zapcore.DebugLevel {
		t.Fatalf("%v", lines)
	}
	m := lines[0].ContextMap()
	if m["method"] != "GET" || m["route"] != "/things/{id}" || m["status"] != int64(200) || m["bytes"] != int64(3) ||
		m["request_id"] != "abc" || m["token"] != "ops" || m["duration"] == nil {
		t.Errorf("%v", m)
	}
	if strings.Contains(fmt.Sprint(m), "juliet") {
		t.Errorf("an address is in the log: %v", m)
	}
}

func TestPanic(t *testing.T) {
	f := start(t, httpapi.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, strings.Repeat("x", 10000))
		}
		panic("oops")
	})
	resp, body := f.do(t, "POST", "/things", "")
	isProblem(t, resp, body, 500)
	if strings.Contains(body, "oops") {
		t.Errorf("the panic went to the caller: %s", body)
	}
	r, _ := http.NewRequest("GET", "http://"+f.addr+"/things/1", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	if resp, err := http.DefaultClient.Do(r); err == nil {
		if _, err := io.ReadAll(resp.Body); err == nil {
			t.Error("half an answer came as a whole")
		}
		_ = resp.Body.Close()
	}
	lines := f.logs.FilterMessage("request panicked").All()
	if len(lines) != 2 || !strings.Contains(fmt.Sprint(lines[0].ContextMap()["stack"]), "server_test.go") {
		t.Errorf("%v", lines)
	}
	if resp, _ := f.do(t, "GET", "/healthz", ""); resp.StatusCode != 200 {
		t.Error("the process does not go on")
	}
}

func TestBusyPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	_, err = httpapi.NewServer(httpapi.New(httpapi.Options{Listen: l.Addr().String()})).Start()
	if err == nil || !strings.Contains(err.Error(), "http.listen") || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("%v", err)
	}
}

// raw opens a connection and writes the beginning of a request.
func (f *fixture) raw(t *testing.T, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", f.addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}
