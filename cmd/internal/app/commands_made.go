package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/component/commands"
	"stanzahook/pkg/gateway"
)

// readMadeCommands reads the commands of the API, as a configuration allows them, and lays them
// behind those of its file.
func (a *App) readMadeCommands(ctx context.Context, file *config.Config) (madeItems[config.Command], *config.Config, error) {
	all, err := readMade(ctx, a.store.MadeCommands(), func(before madeItems[config.Command], name string, keys []byte) (*config.Command, error) {
		cfg := file.WithCommands(before.allowed())
		made, err := cfg.MakeCommand(name, keys)
		if err != nil {
			a.log.Error("command of the API unused: the configuration does not allow it", zap.String("command", name), zap.Error(err), zap.String("hint", "put it again, or delete it"))
		} else if commandInFile(cfg, name) {
			a.log.Warn("command of the API unused: the file has one of this node", zap.String("command", name), zap.String("hint", "give one of them another node"))
		}
		return made, err
	})
	return all, file.WithCommands(all.allowed()), err
}

func commandInFile(cfg *config.Config, node string) bool {
	return slices.ContainsFunc(cfg.Commands, func(c config.Command) bool { return c.Node == node && !c.ByAPI() })
}

func errCommandInFile(node string) error {
	return fmt.Errorf("%w: the command %q is one of the configuration file; change it there, and reload", gateway.ErrConflict, node)
}

// putCommand makes a command of the API, or replaces one, and reports whether it is new. With
// an error nothing has changed.
//
// Killed before it is stored: nothing has changed. Killed after: the next process has it; a
// repeated PUT does no harm.
func (a *App) putCommand(ctx context.Context, node string, keys []byte) (fresh bool, err error) {
	if err := a.beginChange(ctx); err != nil {
		return false, err
	}
	defer a.endChange()
	if commandInFile(a.cfg, node) {
		return false, errCommandInFile(node)
	}
	c, err := a.cfg.MakeCommand(node, keys)
	if mistakes, ok := errors.AsType[*config.Mistakes](err); ok {
		return false, wrongEndpoint(mistakes)
	}
	if err != nil {
		return false, err
	}
	made, record, fresh := a.madeCommands.with(node, c, keys)
	if len(a.cfg.Commands) > commands.Max || len(made) > maxMade || made.bytes() > maxMadeBytes {
		return false, fmt.Errorf("%w: there may be %d commands, those of the API with %d bytes of JSON together; delete one", gateway.ErrFull, commands.Max, maxMadeBytes)
	}
	if err := a.store.MadeCommands().Put(ctx, &record); err != nil {
		return false, err
	}
	a.useCommands(made)
	a.log.Info("command put by the API", zap.String("command", node), zap.Bool("new", fresh))
	return fresh, nil
}

// deleteCommand removes a command of the API.
//
// Killed before the record is removed: nothing has changed. Killed after: the next process
// does not have the command.
func (a *App) deleteCommand(ctx context.Context, node string) error {
	if err := a.beginChange(ctx); err != nil {
		return err
	}
	defer a.endChange()
	if commandInFile(a.cfg, node) {
		return errCommandInFile(node)
	}
	i := a.madeCommands.find(node)
	if i < 0 {
		return gateway.ErrNotFound
	}
	if err := a.store.MadeCommands().Remove(ctx, a.madeCommands[i].Slot); err != nil {
		return err
	}
	a.useCommands(a.madeCommands.without(i))
	a.log.Info("command deleted by the API", zap.String("command", node))
	return nil
}

// useCommands changes over to other commands of the API.
func (a *App) useCommands(made madeItems[config.Command]) {
	a.madeCommands = made
	cfg := a.cfg.WithCommands(made.allowed())
	a.setCommands(cfg)
	a.use(cfg, a.made)
	a.setBots(cfg) // whose features may be others
	a.server.Handler().Replace(a.surfaces(cfg))
}
