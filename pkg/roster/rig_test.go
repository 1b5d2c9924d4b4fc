package roster_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/rostertest"
)

// app is a web application: by user, the contacts, or "!" and a status.
type app struct {
	url string

	mu      sync.Mutex
	answers map[string]string
	asked   int
}

func newApp(t testing.TB) *app {
	a := &app{answers: make(map[string]string)}
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	a.url = srv.URL + "/contacts/%s"
	return a
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.asked++
	answer, ok := a.answers[strings.TrimPrefix(r.URL.Path, "/contacts/")]
	a.mu.Unlock()
	etag := fmt.Sprintf(`"%x"`, answer)
	switch {
	case !ok:
		http.NotFound(w, r)
	case strings.HasPrefix(answer, "!"):
		w.WriteHeader(http.StatusInternalServerError)
	case r.Header.Get("If-None-Match") == etag:
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("ETag", etag)
		_, _ = w.Write([]byte(answer))
	}
}

func (a *app) says(user, answer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[user] = answer
}

// rig is a host with all that is around it.
type rig struct {
	*roster.Syncer
	app      *app
	server   *rostertest.Server
	cache    *rostertest.Memory
	backends *roster.Backends
}

func newRig(t testing.TB, change func(*roster.Options, *roster.Backends)) *rig {
	r := &rig{server: rostertest.NewServer("privilege")}
	_, r.cache = rostertest.New()
	log := zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel))
	r.backends = &roster.Backends{Host: "example.com", Privilege: r.server, Log: log, Grants: func(context.Context) roster.Grants {
		return roster.Grants{Connected: true, Roster: "both"}
	}}
	o := roster.Options{
		Domain: "example.com", Backends: r.backends, Cache: r.cache, Mode: roster.Authoritative, Concurrency: 4, Log: log,
	}
	if change != nil {
		change(&o, r.backends)
	}
	if o.Source == nil {
		r.app = newApp(t)
		o.Source = &roster.HTTPSource{URL: r.app.url, Timeout: 10 * time.Second, Client: http.DefaultClient}
	}
	r.Syncer = roster.NewSyncer(o)
	t.Cleanup(func() { r.Stop(context.Background()) })
	return r
}

// refresh refreshes john's roster, and returns the outcome.
func (r *rig) refresh(t testing.TB) string {
	t.Helper()
	return r.refreshOf(t, john, false)
}

func (r *rig) refreshOf(t testing.TB, owner jid.JID, force bool) string {
	t.Helper()
	o, err := r.Refresh(t.Context(), owner, force)
	require.NoError(t, err)
	return strings.TrimSuffix(string(o.Result)+": "+o.Detail, ": ")
}

func item(contact, name string, s roster.Subscription, groups ...string) roster.Item {
	return roster.NewItem(jid.MustParse(contact), name, groups, s)
}
