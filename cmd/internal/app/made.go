package app

import (
	"context"
	"fmt"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/made"
	"stanzahook/component/commands"
	"stanzahook/pkg/gateway"
)

// madeByAPI is what the API has made.
type madeByAPI struct {
	endpoints *made.Table[config.Endpoint]
	hooks     *made.Table[config.Hook]
	commands  *made.Table[config.Command]
}

// makeTables makes the tables of what the API has made, which are empty.
func (a *App) makeTables() {
	a.made.endpoints = made.NewTable(a.endpointKind())
	a.made.hooks = made.NewTable(made.Kind[config.Hook]{
		What: "hook", Key: "name", Records: a.store.MadeHooks(), Log: a.log,
		Make: (*config.Config).MakeHook, With: (*config.Config).WithHooks, InFile: (*config.Config).HookInFile,
		Begin: a.beginMade, Fits: hooksFit, Change: a.changeHooks,
	})
	a.made.commands = made.NewTable(made.Kind[config.Command]{
		What: "command", Key: "node", Records: a.store.MadeCommands(), Log: a.log,
		Make: (*config.Config).MakeCommand, With: (*config.Config).WithCommands, InFile: (*config.Config).CommandInFile,
		Begin: a.beginMade, Fits: commandsFit, Change: a.changeCommands,
	})
}

// beginMade is made.Kind.Begin.
func (a *App) beginMade(ctx context.Context) (*config.Config, func(), error) {
	if err := a.beginChange(ctx); err != nil {
		return nil, nil, err
	}
	return a.cfg, a.endChange, nil
}

// loadMade adds what the API has made to the configuration that the process starts with.
func (a *App) loadMade(ctx context.Context) error {
	a.makeTables()
	cfg, use, err := a.readMade(ctx, a.cfg)
	if err != nil {
		return err
	}
	a.cfg = cfg
	use()
	a.logUnused()
	return a.loadProfiles(ctx)
}

// readMade reads the endpoints, hooks and commands of the API, as a configuration allows them,
// and lays them behind those of its file. Until use is called the tables have those before.
func (a *App) readMade(ctx context.Context, file *config.Config) (cfg *config.Config, use func(), err error) {
	endpoints, cfg, err := a.made.endpoints.Read(ctx, file)
	if err != nil {
		return nil, nil, err
	}
	hooks, cfg, err := a.made.hooks.Read(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	a.made.hooks.LogUnused(hooks, cfg)
	commands, cfg, err := a.made.commands.Read(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	a.made.commands.LogUnused(commands, cfg)
	return cfg, func() {
		a.made.endpoints.Set(endpoints)
		a.made.hooks.Set(hooks)
		a.made.commands.Set(commands)
	}, nil
}

// hooksFit returns why there is no room for so many hooks, or so large ones.
func hooksFit(_ *config.Config, _ *config.Hook, next made.Items[config.Hook]) error {
	if len(next) > made.Max || next.Bytes() > made.MaxBytes {
		return fmt.Errorf("%w: the hooks of the API may be %d, with %d bytes of JSON together; delete one, or write hooks into the configuration file", gateway.ErrFull, made.Max, made.MaxBytes)
	}
	return nil
}

// changeHooks is made.Kind.Change.
func (a *App) changeHooks(ctx context.Context, cfg *config.Config, commit func(context.Context) error) error {
	if err := commit(ctx); err != nil {
		return err
	}
	a.use(cfg)
	a.server.Handler().Replace(a.surfaces(cfg))
	return nil
}

// commandsFit is hooksFit for commands.
func commandsFit(cfg *config.Config, _ *config.Command, next made.Items[config.Command]) error {
	if len(cfg.Commands) > commands.Max || len(next) > made.Max || next.Bytes() > made.MaxBytes {
		return fmt.Errorf("%w: there may be %d commands, those of the API with %d bytes of JSON together; delete one", gateway.ErrFull, commands.Max, made.MaxBytes)
	}
	return nil
}

// changeCommands is made.Kind.Change.
func (a *App) changeCommands(ctx context.Context, cfg *config.Config, commit func(context.Context) error) error {
	if err := commit(ctx); err != nil {
		return err
	}
	a.setCommands(cfg)
	a.use(cfg)
	a.profiles.Change(cfg) // whose features may be others
	a.server.Handler().Replace(a.surfaces(cfg))
	return nil
}
