package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/gateway"
)

// readMadeHooks reads the hooks of the API, as a configuration allows them, and lays them
// behind those of its file.
func (a *App) readMadeHooks(ctx context.Context, file *config.Config) (madeItems[config.Hook], *config.Config, error) {
	all, err := readMade(ctx, a.store.MadeHooks(), func(before madeItems[config.Hook], name string, keys []byte) (*config.Hook, error) {
		cfg := file.WithHooks(before.allowed())
		made, err := cfg.MakeHook(name, keys)
		if err != nil {
			a.log.Error("hook of the API unused: the configuration does not allow it", zap.String("hook", name), zap.Error(err), zap.String("hint", "put it again, or delete it"))
		} else if a.hookInFile(cfg, name) {
			a.log.Warn("hook of the API unused: the file has one of this name", zap.String("hook", name), zap.String("hint", "give one of them another name"))
		}
		return made, err
	})
	return all, file.WithHooks(all.allowed()), err
}

func (a *App) hookInFile(cfg *config.Config, name string) bool {
	return slices.ContainsFunc(cfg.Hooks, func(h config.Hook) bool { return h.Name == name && !h.ByAPI() })
}

// errHookInFile is the error for a change of a hook of the configuration file.
func errHookInFile(name string) error {
	return fmt.Errorf("%w: the hook %q is one of the configuration file; change it there, and reload", gateway.ErrConflict, name)
}

// putHook makes a hook of the API, or replaces one, and reports whether it is new. With an
// error nothing has changed.
//
// Killed before it is stored: nothing has changed. Killed after: the next process has it; a
// repeated PUT does no harm.
func (a *App) putHook(ctx context.Context, name string, keys []byte) (fresh bool, err error) {
	if err := a.beginChange(ctx); err != nil {
		return false, err
	}
	defer a.endChange()
	if a.hookInFile(a.cfg, name) {
		return false, errHookInFile(name)
	}
	h, err := a.cfg.MakeHook(name, keys)
	if mistakes, ok := errors.AsType[*config.Mistakes](err); ok {
		return false, wrongEndpoint(mistakes)
	}
	if err != nil {
		return false, err
	}
	made, record, fresh := a.madeHooks.with(name, h, keys)
	if len(made) > maxMade || made.bytes() > maxMadeBytes {
		return false, fmt.Errorf("%w: the hooks of the API may be %d, with %d bytes of JSON together; delete one, or write hooks into the configuration file", gateway.ErrFull, maxMade, maxMadeBytes)
	}
	if err := a.store.MadeHooks().Put(ctx, &record); err != nil {
		return false, err
	}
	a.useHooks(made)
	a.log.Info("hook put by the API", zap.String("hook", name), zap.Bool("new", fresh))
	return fresh, nil
}

// deleteHook removes a hook of the API.
//
// Killed before the record is removed: nothing has changed. Killed after: the next process
// does not have the hook.
func (a *App) deleteHook(ctx context.Context, name string) error {
	if err := a.beginChange(ctx); err != nil {
		return err
	}
	defer a.endChange()
	if a.hookInFile(a.cfg, name) {
		return errHookInFile(name)
	}
	i := a.madeHooks.find(name)
	if i < 0 {
		return gateway.ErrNotFound
	}
	if err := a.store.MadeHooks().Remove(ctx, a.madeHooks[i].Slot); err != nil {
		return err
	}
	a.useHooks(a.madeHooks.without(i))
	a.log.Info("hook deleted by the API", zap.String("hook", name))
	return nil
}

// useHooks changes over to other hooks of the API.
func (a *App) useHooks(made madeItems[config.Hook]) {
	a.madeHooks = made
	cfg := a.cfg.WithHooks(made.allowed())
	a.use(cfg, a.made)
	a.server.Handler().Replace(a.surfaces(cfg))
}
