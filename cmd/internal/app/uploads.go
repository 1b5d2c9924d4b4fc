package app

import (
	"context"
	"fmt"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/parts"
	"stanzahook/component/uploads"
	"stanzahook/pkg/jid"
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
		all[c.Domain] = upload.Settings{MaxBytes: int64(u.MaxBytes), Spool: int64(u.Spool), Timeout: u.Timeout, Concurrency: u.Concurrency, Clients: parts.UploadClients(a.cfg, c)}
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
		a.uploads.Use(cfg.Components[i].Domain, parts.UploadClients(cfg, &cfg.Components[i]))
	}
}
