package app

import (
	"context"
	"fmt"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/parts"
	"stanzahook/cmd/internal/refusal"
	"stanzahook/httpapi/v1"
)

// Reloader reads the configuration of a running app again.
type Reloader struct {
	app  *App
	Load func() (*config.Config, error)
	// Level is that of the logger.
	Level zap.AtomicLevel
}

// reload reads the configuration and changes over to it. It is atomic: a configuration
// with mistakes is a [*v1.Refusal], and changes nothing.
//
// Killed during it: what is durable does not depend on the configuration, and
// the next process reads the new one.
func (r *Reloader) reload(ctx context.Context) ([]string, error) {
	if err := r.app.beginChange(ctx); err != nil {
		return nil, err
	}
	defer r.app.endChange()
	cfg, err := r.read()
	if err != nil {
		return nil, err
	}
	changed, err := r.app.apply(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if level, err := zapcore.ParseLevel(cfg.Log.Level); err == nil && level != r.Level.Level() { // it was checked
		r.Level.SetLevel(level)
		changed = append(changed, "log.level")
	}
	r.app.log.Info("configuration reloaded", zap.Strings("changed", changed))
	return changed, nil
}

// read reads the configuration. Errors: *v1.Refusal.
func (r *Reloader) read() (*config.Config, error) {
	cfg, err := r.Load()
	if err != nil {
		return nil, refusal.OfReload(err)
	}
	return cfg, nil
}

// ReloadAndLog reloads, and logs a failure.
func (r *Reloader) ReloadAndLog(ctx context.Context) {
	if _, err := r.reload(ctx); err != nil {
		refusal.Log(r.app.log, err)
	}
}

// apply changes over to another configuration, and returns the sections that changed. The
// endpoints of the API stay, as far as it allows them.
func (a *App) apply(ctx context.Context, file *config.Config) ([]string, error) {
	if fixed := config.NeedRestart(a.cfg, file); len(fixed) > 0 {
		return nil, &v1.Refusal{Problems: fixed}
	}
	cfg, useMade, err := a.readMade(ctx, file)
	if err != nil {
		return nil, err
	}
	changed := config.Differences(a.cfg, cfg)
	rosterHosts, err := a.rosters.Prepare(cfg)
	if err != nil {
		return nil, err
	}
	endpoints, err := a.prepareEndpoints(ctx, cfg)
	if err != nil {
		return nil, err
	}

	// From here on nothing fails that would leave a half of each configuration.
	for i, c := range cfg.Components {
		if !config.SameTrust(a.cfg.Components[i].TLS.CAs, c.TLS.CAs) {
			a.links[c.Domain].Trust(c.TLS.CAs)
		}
	}
	a.switchEndpoints(endpoints)
	oldHosts := a.rosters.Change(cfg, rosterHosts)
	for domain, grants := range a.grants {
		grants.SetHosts(cfg.ServerHosts(domain))
	}
	oldAccounts := a.setAccounts(cfg)
	a.setUploadClients(cfg)
	a.setCommands(cfg)
	a.profiles.Change(cfg)
	a.profiles.WarnOfLargeAvatars(cfg)
	a.rooms.Set(parts.RoomSettings(cfg), parts.RoomPolicy(cfg))
	useMade()
	a.use(cfg)
	a.logUnused()
	err = a.server.Replace(a.surfaces(cfg))
	if a.role != nil {
		a.role.Describe(file)
	}
	if oldAccounts != nil {
		oldAccounts.Close() // requests that wait for a session get an error, and may be repeated
	}
	a.removeEndpoints(ctx, endpoints.gone)
	for _, h := range oldHosts {
		drain, cancel := context.WithTimeout(ctx, cfg.Drain)
		h.Stop(drain)
		cancel()
	}
	if err != nil { // it was readable a moment ago
		return changed, fmt.Errorf("http.tls not reloaded, all else is: %w", err)
	}
	return changed, nil
}
