package parts

import (
	"context"
	"fmt"
	"net/http"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/component"
	"stanzahook/component/privilege"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/ejabberdapi"
	"stanzahook/pkg/stanza"
)

// RosterSource is the web application of a host.
func RosterSource(cfg *config.Config, c *config.Roster, guard *outbound.Guard) *roster.HTTPSource {
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

// RosterSources are the web applications of the rosters, by host.
func RosterSources(cfg *config.Config) map[string]*roster.HTTPSource {
	all := make(map[string]*roster.HTTPSource)
	for n := range cfg.Rosters {
		c := &cfg.Rosters[n]
		all[c.Host] = RosterSource(cfg, c, outbound.NewGuard(cfg.Outbound.Networks))
	}
	return all
}

// RosterBackends are the backends of a host's rosters that the configuration allows,
// over the link of their component.
func RosterBackends(cfg *config.Config, c *config.Roster, link *component.Link, grants *privilege.Keeper, guard *outbound.Guard, log *zap.Logger) (*roster.Backends, error) {
	b := &roster.Backends{Host: c.Host, Log: log}
	b.Grants = func(ctx context.Context) roster.Grants {
		n := link.Counters.Reconnects.Load()
		if !link.Connected() {
			return roster.Grants{Connection: n}
		}
		return roster.Grants{Connected: true, Connection: n, Roster: grants.GrantedSoon(ctx, link, c.Host).Roster}
	}
	var lim stanza.Limits
	for _, comp := range cfg.Components {
		if comp.Domain == c.Component {
			lim.MaxBytes = int(comp.MaxStanzaBytes)
		}
	}
	if c.Backend == config.BackendAuto || c.Backend == config.BackendPrivilege {
		p, err := privilege.NewRosters(link, lim, c.Timeout, log)
		if err != nil {
			return nil, fmt.Errorf("rosters of %s: %w", c.Host, err)
		}
		b.Privilege = p
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
