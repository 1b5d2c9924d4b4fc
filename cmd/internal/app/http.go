package app

import (
	"context"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/api"
	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/livecheck"
	"stanzahook/cmd/internal/metrics"
	"stanzahook/cmd/internal/parts"
	"stanzahook/httpapi"
	"stanzahook/httpapi/console"
	"stanzahook/httpapi/mcp"
	"stanzahook/httpapi/openapi"
	"stanzahook/httpapi/rest"
	"stanzahook/httpapi/rosteradmin"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// listen starts the HTTP server, last of all: its callers find the rest running.
func (a *App) listen(context.Context) error {
	a.setAccounts(a.cfg)
	a.onStop("sessions of accounts", func(context.Context) {
		if a.accounts != nil {
			a.accounts.Close()
		}
	})
	a.metrics = metrics.New(metrics.Sources{
		Started: a.started, Links: a.links, Outboxes: a.outboxes, OutboxShares: a.outboxShares, Bounces: &a.sent.Bounces, Messages: metrics.Messages{Forward: a.forward, Unreadable: a.unreadable, Recent: a.recent, Questions: a.questions, Quiet: a.quiet, Corrections: a.corrections}, Rooms: a.rooms, Services: a.services, Uploads: a.uploads, Bots: a.bots, Updates: a.updates, Commands: a.commands, SelfSends: a.sent.SelfSends,
		Subscribers: a.subscribers, Rosters: a.rosters.Rosters, Removed: a.removed, Store: a.store, Made: func() int { return len(a.current.Load().made) }, Listeners: func() int { return len(a.listeners.All()) },
		Server: func() *httpapi.Server { return a.server }, Failures: &a.failures, Logins: &a.logins, Tail: a.happenings.Tail, Tokens: a.tokenNames, Hooks: a.hooks.All, HookThreads: a.threads.Count, HookBack: a.threads.Back, SaidWaiting: a.waiting.Count, Replica: a.role.Status, Forwarded: a.role.Forwarded, Traces: a.tracer.Counts, Log: a.log,
	})
	if err := a.serve(); err != nil {
		return err
	}
	a.onStop("http", func(ctx context.Context) {
		if err := a.server.Stop(ctx); err != nil {
			a.log.Warn("HTTP requests aborted", zap.Error(err))
		}
	})
	a.onStop("readers of events", func(context.Context) {
		delivery.NewWorkers(a.workers).Hangup()
		a.happenings.Close()
		a.listeners.Hangup()
	})
	a.role.Serve(true)
	a.onStop("requests of other replicas", func(context.Context) { a.role.Serve(false) })
	return nil
}

// serve lets the HTTP server answer: a new one, or that of the standby that this was.
func (a *App) serve() (err error) {
	if a.role != nil {
		a.server, a.Addr = a.role.Server(), a.role.Addr
		return a.server.Replace(a.surfaces(a.cfg))
	}
	a.server = httpapi.NewServer(a.surfaces(a.cfg))
	a.Addr, err = a.server.Start()
	return err
}

// surfaces returns the handler of all HTTP APIs of a configuration.
func (a *App) surfaces(cfg *config.Config) *httpapi.Handler {
	var domains []jid.JID
	limits := make(map[string]stanza.Limits)
	secrets := make(map[string]secret.String)
	for _, c := range cfg.Components {
		domains = append(domains, jid.MustParse(c.Domain)) // canonical since the configuration was read
		limits[c.Domain] = stanza.Limits{MaxBytes: int(c.MaxStanzaBytes)}
		if cfg.HTTP.Basic.Component {
			secrets[c.Domain] = c.Secret
		}
	}
	send := a.newSender()
	send.Own, send.Bounds, send.Tracer = domains, limits, a.tracer
	query := func(ctx context.Context, s *stanza.Stanza) ([]*stanza.Stanza, error) {
		return a.archives.Query(ctx, s, send.Request)
	}
	var rosters v1.Rosters // without configured rosters the interface itself is nil
	if len(cfg.Rosters) > 0 {
		rosters = a.rosters.Rosters
	}
	deliveries := delivery.NewDeliveries(a.store, a.workers, a.resend)
	deliveries.Watch(a.happenings.Watch())
	targets := a.endpoints()
	mount := v1.New(v1.Options{
		Deliveries: deliveries, Tail: a.happenings.Tail, Summary: a.summaryOf(targets.Workers), Endpoints: targets, Listeners: a.listeners, Hooks: a.hookAPI(send), Events: api.Events{Workers: targets.Workers},
		Sender: send, Sent: a.sent.Get, News: a.sent.News, Recent: a.recent, Requests: a.store.IdempotencyKeys(), InProgress: &a.inProgress, Status: a.status(cfg, targets).Get, Check: a.liveCheck(cfg, targets), Config: func() v1.Config { return api.Config(a.config()) },
		Rosters: rosters, Rooms: api.Rooms{Rooms: a.rooms}, Bots: a.profiles, Commands: &api.Commands{Config: a.config, Table: a.made.commands, Served: a.commands}, Uploads: a.uploads, Reload: a.reloader, IQTimeout: cfg.HTTP.IQTimeout, IQMaxTimeout: cfg.HTTP.IQMaxTimeout, Log: a.log,
	})
	agents := a.tools(mount, targets, domains)
	mounts := append(a.hookRoutes(cfg, send), rest.New(rest.Options{
		Sender: send, Query: query, Secrets: secrets, IQTimeout: cfg.HTTP.IQTimeout, IQMaxTimeout: cfg.HTTP.IQMaxTimeout, Log: a.log,
	}), a.messages(cfg, send), mount, agents.Mount(), rosteradmin.New(rosteradmin.Options{Rosters: rosters, Log: a.log}))
	if cfg.MCP.Enabled {
		mounts = append(mounts, mcp.New(mcp.Options{Path: cfg.MCP.Path, Version: build.Version, Tools: agents, Log: a.log}))
	}
	return httpapi.New(httpapi.Options{
		Listen: cfg.HTTP.Listen, BasePath: cfg.HTTP.BasePath, TrustedProxies: cfg.HTTP.Proxies, Hosts: cfg.HTTP.Hosts,
		CertFile: cfg.HTTP.TLS.CertFile, KeyFile: cfg.HTTP.TLS.KeyFile,
		Tokens: parts.Tokens(cfg.HTTP.Tokens, a.rooms.IsRoom), NoAuth: cfg.HTTP.InsecureNoAuth, Rate: httpapi.RateLimit(cfg.HTTP.RateLimit),
		MaxBodyBytes: int64(cfg.HTTP.MaxBodyBytes), Version: build.Version, Log: a.log, Ready: a.readiness(),
		Open: openRoutes(cfg, a.metrics.Route(a.workers)), Observer: a.metrics.Observer(),
		Failures: &a.failures, OnRequest: a.happenings.OnRequest, Forwarded: a.role.Caller(), Replica: a.role.Name(),
	}, mounts...)
}

// endpoints returns the endpoints of the current configuration.
func (a *App) endpoints() *api.Endpoints {
	now := a.current.Load()
	return &api.Endpoints{
		Config: now.cfg, Made: now.made, Workers: delivery.NewWorkers(now.workers), Removed: a.removed, Listeners: a.listeners.Describe,
		Store: a.store, Forward: a.forward, Table: a.made.endpoints, Now: a.endpoints,
	}
}

// status returns the state of the process, as long as it has a configuration.
func (a *App) status(cfg *config.Config, targets *api.Endpoints) *api.Status {
	return &api.Status{
		Config: cfg, Links: a.links, Grants: a.grants, Outboxes: a.outboxes, Endpoints: targets, Rosters: a.rosters.Rosters, Backends: a.rosters.Backends, Rooms: a.rooms,
		Commands: a.commands, Services: a.services, Finder: a.finder, Store: a.store, Role: a.role, Started: a.started,
	}
}

// openRoutes are the routes that need no token.
func openRoutes(cfg *config.Config, metrics httpapi.Route) []httpapi.Route {
	routes := []httpapi.Route{openapi.Route(build.Version), metrics}
	if cfg.HTTP.HasConsole() {
		routes = append(routes, console.Routes(console.Options{NoAuth: cfg.HTTP.InsecureNoAuth})...)
	}
	return routes
}

// resend sends a dead letter of the outbox again.
func (a *App) resend(ctx context.Context, component string, s *stanza.Stanza) error {
	box, ok := a.outboxes[component]
	if !ok {
		return fmt.Errorf("%w: the component %s is not in the configuration any more", gateway.ErrConflict, component)
	}
	_, err := box.Send(ctx, "", s)
	return err
}

// liveCheck returns v1.Options.Check of the running instance, as long as it has
// this configuration.
func (a *App) liveCheck(cfg *config.Config, targets *api.Endpoints) func(context.Context, v1.CheckFor) []v1.Check {
	sources, backends := parts.RosterSources(cfg), a.rosters.Backends
	return func(ctx context.Context, about v1.CheckFor) []v1.Check {
		i := &livecheck.Inspection{Config: cfg, Links: a.links, Grants: a.grants, Backends: backends, Sources: sources, User: about.User}
		i.Endpoints, i.Features, i.Rooms, i.Uploads = targets, a.features, a.rooms.Services, a.finder.Status
		i.Store = func(ctx context.Context) v1.Check { return livecheck.Store(ctx, a.store, cfg.Store.Place()) }
		return slices.Concat(livecheck.SameConfig(cfg, about.Config), i.Run(ctx), livecheck.Replicas(a.role.Status()))
	}
}

// tokenNames are the names of the tokens of the configuration as it is now.
func (a *App) tokenNames() []string {
	var names []string
	for _, t := range a.current.Load().cfg.HTTP.Tokens {
		names = append(names, t.Name)
	}
	return names
}
