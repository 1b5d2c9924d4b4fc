package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"stanzahook/component"
	"stanzahook/component/disco"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/store"
)

// Hosts of the server are asked what they have when a connection has lasted for
// a while, and then once a day.
const (
	featuresFirst = time.Minute
	featuresEvery = 24 * time.Hour
)

// A host's record has a bound. What is missing for so long is no longer told.
const (
	featuresMost   = 256
	featureBytes   = 256
	featuresForget = 30 * 24 * time.Hour
)

// features keeps what hosts of the server have, to tell what they have lost.
type features struct {
	store *store.Store
	now   func() time.Time
	mu    sync.Mutex // of the records
}

// newFeatures returns the features that a store keeps.
func newFeatures(s *store.Store) *features { return &features{store: s, now: time.Now} }

// featuresFound is what a look at one host has shown.
type featuresFound struct {
	before int      // so many were kept; 0: nothing was
	have   int      // so many it has now
	lost   []string // what it had before and has no longer, sorted
}

// look asks a host, and keeps what it has.
func (f *features) look(ctx context.Context, link *component.Link, host jid.JID) (featuresFound, error) {
	told, err := disco.Features(ctx, link, host)
	if err != nil {
		return featuresFound{}, err
	}
	has := distinct(told)
	f.mu.Lock()
	defer f.mu.Unlock()
	kept, err := f.store.Features(ctx, host.Domain())
	if err != nil {
		return featuresFound{}, err
	}
	next := remember(kept, has, f.now())
	found := featuresFound{before: len(kept), have: len(has)}
	for feature, since := range next {
		if !since.IsZero() {
			found.lost = append(found.lost, feature)
		}
	}
	slices.Sort(found.lost)
	if !maps.EqualFunc(kept, next, time.Time.Equal) {
		err = f.store.PutFeatures(ctx, host.Domain(), next)
	}
	return found, err
}

// distinct are the features that are kept: each once, and so many at most.
func distinct(told []string) []string {
	all := slices.DeleteFunc(slices.Clone(told), func(f string) bool { return f == "" || len(f) > featureBytes })
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), featuresMost)]
}

// remember is what is kept of a host after it has told what it has.
func remember(kept store.HostFeatures, has []string, now time.Time) store.HostFeatures {
	next := make(store.HostFeatures)
	for _, f := range has {
		next[f] = time.Time{}
	}
	for _, f := range slices.Sorted(maps.Keys(kept)) {
		since := kept[f]
		if _, there := next[f]; there || len(next) >= featuresMost {
			continue
		}
		if since.IsZero() {
			since = now
		}
		if now.Sub(since) < featuresForget {
			next[f] = since.UTC().Round(0)
		}
	}
	return next
}

// watch looks at hosts again and again, until ctx is done: the connection ends.
func (f *features) watch(ctx context.Context, link *component.Link, hosts func() []jid.JID) {
	f.watchEvery(ctx, link, hosts, featuresFirst, featuresEvery)
}

func (f *features) watchEvery(ctx context.Context, link *component.Link, hosts func() []jid.JID, first, every time.Duration) {
	for wait := first; ; wait = every {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		for _, host := range hosts() {
			ask, cancel := context.WithTimeout(ctx, inspectionTimeout)
			// A host need not tell; "check --live" says so.
			_, _ = f.look(ask, link, host)
			cancel()
		}
	}
}
