package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
)

// maxMade bounds the endpoints of the API, and maxMadeBytes their JSON together: what they
// match is compared with each stanza.
const (
	maxMade      = 1000
	maxMadeBytes = 4 << 20
)

// readMadeEndpoints reads the endpoints of the API, as a configuration allows them.
func (a *App) readMadeEndpoints(ctx context.Context, file *config.Config) (madeItems[config.Endpoint], error) {
	return readMade(ctx, a.store.MadeEndpoints(), func(_ madeItems[config.Endpoint], name string, keys []byte) (*config.Endpoint, error) {
		return file.MakeEndpoint(name, keys)
	})
}

// endpointsFit returns why there is no room for so many endpoints, or so large ones.
func endpointsFit(all madeItems[config.Endpoint]) error {
	bytes := all.bytes()
	switch {
	case len(all) > maxMade:
		return fmt.Errorf("%w: there are %d endpoints of the API, and there may be no more; delete one, or write endpoints into the configuration file", gateway.ErrFull, maxMade)
	case bytes > maxMadeBytes:
		return fmt.Errorf("%w: the endpoints of the API would have %d bytes of JSON together, and may have %d; write shorter lists into match, or delete one", gateway.ErrFull, bytes, maxMadeBytes)
	}
	return nil
}

// loadMade adds the endpoints, hooks, commands and bots of the API to the configuration that the process starts with.
func (a *App) loadMade(ctx context.Context) (err error) {
	if a.made, err = a.readMadeEndpoints(ctx, a.cfg); err != nil {
		return err
	}
	a.cfg = a.cfg.WithEndpoints(a.made.allowed())
	a.logUnused()
	if a.madeHooks, a.cfg, err = a.readMadeHooks(ctx, a.cfg); err != nil {
		return err
	}
	if a.madeCommands, a.cfg, err = a.readMadeCommands(ctx, a.cfg); err != nil {
		return err
	}
	return a.readMadeBots(ctx)
}

// logUnused logs which endpoints of the API have no effect.
func (a *App) logUnused() {
	for _, m := range a.made {
		switch {
		case a.inFile(m.Name):
			a.log.Warn("endpoint of the API unused: the file has one of this name", zap.String("endpoint", m.Name), zap.String("hint", "give one of them another name"))
		case m.item == nil:
			a.log.Error("endpoint of the API unused: the configuration does not allow it", zap.String("endpoint", m.Name), zap.String("problems", m.problems), zap.String("hint", "put it again, or delete it; its events wait, as those of a removed endpoint"))
		}
	}
}

// inFile reports whether the configuration file has an endpoint of a name.
func (a *App) inFile(name string) bool {
	return slices.ContainsFunc(a.cfg.Endpoints, func(e config.Endpoint) bool { return e.Name == name && !e.ByAPI() })
}

// errInFile is the error for a change of an endpoint of the configuration file.
func errInFile(name string) error {
	return fmt.Errorf("%w: the endpoint %q is one of the configuration file; change it there, and reload", gateway.ErrConflict, name)
}

// errDelivery is the error for a change that would leave events in the wrong kind of queue.
var errDelivery = fmt.Errorf("%w: delivery: that of an endpoint, and whether it has a url, cannot change; delete it first, or write another name", gateway.ErrConflict)

// putEndpoint makes an endpoint of the API, or replaces one, and reports whether it is new.
// A replaced one keeps its place, its queue and the order of its events. With an error
// nothing has changed.
//
// Killed before the endpoint is stored: nothing has changed. Killed after: the next
// process has it, also if the caller got no answer; a repeated PUT does no harm. The same
// may come of a store that has not answered in time.
func (a *App) putEndpoint(ctx context.Context, name string, keys []byte) (fresh bool, err error) {
	if err := a.beginChange(ctx); err != nil {
		return false, err
	}
	defer a.endChange()
	if a.inFile(name) {
		return false, errInFile(name)
	}
	e, err := a.cfg.MakeEndpoint(name, keys)
	if mistakes, ok := errors.AsType[*config.Mistakes](err); ok {
		return false, wrongEndpoint(mistakes)
	}
	if err != nil {
		return false, err
	}
	for _, w := range a.workers {
		if now := w.Endpoint(); now.Name == name && (now.Queued != (e.Delivery == config.DeliveryQueued) || now.Pulled() != (e.URL == "")) {
			return false, errDelivery
		}
	}
	made, record, fresh := a.made.with(name, e, keys)
	if err := endpointsFit(made); err != nil {
		return false, err
	}
	err = a.changeMade(ctx, made, func(ctx context.Context) error { return a.store.MadeEndpoints().Put(ctx, &record) })
	if err == nil {
		a.log.Info("endpoint put by the API", zap.String("endpoint", name), zap.Bool("new", fresh))
	}
	return fresh, err
}

// deleteEndpoint removes an endpoint of the API. Its events wait, as those of an endpoint
// that is removed from the file.
//
// Killed before the record is removed: nothing has changed. Killed after: the next process
// does not have the endpoint, and finds its events.
func (a *App) deleteEndpoint(ctx context.Context, name string) error {
	if err := a.beginChange(ctx); err != nil {
		return err
	}
	defer a.endChange()
	if a.inFile(name) {
		return errInFile(name)
	}
	i := a.made.find(name)
	if i < 0 {
		return gateway.ErrNotFound
	}
	slot := a.made[i].Slot
	if err := a.changeMade(ctx, a.made.without(i), func(ctx context.Context) error { return a.store.MadeEndpoints().Remove(ctx, slot) }); err != nil {
		return err
	}
	// Killed here: the next endpoint of this name is disabled if this one was.
	if err := a.store.Endpoints().Remove(ctx, name); err != nil {
		a.log.Warn("state of deleted endpoint not removed", zap.String("endpoint", name), zap.Error(err))
	}
	a.log.Info("endpoint deleted by the API", zap.String("endpoint", name))
	return nil
}

// changeMade changes over to other endpoints of the API, as a reload does to those of a
// file. commit makes the change durable, when nothing else can fail. If it fails, nothing
// has changed but that a new endpoint may have got events which waited for its name.
func (a *App) changeMade(ctx context.Context, made madeItems[config.Endpoint], commit func(context.Context) error) error {
	cfg := a.cfg.WithEndpoints(made.allowed())
	c, err := a.prepareEndpoints(ctx, cfg)
	if err != nil {
		return err
	}
	if err := commit(ctx); err != nil {
		a.removeEndpoints(ctx, c.fresh)
		return err
	}
	a.switchEndpoints(c)
	a.use(cfg, made)
	a.server.Handler().Replace(a.surfaces(cfg))
	a.removeEndpoints(ctx, c.gone)
	return nil
}

// wrongEndpoint is the error for mistakes in an endpoint of the API.
func wrongEndpoint(m *config.Mistakes) error {
	wrong := &v1.WrongEndpoint{Forbidden: m.Forbidden}
	for _, p := range m.Problems {
		wrong.Problems = append(wrong.Problems, p.String())
	}
	return wrong
}
