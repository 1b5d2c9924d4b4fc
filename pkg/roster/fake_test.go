package roster_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// server is an XMPP server's rosters, with the faults that a test gives it.
type server struct {
	name string

	mu      sync.Mutex
	rosters map[jid.JID]roster.Roster
	log     []string // what was asked for, without reads
	reads   int
	// The faults: an error for what is about to be done, or another item than the
	// one that was to be set.
	fail  func(what string, owner, contact jid.JID) error
	twist func(old, item roster.Item) roster.Item
	reach func(contact jid.JID) bool
	slow  time.Duration // of each request; for tests whose clock is that of a bubble
}

func newServer(name string) *server {
	return &server{name: name, rosters: make(map[jid.JID]roster.Roster)}
}

func (s *server) Name() string { return s.name }

func (s *server) Reaches(contact jid.JID) bool { return s.reach == nil || s.reach(contact) }

func (s *server) do(what string, owner, contact jid.JID) error {
	if s.fail == nil {
		return nil
	}
	return s.fail(what, owner, contact)
}

func (s *server) Get(_ context.Context, owner jid.JID) (roster.Roster, error) {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if err := s.do("get", owner, jid.JID{}); err != nil {
		return nil, err
	}
	if r := maps.Clone(s.rosters[owner]); r != nil {
		return r, nil
	}
	return roster.Roster{}, nil
}

func (s *server) Set(_ context.Context, owner jid.JID, item roster.Item) error {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, "set "+item.String())
	if err := s.do("set", owner, item.JID); err != nil {
		return err
	}
	if s.twist != nil {
		item = s.twist(s.rosters[owner][item.JID], item)
	}
	if s.rosters[owner] == nil {
		s.rosters[owner] = make(roster.Roster)
	}
	s.rosters[owner][item.JID] = item
	return nil
}

func (s *server) Remove(_ context.Context, owner, contact jid.JID) error {
	time.Sleep(s.slow)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, "remove "+contact.String())
	if err := s.do("remove", owner, contact); err != nil {
		return err
	}
	delete(s.rosters[owner], contact)
	return nil
}

// taken returns what was asked for since the last time.
func (s *server) taken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := strings.Join(s.log, "\n")
	s.log = nil
	return log
}

// readCount is how often a roster was read.
func (s *server) readCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// put is what a user does by hand.
func (s *server) put(owner jid.JID, items ...roster.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rosters[owner] == nil {
		s.rosters[owner] = make(roster.Roster)
	}
	for _, item := range items {
		s.rosters[owner][item.JID] = item
	}
}

func (s *server) drop(owner, contact jid.JID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rosters[owner], contact)
}

// cache is a roster.Cache and roster.JobStore in memory.
type cache struct {
	mu      sync.Mutex
	records map[jid.JID][]byte
	numbers map[jid.JID]uint64
	jobs    map[string][]byte
	broken  error
	onPut   func(jid.JID, []byte)
}

func newCache() *cache {
	return &cache{records: make(map[jid.JID][]byte), numbers: make(map[jid.JID]uint64), jobs: make(map[string][]byte)}
}

func (c *cache) Roster(_ context.Context, owner jid.JID) ([]byte, uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.records[owner], c.numbers[owner], c.broken
}

func (c *cache) PutRoster(_ context.Context, owner jid.JID, record []byte, revision uint64) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return 0, c.broken
	}
	if revision != c.numbers[owner] {
		return 0, gateway.ErrChanged
	}
	if c.onPut != nil {
		c.onPut(owner, record)
	}
	c.records[owner] = record
	c.numbers[owner]++
	return c.numbers[owner], nil
}

func (c *cache) RosterOwners(_ context.Context, host string) iter.Seq2[jid.JID, error] {
	c.mu.Lock()
	defer c.mu.Unlock()
	owners := slices.Collect(maps.Keys(c.records))
	return func(yield func(jid.JID, error) bool) {
		for _, o := range owners {
			if o.Domain() == host && !yield(o, nil) {
				return
			}
		}
	}
}

func (c *cache) PutJob(_ context.Context, id string, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jobs[id] = data
	return c.broken
}

func (c *cache) Job(_ context.Context, id string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.jobs[id], c.broken
}

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
	app    *app
	server *server
	cache  *cache
	ways   *roster.Backends
}

func newRig(t testing.TB, change func(*roster.Options, *roster.Backends)) *rig {
	r := &rig{server: newServer("privilege"), cache: newCache()}
	log := zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel))
	r.ways = &roster.Backends{Host: "example.com", Privilege: r.server, Log: log, Grants: func(context.Context) roster.Grants {
		return roster.Grants{Connected: true, Roster: "both"}
	}}
	o := roster.Options{
		Domain: "example.com", Backends: r.ways, Cache: r.cache, Mode: roster.Authoritative, Concurrency: 4, Log: log,
	}
	if change != nil {
		change(&o, r.ways)
	}
	if o.Source == nil {
		r.app = newApp(t)
		o.Source = &roster.HTTPSource{URL: r.app.url, Timeout: 10 * time.Second, Client: http.DefaultClient}
	}
	r.Syncer = roster.NewSyncer(o)
	t.Cleanup(func() { r.Stop(context.Background()) })
	return r
}

// refresh refreshes john's roster, and returns what came of it.
func (r *rig) refresh(t testing.TB) string {
	t.Helper()
	return r.refreshOf(t, john, false)
}

func (r *rig) refreshOf(t testing.TB, owner jid.JID, force bool) string {
	t.Helper()
	o, err := r.Refresh(t.Context(), owner, force)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(o.Result)+": "+o.Detail, ": ")
}

func item(contact, name string, s roster.Subscription, groups ...string) roster.Item {
	return roster.NewItem(jid.MustParse(contact), name, groups, s)
}
