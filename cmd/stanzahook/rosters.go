package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"reflect"
	"slices"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/component/privilege"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/ejabberdapi"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// makeRosters makes what keeps the rosters. It is told of logins by the links, so
// it is there before they run.
func (a *app) makeRosters(context.Context) error {
	a.rosters = roster.New(a.store, a.log)
	options, err := a.rosterOptions(a.cfg)
	if err != nil {
		return err
	}
	a.setRosters(a.cfg, options)
	return nil
}

// keepRosters lets what refreshes rosters by itself begin. It ends before the
// links do, which what is under way needs.
func (a *app) keepRosters(context.Context) error {
	a.triggers.begin()
	a.later("rosters", func(ctx context.Context) {
		a.triggers.end()
		a.rosters.Stop(ctx)
	})
	return nil
}

// rosterOptions are what a configuration says about the rosters of each host, in
// its order.
func (a *app) rosterOptions(cfg *config.Config) ([]roster.Options, error) {
	guard := outbound.NewGuard(cfg.Outbound.Networks)
	var all []roster.Options
	for i := range cfg.Rosters {
		c := &cfg.Rosters[i]
		backends, err := a.backends(c, guard)
		if err != nil {
			return nil, err
		}
		all = append(all, roster.Options{
			Domain: c.Host, Source: source(cfg, c, guard), Backends: backends, Cache: rosterCache{a.store},
			Mode: roster.Mode(c.Mode), Keep: c.KeepGlobs, Concurrency: c.Concurrency, Log: a.log.With(zap.String("host", c.Host)),
		})
	}
	return all, nil
}

// setRosters makes the rosters those of a configuration. It returns the hosts
// that are not in it any more, to be stopped.
func (a *app) setRosters(cfg *config.Config, options []roster.Options) (gone []*roster.Host) {
	before := make(map[string]*roster.Host)
	for _, h := range a.rosters.All() {
		before[h.Domain] = h
	}
	var hosts []*roster.Host
	ways := a.ways
	a.ways = make(map[string]*roster.Backends)
	for i, o := range options {
		h, way := before[o.Domain], o.Backends.(*roster.Backends)
		switch {
		case h == nil:
			h = roster.NewHost(o)
		case a.sameRosters(cfg, i): // what was learnt about the server holds
			way = ways[o.Domain]
		default:
			h.Change(o)
		}
		delete(before, o.Domain)
		hosts = append(hosts, h)
		a.ways[o.Domain] = way
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
func (a *app) sameRosters(cfg *config.Config, i int) bool {
	return reflect.DeepEqual(a.cfg.Outbound, cfg.Outbound) && slices.ContainsFunc(a.cfg.Rosters, func(c config.Roster) bool {
		return reflect.DeepEqual(c, cfg.Rosters[i])
	})
}

// source is the web application of a host.
func source(cfg *config.Config, c *config.Roster, guard *outbound.Guard) *roster.HTTPSource {
	s := &roster.HTTPSource{
		URL: c.URL, Headers: http.Header{}, UserAgent: build.UserAgent(), Timeout: c.Timeout,
		Client: outbound.NewClient(guard, outbound.ClientOptions{
			Proxy: cfg.Outbound.ProxyURL(), IdleConns: c.Concurrency, TLS: c.TLS.Config(), Socket: c.Address.Socket(),
		}),
	}
	for name, value := range c.Headers {
		s.Headers.Set(name, value.Reveal())
	}
	return s
}

// backends are the ways to a host's rosters that the configuration allows.
func (a *app) backends(c *config.Roster, guard *outbound.Guard) (*roster.Backends, error) {
	link, keeper := a.links[c.Component], a.keepers[c.Component]
	b := &roster.Backends{Host: c.Host, Log: a.log}
	b.Grants = func(ctx context.Context) roster.Grants {
		n := link.Counters.Reconnects.Load()
		if !link.Connected() {
			return roster.Grants{Connection: n}
		}
		return roster.Grants{Connected: true, Connection: n, Roster: keeper.GrantedSoon(ctx, link, c.Host).Roster}
	}
	var lim stanza.Limits
	for _, comp := range a.cfg.Components {
		if comp.Domain == c.Component {
			lim.MaxBytes = int(comp.MaxStanzaBytes)
		}
	}
	if c.Backend == config.BackendAuto || c.Backend == config.BackendPrivilege {
		way, err := privilege.NewRosters(link, lim, c.Timeout)
		if err != nil {
			return nil, fmt.Errorf("rosters of %s: %w", c.Host, err)
		}
		b.Privilege = way
	}
	if c.Backend == config.BackendAuto || c.Backend == config.BackendRemote {
		b.RemoteItems = privilege.NewRemoteRosters(link, lim, c.Timeout)
	}
	if api := c.EjabberdAPI; api.URL != "" {
		b.API = &ejabberdapi.Backend{
			URL: api.URL, User: api.User, Password: api.Password, UserAgent: build.UserAgent(), Timeout: c.Timeout,
			Client: outbound.NewClient(guard, outbound.ClientOptions{IdleConns: c.Concurrency, TLS: api.TLS.Config(), Socket: api.Address.Socket()}),
		}
	}
	return b, nil
}

// rosters are those of package roster for the HTTP side.
type rosters struct{ *roster.Rosters }

// Start implements v1.Rosters and rosteradmin.Rosters.
func (r rosters) Start(ctx context.Context, owners []jid.JID, o roster.JobOptions) (*roster.Running, error) {
	run, err := r.Rosters.Start(ctx, owners, o)
	return run, forAPI(err)
}

// believed are the hosts of the server, besides the one that a component is a
// subdomain of: what they say about privileges counts.
func believed(cfg *config.Config, component string) []string {
	hosts := slices.Clone(cfg.HTTP.Basic.Accounts.Hosts)
	for _, c := range cfg.Rosters {
		if c.Component == component {
			hosts = append(hosts, c.Host)
		}
	}
	return hosts
}

// rosterCache is the store as roster.Cache.
type rosterCache struct{ *store.Store }

// Roster implements roster.Cache.
func (c rosterCache) Roster(ctx context.Context, owner jid.JID) ([]byte, uint64, error) {
	return c.Store.Roster(ctx, owner.Local(), owner.Domain())
}

// PutRoster implements roster.Cache.
func (c rosterCache) PutRoster(ctx context.Context, owner jid.JID, record []byte, revision uint64) (uint64, error) {
	revision, err := c.Store.PutRoster(ctx, owner.Local(), owner.Domain(), record, revision)
	if errors.Is(err, store.ErrChanged) {
		err = roster.ErrChanged
	}
	return revision, err
}

// RosterOwners implements roster.Cache.
func (c rosterCache) RosterOwners(ctx context.Context, host string) iter.Seq2[jid.JID, error] {
	return func(yield func(jid.JID, error) bool) {
		for user, err := range c.RosterUsers(ctx, host) {
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
