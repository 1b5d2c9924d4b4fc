package app

import (
	"context"
	"iter"
	"reflect"
	"slices"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/parts"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/store"
)

// makeRosters makes the rosters, before the links run, which report logins.
func (a *App) makeRosters(context.Context) error {
	a.rosters = roster.New(a.store.Rosters(), a.log)
	options, err := a.rosterOptions(a.cfg)
	if err != nil {
		return err
	}
	a.setRosters(a.cfg, options)
	return nil
}

// keepRosters begins to refresh rosters at logins and in intervals. It ends before the
// links, which a refresh in progress needs.
func (a *App) keepRosters(context.Context) error {
	a.triggers.begin()
	a.onStop("rosters", func(ctx context.Context) {
		a.triggers.end()
		a.rosters.Stop(ctx)
	})
	return nil
}

// rosterOptions are what a configuration says about the rosters of each host, in
// its order.
func (a *App) rosterOptions(cfg *config.Config) ([]roster.Options, error) {
	guard := outbound.NewGuard(cfg.Outbound.Networks)
	var all []roster.Options
	for i := range cfg.Rosters {
		c := &cfg.Rosters[i]
		backends, err := parts.RosterBackends(a.cfg, c, a.links[c.Component], a.grants[c.Component], guard, a.log)
		if err != nil {
			return nil, err
		}
		all = append(all, roster.Options{
			Domain: c.Host, Source: parts.RosterSource(cfg, c, guard), Backends: backends, Cache: rosterCache{a.store.Rosters()},
			Mode: roster.Mode(c.Mode), Keep: c.KeepGlobs, Concurrency: c.Concurrency, Log: a.log.With(zap.String("host", c.Host)), OnEnd: a.happenings.OnEnd,
		})
	}
	return all, nil
}

// setRosters makes the rosters those of a configuration. It returns the hosts
// that are not in it any more, to be stopped.
func (a *App) setRosters(cfg *config.Config, options []roster.Options) (gone []*roster.Syncer) {
	before := make(map[string]*roster.Syncer)
	for _, h := range a.rosters.All() {
		before[h.Domain] = h
	}
	var hosts []*roster.Syncer
	oldBackends := a.backends
	a.backends = make(map[string]*roster.Backends)
	for i, o := range options {
		h, backends := before[o.Domain], o.Backends.(*roster.Backends)
		switch {
		case h == nil:
			h = roster.NewSyncer(o)
		case a.sameRosters(cfg, i): // what it has learnt about the server holds
			backends = oldBackends[o.Domain]
		default:
			h.Change(o)
		}
		delete(before, o.Domain)
		hosts = append(hosts, h)
		a.backends[o.Domain] = backends
		a.triggers.set(h, cfg.Rosters[i].RefreshOnLogin, cfg.Rosters[i].Interval)
	}
	a.rosters.Set(hosts...)
	for domain, h := range before {
		a.triggers.remove(domain)
		gone = append(gone, h)
	}
	return gone
}

// sameRosters reports whether the rosters of another configuration are kept just
// as they are now.
func (a *App) sameRosters(cfg *config.Config, i int) bool {
	return reflect.DeepEqual(a.cfg.Outbound, cfg.Outbound) && slices.ContainsFunc(a.cfg.Rosters, func(c config.Roster) bool {
		return reflect.DeepEqual(c, cfg.Rosters[i])
	})
}

// rosterCache is the store as roster.Cache.
type rosterCache struct{ *store.Rosters }

// Roster implements roster.Cache.
func (c rosterCache) Roster(ctx context.Context, owner jid.JID) ([]byte, uint64, error) {
	return c.Get(ctx, owner.Local(), owner.Domain())
}

// PutRoster implements roster.Cache.
func (c rosterCache) PutRoster(ctx context.Context, owner jid.JID, record []byte, revision uint64) (uint64, error) {
	return c.Put(ctx, owner.Local(), owner.Domain(), record, revision)
}

// RosterOwners implements roster.Cache.
func (c rosterCache) RosterOwners(ctx context.Context, host string) iter.Seq2[jid.JID, error] {
	return func(yield func(jid.JID, error) bool) {
		for user, err := range c.Users(ctx, host) {
			var owner jid.JID
			if err == nil {
				owner = jid.FromServer(user + "@" + host)
			}
			if !yield(owner, err) {
				return
			}
		}
	}
}
