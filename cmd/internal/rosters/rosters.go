package rosters

import (
	"context"
	"iter"
	"reflect"
	"slices"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/parts"
	"stanzahook/component"
	"stanzahook/component/privilege"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/store"
)

// Options are what rosters are kept with. All are needed.
type Options struct {
	Store  *store.Rosters
	Links  map[string]*component.Link   // by domain
	Grants map[string]*privilege.Keeper // by domain
	OnEnd  func(roster.Outcome)         // called at the end of each refresh; must not wait
	Log    *zap.Logger
}

// Rosters are the rosters of a configuration. Who changes them sees to it that no other change
// is in progress.
type Rosters struct {
	*roster.Rosters
	Backends map[string]*roster.Backends // by host; another map after a change

	options  Options
	cfg      *config.Config
	triggers triggers
}

// New makes the rosters of a configuration, before the links run, which report logins.
func New(cfg *config.Config, o Options) (*Rosters, error) {
	r := &Rosters{Rosters: roster.New(o.Store, o.Log), options: o, cfg: cfg}
	hosts, err := r.Prepare(cfg)
	if err != nil {
		return nil, err
	}
	r.Change(cfg, hosts)
	return r, nil
}

// Begin begins to refresh rosters at logins and in intervals.
func (r *Rosters) Begin() { r.triggers.begin() }

// End waits for the refreshes in progress, until ctx is done. It is called before the links
// end, which they need.
func (r *Rosters) End(ctx context.Context) {
	r.triggers.end()
	r.Stop(ctx)
}

// OnLogin is privilege.Keeper.Presence.
func (r *Rosters) OnLogin(from jid.JID, available, repeated bool) {
	r.triggers.onLogin(from, available, repeated)
}

// Prepare returns what a configuration says about the rosters of each host, in its order, for
// Change. Nothing has changed yet.
func (r *Rosters) Prepare(cfg *config.Config) ([]roster.Options, error) {
	guard := outbound.NewGuard(cfg.Outbound.Networks)
	var all []roster.Options
	for i := range cfg.Rosters {
		c := &cfg.Rosters[i]
		backends, err := parts.RosterBackends(r.cfg, c, r.options.Links[c.Component], r.options.Grants[c.Component], guard, r.options.Log)
		if err != nil {
			return nil, err
		}
		all = append(all, roster.Options{
			Domain: c.Host, Source: parts.RosterSource(cfg, c, guard), Backends: backends, Cache: rosterCache{r.options.Store},
			Mode: roster.Mode(c.Mode), Keep: c.KeepGlobs, Concurrency: c.Concurrency, Log: r.options.Log.With(zap.String("host", c.Host)), OnEnd: r.options.OnEnd,
		})
	}
	return all, nil
}

// Change makes the rosters those of a configuration. It returns the hosts
// that are not in it any more, to be stopped.
func (r *Rosters) Change(cfg *config.Config, options []roster.Options) (gone []*roster.Syncer) {
	before := make(map[string]*roster.Syncer)
	for _, h := range r.All() {
		before[h.Domain] = h
	}
	var hosts []*roster.Syncer
	oldBackends := r.Backends
	r.Backends = make(map[string]*roster.Backends)
	for i, o := range options {
		h, backends := before[o.Domain], o.Backends.(*roster.Backends)
		switch {
		case h == nil:
			h = roster.NewSyncer(o)
		case r.same(cfg, i): // what it has learnt about the server holds
			backends = oldBackends[o.Domain]
		default:
			h.Change(o)
		}
		delete(before, o.Domain)
		hosts = append(hosts, h)
		r.Backends[o.Domain] = backends
		r.triggers.set(h, cfg.Rosters[i].RefreshOnLogin, cfg.Rosters[i].Interval)
	}
	r.Set(hosts...)
	r.cfg = cfg
	for domain, h := range before {
		r.triggers.remove(domain)
		gone = append(gone, h)
	}
	return gone
}

// same reports whether the rosters of another configuration are kept just
// as they are now.
func (r *Rosters) same(cfg *config.Config, i int) bool {
	return reflect.DeepEqual(r.cfg.Outbound, cfg.Outbound) && slices.ContainsFunc(r.cfg.Rosters, func(c config.Roster) bool {
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
