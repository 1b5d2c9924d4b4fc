package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"sync"

	"go.uber.org/zap"

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
	guard := outbound.NewGuard(a.cfg.Outbound.Networks)
	var hosts []*roster.Host
	for i := range a.cfg.Rosters {
		c := &a.cfg.Rosters[i]
		backends, err := a.backends(c, guard)
		if err != nil {
			return err
		}
		a.ways[c.Host] = backends
		log := a.log.With(zap.String("host", c.Host))
		h := roster.NewHost(roster.Options{
			Domain: c.Host, Source: a.source(c, guard), Backends: backends, Cache: rosterCache{a.store},
			Mode: roster.Mode(c.Mode), Keep: c.KeepGlobs, Concurrency: c.Concurrency, Log: log,
		})
		hosts = append(hosts, h)
		if c.RefreshOnLogin {
			a.logins[c.Host] = roster.NewLogins(h, log)
		}
	}
	a.rosters = roster.New(a.store, a.log, hosts...)
	return nil
}

// keepRosters starts what refreshes rosters by itself. It ends before the links
// do, which what is under way needs.
func (a *app) keepRosters(context.Context) error {
	run, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, l := range a.logins {
		wg.Go(func() { l.Run(run) })
	}
	for _, c := range a.cfg.Rosters {
		if c.Interval > 0 {
			wg.Go(func() { a.rosters.Hosts[c.Host].Every(run, c.Interval) })
		}
	}
	a.later("rosters", func(ctx context.Context) {
		cancel()
		a.rosters.Stop(ctx)
		wg.Wait()
	})
	return nil
}

// source is the web application of a host.
func (a *app) source(c *RosterConfig, guard *outbound.Guard) *roster.HTTPSource {
	s := &roster.HTTPSource{
		URL: c.URL, Headers: http.Header{}, UserAgent: "stanzahook/" + version, Timeout: c.Timeout,
		Client: outbound.NewClient(guard, outbound.ClientOptions{Proxy: a.cfg.Outbound.ProxyURL(), IdleConns: c.Concurrency}),
	}
	for name, value := range c.Headers {
		s.Headers.Set(name, value.Reveal())
	}
	return s
}

// backends are the ways to a host's rosters that the configuration allows.
func (a *app) backends(c *RosterConfig, guard *outbound.Guard) (*roster.Backends, error) {
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
	if c.Backend == backendAuto || c.Backend == backendPrivilege {
		way, err := privilege.NewRosters(link, lim, c.Timeout)
		if err != nil {
			return nil, fmt.Errorf("rosters of %s: %w", c.Host, err)
		}
		b.Privilege = way
	}
	if c.Backend == backendAuto || c.Backend == backendRemote {
		b.RemoteItems = privilege.NewRemoteRosters(link, lim, c.Timeout)
	}
	if api := c.EjabberdAPI; api.URL != "" {
		b.API = &ejabberdapi.Backend{
			URL: api.URL, User: api.User, Password: api.Password, UserAgent: "stanzahook/" + version, Timeout: c.Timeout,
			Client: outbound.NewClient(guard, outbound.ClientOptions{IdleConns: c.Concurrency}),
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

// rosterHosts are the hosts whose rosters a component may change; what they say
// about privileges is believed.
func (a *app) rosterHosts(component string) []string {
	var hosts []string
	for _, c := range a.cfg.Rosters {
		if c.Component == component {
			hosts = append(hosts, c.Host)
		}
	}
	return hosts
}

// loggedIn tells who waits for the logins of a host's users; it is
// privilege.Keeper.Presence.
func (a *app) loggedIn(from jid.JID, available, repeated bool) {
	if l := a.logins[from.Domain()]; l != nil {
		l.Presence(from, available, repeated)
	}
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
