package app

import (
	"context"
	"fmt"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/made"
	"stanzahook/pkg/gateway"
)

// endpointKind is what is particular to endpoints of the API. A replaced one keeps its queue
// and the order of its events. Those of a deleted one wait, as those of an endpoint that is
// removed from the file.
func (a *App) endpointKind() made.Kind[config.Endpoint] {
	return made.Kind[config.Endpoint]{
		What: "endpoint", Key: "name", Records: a.store.MadeEndpoints(), Log: a.log, Apart: true,
		Make: (*config.Config).MakeEndpoint, With: (*config.Config).WithEndpoints, InFile: (*config.Config).EndpointInFile,
		Begin: a.beginMade, Change: a.changeEndpoints, Deleted: a.removeState,
		Fits: func(_ *config.Config, e *config.Endpoint, next made.Items[config.Endpoint]) error {
			if err := a.keepsQueue(e); err != nil {
				return err
			}
			return endpointsFit(next)
		},
	}
}

// keepsQueue returns why an endpoint would leave events in the wrong kind of queue.
func (a *App) keepsQueue(e *config.Endpoint) error {
	for _, w := range a.workers {
		if now := w.Endpoint(); now.Name == e.Name && (now.Queued != (e.Delivery == config.DeliveryQueued) || now.Pulled() != (e.URL == "")) {
			return fmt.Errorf("%w: delivery: that of an endpoint, and whether it has a url, cannot change; delete it first, or write another name", gateway.ErrConflict)
		}
	}
	return nil
}

// endpointsFit returns why there is no room for so many endpoints, or so large ones.
func endpointsFit(all made.Items[config.Endpoint]) error {
	bytes := all.Bytes()
	switch {
	case len(all) > made.Max:
		return fmt.Errorf("%w: there are %d endpoints of the API, and there may be no more; delete one, or write endpoints into the configuration file", gateway.ErrFull, made.Max)
	case bytes > made.MaxBytes:
		return fmt.Errorf("%w: the endpoints of the API would have %d bytes of JSON together, and may have %d; write shorter lists into match, or delete one", gateway.ErrFull, bytes, made.MaxBytes)
	}
	return nil
}

// logUnused logs which endpoints of the API have no effect.
func (a *App) logUnused() {
	for _, m := range a.made.endpoints.Now() {
		switch {
		case a.cfg.EndpointInFile(m.Name):
			a.log.Warn("endpoint of the API unused: the file has one of this name", zap.String("endpoint", m.Name), zap.String("hint", "give one of them another name"))
		case m.Problems() != "":
			a.log.Error("endpoint of the API unused: the configuration does not allow it", zap.String("endpoint", m.Name), zap.String("problems", m.Problems()), zap.String("hint", "put it again, or delete it; its events wait, as those of a removed endpoint"))
		}
	}
}

// removeState removes the state of a deleted endpoint.
//
// Killed before: the next endpoint of this name is disabled if this one was.
func (a *App) removeState(ctx context.Context, name string) {
	if err := a.store.Endpoints().Remove(ctx, name); err != nil {
		a.log.Warn("state of deleted endpoint not removed", zap.String("endpoint", name), zap.Error(err))
	}
}

// changeEndpoints is made.Kind.Change: it does as a reload with other endpoints in the file.
// If it fails, nothing has changed but that a new endpoint may have got events which waited
// for its name.
func (a *App) changeEndpoints(ctx context.Context, cfg *config.Config, commit func(context.Context) error) error {
	c, err := a.prepareEndpoints(ctx, cfg)
	if err != nil {
		return err
	}
	if err := commit(ctx); err != nil {
		a.removeEndpoints(ctx, c.fresh)
		return err
	}
	a.switchEndpoints(c)
	a.use(cfg)
	a.server.Handler().Replace(a.surfaces(cfg))
	a.removeEndpoints(ctx, c.gone)
	return nil
}
