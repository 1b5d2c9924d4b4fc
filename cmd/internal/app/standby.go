package app

import (
	"context"
	"net/http"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/metrics"
	"stanzahook/cmd/internal/standby"
	"stanzahook/httpapi"
)

// StandBy begins to be a replica, whose store is on NATS. onLost is [standby.Options.OnLost]; reloader
// reloads the configuration.
func StandBy(cfg *config.Config, log *zap.Logger, reloader *Reloader, onLost func(error)) (*standby.Replica, error) {
	return standby.Start(cfg, standby.Options{
		Read: reloader.read, OnLost: onLost, Log: log,
		Open: func(cfg *config.Config, r *standby.Replica) []httpapi.Route {
			return openRoutes(cfg, httpapi.Route{Method: http.MethodGet, Path: metrics.Path, Handler: metrics.Standby(r.Started, r.Status, r.Forwarded, log)})
		},
	})
}

// StartActive starts everything on a replica, which is the active one. Errors are those of [Start].
func StartActive(ctx context.Context, r *standby.Replica, log *zap.Logger, onStoreHung func(), reloader *Reloader) (*App, error) {
	a, err := startAs(ctx, r.Begin(), log, onStoreHung, reloader, r)
	if err == nil {
		r.Run(standby.Active{IsLink: a.isLink, Abandon: a.Abandon})
	}
	return a, err
}
