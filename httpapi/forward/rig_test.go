package forward_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi"
	"stanzahook/httpapi/forward"
	"stanzahook/httpapi/rest"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/replica"
)

const (
	token     = "Bearer secret"
	maxBody   = 1000
	forwarded = "Stanzahook-Forwarded"
)

// role says which replica is active, as replica.Member does.
type role struct {
	mu      sync.Mutex
	now     *replica.Serving // nil: none
	changed chan struct{}
	over    chan struct{}
}

func newRole() *role { return &role{changed: make(chan struct{}), over: make(chan struct{})} }

// set is a sign of life of a replica; of none, if url is empty.
func (r *role) set(name, url string, about ...func(*replica.Serving)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = nil
	if url != "" {
		r.now = &replica.Serving{About: replica.About{Replica: name, Advertise: url, Since: time.Now()}, Over: r.over}
		for _, change := range about {
			change(r.now)
		}
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// take lets another replica take over from one that is silent.
func (r *role) take(name, url string) {
	r.mu.Lock()
	close(r.over)
	r.over = make(chan struct{})
	r.mu.Unlock()
	r.set(name, url)
}

func (r *role) active(ctx context.Context, last *replica.Serving) (replica.Serving, error) {
	for {
		r.mu.Lock()
		now, changed := r.now, r.changed
		r.mu.Unlock()
		if now != nil && (last == nil || !now.Since.Equal(last.Since)) {
			return *now, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return replica.Serving{}, ctx.Err()
		}
	}
}

// node is a replica: a server, and what it passes on.
type node struct {
	*forward.Forward
	url     string
	srv     *httptest.Server
	handler *httpapi.Server
}

// start starts a replica: a standby, unless it has routes.
func start(t *testing.T, name string, of *role, hold time.Duration, routes ...httpapi.Route) *node {
	t.Helper()
	n := &node{}
	n.Forward = forward.New(forward.Options{Name: name, Hold: hold, Active: of.active, Self: func() string { return n.url }, Repeatable: v1.Keyed})
	n.SetKey([]byte("the key of all replicas"))
	o := httpapi.Options{Replica: name, Forwarded: n.Caller, MaxBodyBytes: maxBody, Tokens: []httpapi.Token{{Name: "all", Hash: hashOf("secret"), Scopes: []string{gateway.ScopeSend}}}}
	form := rest.New(rest.Options{})
	mounts := []httpapi.Mount{{Prefix: form.Prefix, Fail: form.Fail}}
	if routes == nil {
		o.Elsewhere = n
	} else {
		mounts = append(mounts, httpapi.Mount{Prefix: "/v1", Routes: routes})
	}
	n.handler = httpapi.NewServer(httpapi.New(o, mounts...)) // which does not listen itself
	n.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.handler.Handler().ServeHTTP(w, r) }))
	n.url = n.srv.URL
	t.Cleanup(func() {
		n.Stop()
		n.srv.CloseClientConnections()
		n.srv.Close()
	})
	return n
}

func route(method, path string, serve http.HandlerFunc) httpapi.Route {
	return httpapi.Route{Method: method, Path: path, Handler: serve}
}

// echo answers with what it got.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Client", httpapi.ClientAddress(r.Context()).String())
	w.Header().Set("Id", httpapi.RequestID(r.Context()))
	w.Header().Set("Asked", r.Host+" "+r.Method+" "+r.RequestURI+" "+r.Header.Get("X-Own"))
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(body)
}

// answer is what a caller got.
type answer struct {
	*http.Response
	body string
	err  error // of the body
}

// ask sends a request to a replica.
func ask(t *testing.T, n *node, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, n.url+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{resp, string(data), err}
}

// asks sends a request in the background.
func asks(t *testing.T, n *node, method, path, body string, headers ...string) <-chan answer {
	t.Helper()
	done := make(chan answer, 1)
	go func() { done <- ask(t, n, method, path, body, headers...) }()
	return done
}

// nowhere is an address at which nobody listens.
func nowhere(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return "http://" + l.Addr().String()
}

// held waits until a replica holds, or passes on, so many requests.
func held(t *testing.T, n *node, want int64) {
	t.Helper()
	for {
		if _, waiting := n.Counts(); waiting == want {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("it is not held")
		}
		time.Sleep(time.Millisecond)
	}
}

// became fails if requests have had other outcomes.
func became(t *testing.T, n *node, want map[string]int64) {
	t.Helper()
	held(t, n, 0)
	counts, _ := n.Counts()
	for outcome, count := range counts {
		if count != want[outcome] {
			t.Errorf("%s: %d, not %d", outcome, count, want[outcome])
		}
	}
}
