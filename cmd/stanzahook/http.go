package main

import (
	"context"
	"strings"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi"
	"stanzahook/httpapi/rest"
	"stanzahook/httpapi/rosteradmin"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// listen starts the HTTP server, last of all: whoever reaches it finds the rest
// running.
func (a *app) listen(context.Context) error {
	var domains []jid.JID
	limits := make(map[string]stanza.Limits)
	secrets := make(map[string]secret.String)
	for _, c := range a.cfg.Components {
		domains = append(domains, jid.MustParse(c.Domain)) // canonical since the configuration was read
		limits[c.Domain] = stanza.Limits{MaxBytes: int(c.MaxStanzaBytes)}
		if a.cfg.HTTP.Basic.Component {
			secrets[c.Domain] = c.Secret
		}
	}
	ours := func() []jid.JID { return domains }
	limit := func(from jid.JID) stanza.Limits { return limits[from.Domain()] }
	send, ask := sender{a.boxes, &a.sent.bounces}, requester(a.links)
	// Where no rosters are configured, the interfaces are nil, and not what they hold.
	var forV1 v1.Rosters
	var forAdmin rosteradmin.Rosters
	if len(a.cfg.Rosters) > 0 {
		forV1, forAdmin = rosters{a.rosters}, rosters{a.rosters}
	}
	targets := &endpoints{a.store, a.workers, a.retired, a.cfg.Components[0].Domain}
	srv := httpapi.New(httpapi.Options{
		Listen: a.cfg.HTTP.Listen, BasePath: a.cfg.HTTP.BasePath, TrustedProxies: a.cfg.HTTP.Proxies,
		CertFile: a.cfg.HTTP.TLS.CertFile, KeyFile: a.cfg.HTTP.TLS.KeyFile,
		Tokens: tokens(a.cfg.HTTP.Tokens), NoAuth: a.cfg.HTTP.InsecureNoAuth, Rate: httpapi.RateLimit(a.cfg.HTTP.RateLimit),
		MaxBodyBytes: int64(a.cfg.HTTP.MaxBodyBytes), Version: version, Log: a.log, Ready: a.ready,
		Open: []httpapi.Route{openapi.Route(version)},
	}, rest.New(rest.Options{
		Sender: send, Requester: ask, Archiver: archiver{&a.archives, ask}, Secrets: secrets, Domains: ours,
		Limits: limit, IQTimeout: a.cfg.HTTP.IQTimeout, IQMaxTimeout: a.cfg.HTTP.IQMaxTimeout, Log: a.log,
	}), a.messages(send, ours, limit), v1.New(v1.Options{
		Deliveries: newDeliveries(a.store, a.workers, a.boxes), Endpoints: targets, Events: events{a.workers},
		Stanzas:  newStanzas(a.cfg.Components, a.links, a.boxes, a.sent, a.store),
		Requests: requests{a.store}, Status: (&status{a.cfg, a.links, a.keepers, a.boxes, targets, a.rosters, a.ways, a.store, a.started}).Status,
		Rosters: forV1, IQTimeout: a.cfg.HTTP.IQTimeout, IQMaxTimeout: a.cfg.HTTP.IQMaxTimeout, Log: a.log,
	}), rosteradmin.New(rosteradmin.Options{Rosters: forAdmin, Log: a.log}))
	addr, err := srv.Start()
	if err != nil {
		return err
	}
	a.addr = addr
	a.later("http", func(ctx context.Context) {
		if err := srv.Stop(ctx); err != nil {
			a.log.Warn("requests were broken off", zap.Error(err))
		}
	})
	a.later("readers of events", func(context.Context) { events{a.workers}.hangup() })
	return nil
}

func tokens(configured []TokenConfig) []httpapi.Token {
	var all []httpapi.Token
	for _, c := range configured {
		t := httpapi.Token{Name: c.Name, Hash: c.Hash, Scopes: c.Scopes, From: c.FromGlobs}
		for _, from := range c.From {
			if j, err := jid.Parse(from); err == nil && !strings.ContainsAny(from, "*?") {
				t.DefaultFrom = j
				break
			}
		}
		all = append(all, t)
	}
	return all
}
