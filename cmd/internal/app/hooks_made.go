package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// madeHook is a hook of the API.
type madeHook struct {
	store.MadeEndpoint              // without its keys, which have its secrets
	hook               *config.Hook // nil: the configuration does not allow it
	size               int          // of its keys, in bytes
}

// readMadeHooks reads the hooks of the API, as a configuration allows them, and lays them
// behind those of its file.
func (a *App) readMadeHooks(ctx context.Context, file *config.Config) ([]madeHook, *config.Config, error) {
	stored, err := a.store.MadeHooks().All(ctx)
	if err != nil {
		return nil, nil, err
	}
	var all []madeHook
	cfg := file
	for _, s := range stored {
		m := madeHook{MadeEndpoint: s, size: len(s.Keys)}
		m.Keys = nil
		if m.hook, err = cfg.MakeHook(s.Name, s.Keys); err != nil {
			a.log.Error("hook of the API unused: the configuration does not allow it", zap.String("hook", s.Name), zap.Error(err), zap.String("hint", "put it again, or delete it"))
		} else if a.hookInFile(cfg, s.Name) {
			a.log.Warn("hook of the API unused: the file has one of this name", zap.String("hook", s.Name), zap.String("hint", "give one of them another name"))
		}
		all = append(all, m)
		cfg = overHooks(file, all)
	}
	return all, cfg, nil
}

func overHooks(file *config.Config, made []madeHook) *config.Config {
	var allowed []*config.Hook
	for _, m := range made {
		if m.hook != nil {
			allowed = append(allowed, m.hook)
		}
	}
	return file.WithHooks(allowed)
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
	made := slices.Clone(a.madeHooks)
	i := slices.IndexFunc(made, func(m madeHook) bool { return m.Name == name })
	if fresh = i < 0; fresh {
		next := store.MadeEndpoint{Name: name}
		for slices.ContainsFunc(made, func(m madeHook) bool { return m.Slot == next.Slot }) {
			next.Slot++
		}
		if n := len(made); n > 0 {
			next.Order = made[n-1].Order + 1
		}
		made = append(made, madeHook{MadeEndpoint: next})
		i = len(made) - 1
	}
	made[i].hook, made[i].size = h, len(keys)
	bytes := 0
	for _, m := range made {
		bytes += m.size
	}
	if len(made) > maxMade || bytes > maxMadeBytes {
		return false, fmt.Errorf("%w: the hooks of the API may be %d, with %d bytes of JSON together; delete one, or write hooks into the configuration file", gateway.ErrFull, maxMade, maxMadeBytes)
	}
	record := made[i].MadeEndpoint
	record.Keys = keys
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
	i := slices.IndexFunc(a.madeHooks, func(m madeHook) bool { return m.Name == name })
	if i < 0 {
		return gateway.ErrNotFound
	}
	if err := a.store.MadeHooks().Remove(ctx, a.madeHooks[i].Slot); err != nil {
		return err
	}
	a.useHooks(slices.Delete(slices.Clone(a.madeHooks), i, i+1))
	a.log.Info("hook deleted by the API", zap.String("hook", name))
	return nil
}

// useHooks changes over to other hooks of the API.
func (a *App) useHooks(made []madeHook) {
	a.madeHooks = made
	cfg := overHooks(a.cfg, made)
	a.use(cfg, a.made)
	a.server.Handler().Replace(a.surfaces(cfg))
}
