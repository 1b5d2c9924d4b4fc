package app

import (
	"context"
	"fmt"

	"stanzahook/cmd/internal/config"
	"stanzahook/component/uploads"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/upload"
)

// makeUploads makes what finds the upload services, and what uploads files. Reloads keep the
// settings of components.
func (a *App) makeUploads() {
	configured := make(map[string]jid.JID)
	all := make(map[string]upload.Settings)
	for i := range a.cfg.Components {
		c := &a.cfg.Components[i]
		if !c.Uploads.Address.IsZero() {
			configured[c.Domain] = c.Uploads.Address
		}
		u := &c.Uploads
		all[c.Domain] = upload.Settings{MaxBytes: int64(u.MaxBytes), Spool: int64(u.Spool), Timeout: u.Timeout, Concurrency: u.Concurrency, Clients: uploadClients(a.cfg, c)}
	}
	a.finder = uploads.New(configured, a.services.Software, a.log)
	a.uploads = upload.New(upload.Options{Components: all, Service: a.finder.Find, Request: a.askForSlot, Dir: a.cfg.Store.Dir})
}

// askForSlot is upload.Options.Request.
func (a *App) askForSlot(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	l, ok := a.links[s.From.Domain()]
	if !ok {
		return nil, fmt.Errorf("no component has the domain %s", s.From.Domain())
	}
	return l.Request(ctx, s)
}

// setUploadClients makes files go where a configuration allows it.
func (a *App) setUploadClients(cfg *config.Config) {
	for i := range cfg.Components {
		a.uploads.Use(cfg.Components[i].Domain, uploadClients(cfg, &cfg.Components[i]))
	}
}

// uploadClients are the clients of a component's uploads. The server says where files go,
// callers say where they come from: from this machine only if that is allowed for files.
func uploadClients(cfg *config.Config, c *config.Component) upload.Clients {
	const key = "components[].uploads.allow_networks"
	guard := outbound.NewGuard(cfg.Outbound.Networks)
	options := outbound.ClientOptions{Proxy: cfg.Outbound.ProxyURL(), IdleConns: c.Uploads.Concurrency}
	return upload.Clients{
		Put:   outbound.NewClient(guard.And(c.Uploads.Networks, key), options),
		Fetch: outbound.NewClient(guard.Strict().And(c.Uploads.Networks, key), options),
	}
}
