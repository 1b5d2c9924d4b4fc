// Package rostertest has a roster source, an XMPP server and a store in memory, for
// tests of packages that use rosters.
package rostertest

import (
	"context"
	"errors"
	"iter"
	"maps"
	"sync"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// Memory is everything that a [roster.Syncer] needs. Set its fields before it is used.
type Memory struct {
	*Server
	Wants map[jid.JID]string // by owner, for [roster.Decode]; the source fails for others
	// Fails has the server's error for all requests about an owner.
	Fails map[jid.JID]error
	// Keeps has the owners for whose contacts the server sets no subscriptions.
	Keeps map[jid.JID]bool
	// Down is the error of Choose.
	Down error
	// Broken is the error of the store.
	Broken error
	// Hold blocks the source until it is closed.
	Hold chan struct{}

	mu      sync.Mutex
	records map[jid.JID]record
	jobs    map[string][]byte
}

type record struct {
	data     []byte
	revision uint64
}

// New returns rosters for the domains, and the Memory behind them. Stop the rosters at
// the end.
func New(domains ...string) (*roster.Rosters, *Memory) {
	m := &Memory{
		Server: NewServer("memory"), Wants: make(map[jid.JID]string), Fails: make(map[jid.JID]error), Keeps: make(map[jid.JID]bool),
		records: make(map[jid.JID]record), jobs: make(map[string][]byte),
	}
	m.Fail = func(_ string, owner, _ jid.JID) error { return m.Fails[owner] }
	m.Twist = func(owner jid.JID, _, item roster.Item) roster.Item {
		if m.Keeps[owner] {
			item.Subscription = roster.None
		}
		return item
	}
	var hosts []*roster.Syncer
	for _, d := range domains {
		hosts = append(hosts, roster.NewSyncer(roster.Options{
			Domain: d, Source: m, Backends: m, Cache: m, Mode: roster.Authoritative, Concurrency: 4, Log: zap.NewNop(),
		}))
	}
	return roster.New(m, zap.NewNop(), hosts...), m
}

// Contacts returns a roster of bare JIDs with the subscription both.
func Contacts(contacts ...string) roster.Roster {
	r := make(roster.Roster)
	for _, c := range contacts {
		j := jid.MustParse(c)
		r[j] = roster.NewItem(j, "", nil, roster.Both)
	}
	return r
}

// ID implements roster.Source.
func (m *Memory) ID() string { return "memory" }

// Fetch implements roster.Source.
func (m *Memory) Fetch(ctx context.Context, owner jid.JID, _ string) (roster.Wanted, error) {
	if m.Hold != nil {
		select {
		case <-m.Hold:
		case <-ctx.Done():
			return roster.Wanted{}, ctx.Err()
		}
	}
	text, ok := m.Wants[owner]
	if !ok {
		return roster.Wanted{}, errors.New("the web application answered 404 Not Found")
	}
	want, err := roster.Decode([]byte(text), owner)
	return roster.Wanted{Roster: want, Answer: []byte(text)}, err
}

// Choose implements roster.Chooser.
func (m *Memory) Choose(context.Context, jid.JID) (roster.Choice, error) {
	return roster.Choice{Backend: m}, m.Down
}

// Observe implements roster.Chooser.
func (m *Memory) Observe(roster.Choice, roster.Observation) bool { return false }

// Roster implements roster.Cache.
func (m *Memory) Roster(_ context.Context, owner jid.JID) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.records[owner]
	return r.data, r.revision, m.Broken
}

// PutRoster implements roster.Cache.
func (m *Memory) PutRoster(_ context.Context, owner jid.JID, data []byte, revision uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Broken != nil {
		return 0, m.Broken
	}
	if m.records[owner].revision != revision {
		return 0, gateway.ErrChanged
	}
	m.records[owner] = record{data, revision + 1}
	return revision + 1, nil
}

// RosterOwners implements roster.Cache.
func (m *Memory) RosterOwners(_ context.Context, host string) iter.Seq2[jid.JID, error] {
	return func(yield func(jid.JID, error) bool) {
		m.mu.Lock()
		known := maps.Clone(m.records)
		m.mu.Unlock()
		if m.Broken != nil {
			yield(jid.JID{}, m.Broken)
			return
		}
		for owner := range known {
			if owner.Domain() == host && !yield(owner, nil) {
				return
			}
		}
	}
}

// PutJob implements roster.JobStore.
func (m *Memory) PutJob(_ context.Context, id string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs[id] = data
	return m.Broken
}

// Job implements roster.JobStore.
func (m *Memory) Job(_ context.Context, id string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.jobs[id], m.Broken
}
