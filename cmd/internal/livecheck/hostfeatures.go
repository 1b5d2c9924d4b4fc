package livecheck

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

// A host's record has a bound, and a lost feature is forgotten after a while.
const (
	featuresMost   = 256
	featureBytes   = 256
	featuresForget = 30 * 24 * time.Hour
)

// HostFeatures keeps what hosts of the server have, to tell what they have lost.
type HostFeatures struct {
	store *store.States[store.HostFeatures]
	now   func() time.Time
	mu    sync.Mutex // of the records
}

// NewHostFeatures returns the features that a store keeps.
func NewHostFeatures(s *store.States[store.HostFeatures]) *HostFeatures {
	return &HostFeatures{store: s, now: time.Now}
}

// observation is the state of one host.
type observation struct {
	before int      // so many were kept; 0: nothing was
	have   int      // so many it has now
	lost   []string // what it had before and has no longer, sorted
}

// observe asks a host for its features, and stores them.
func (f *HostFeatures) observe(ctx context.Context, link *component.Link, host jid.JID) (observation, error) {
	features, err := disco.Features(ctx, link, host)
	if err != nil {
		return observation{}, err
	}
	has := distinct(features)
	f.mu.Lock()
	defer f.mu.Unlock()
	kept, err := f.store.Get(ctx, host.Domain())
	if err != nil {
		return observation{}, err
	}
	next := remember(kept, has, f.now())
	found := observation{before: len(kept), have: len(has)}
	for feature, since := range next {
		if !since.IsZero() {
			found.lost = append(found.lost, feature)
		}
	}
	slices.Sort(found.lost)
	if !maps.EqualFunc(kept, next, time.Time.Equal) {
		err = f.store.Put(ctx, host.Domain(), next)
	}
	return found, err
}

// distinct are the features that are kept: each once, and so many at most.
func distinct(features []string) []string {
	all := slices.DeleteFunc(slices.Clone(features), func(f string) bool { return f == "" || len(f) > featureBytes })
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), featuresMost)]
}

// remember returns the record of a host that has these features now.
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

// Watch observes hosts again and again, until the connection ends and ctx is done.
func (f *HostFeatures) Watch(ctx context.Context, link *component.Link, hosts func() []jid.JID) {
	f.watchEvery(ctx, link, hosts, featuresFirst, featuresEvery)
}

func (f *HostFeatures) watchEvery(ctx context.Context, link *component.Link, hosts func() []jid.JID, first, every time.Duration) {
	for wait := first; ; wait = every {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		for _, host := range hosts() {
			ask, cancel := context.WithTimeout(ctx, checkTimeout)
			// A host need not answer; "check --live" says so.
			_, _ = f.observe(ask, link, host)
			cancel()
		}
	}
}
