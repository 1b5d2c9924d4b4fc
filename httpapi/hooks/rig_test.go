package hooks_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/store"
)

// memory are the requests of a store.
type memory struct {
	mu  sync.Mutex
	all map[string]store.IdempotentRequest
	err error
}

func (m *memory) Begin(_ context.Context, key string, r store.IdempotentRequest) (store.IdempotentRequest, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return store.IdempotentRequest{}, false, m.err
	}
	if old, ok := m.all[key]; ok {
		return old, false, nil
	}
	if m.all == nil {
		m.all = make(map[string]store.IdempotentRequest)
	}
	m.all[key] = r
	return r, true, nil
}

func (m *memory) End(_ context.Context, key string, r store.IdempotentRequest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all[key] = r
	return nil
}

// rig is a server with a hook of each adapter, with the secret "s3cret-NAME".
type rig struct {
	http.Handler
	t        testing.TB
	net      *gatewaytest.Network
	requests *memory
	statuses *hooks.Statuses
	threads  *hooks.Threads
}

func newRig(t testing.TB, change func(*hooks.Hook)) *rig {
	t.Helper()
	return newRigWith(t, change, nil)
}

func newRigWith(t testing.TB, change func(*hooks.Hook), threads *hooks.Threads) *rig {
	t.Helper()
	g := &rig{t: t, net: &gatewaytest.Network{}, requests: &memory{}, statuses: &hooks.Statuses{}, threads: threads}
	var all []*hooks.Hook
	for _, name := range hook.Adapters() {
		reader, err := hook.New(hook.Options{Adapter: name})
		if err != nil {
			t.Fatal(err)
		}
		h := &hooks.Hook{Name: name, Adapter: name, Reader: reader, Hashes: [][32]byte{sha256.Sum256([]byte("s3cret-" + name))}, From: jid.MustParse("alerts@bot.example.com"),
			To: []jid.JID{jid.MustParse("juliet@example.com")}, MaxBody: 1 << 20}
		if change != nil {
			change(h)
		}
		all = append(all, h)
	}
	g.Handler = httpapi.New(httpapi.Options{MaxBodyBytes: 1000}, hooks.New(hooks.Options{Hooks: all, Sender: g.net, Requests: g.requests, Threads: threads, Statuses: g.statuses})...)
	return g
}

// call makes a request; headers are "Name: value".
func (g *rig) call(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

// answers is call, for what must have this status.
func (g *rig) answers(what string, status int, method, path, body string, headers ...string) {
	g.t.Helper()
	if w := g.call(method, path, body, headers...); w.Code != status {
		g.t.Errorf("%s: %d %s, want %d", what, w.Code, w.Body, status)
	}
}

// bodies are those of the messages that were sent.
func (g *rig) bodies() []string {
	var all []string
	for _, s := range g.net.Sent() {
		text, _ := s.Body()
		all = append(all, s.To.String()+": "+text)
	}
	return all
}
