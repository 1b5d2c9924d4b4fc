package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"stanzahook/cmd/internal/app"
	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/memory"
	"stanzahook/cmd/internal/standby"
	"stanzahook/cmd/internal/systemd"
)

func serve(ctx context.Context, file string) error {
	path, err := config.Find(file)
	if err != nil {
		return err
	}
	cfg, err := config.Load(path, os.Environ())
	if err != nil {
		return err
	}
	log, level, err := newLogger(cfg.Log)
	if err != nil {
		return err
	}
	// net/http logs there, for example that a bot has sent an unsolicited response.
	restore, err := zap.RedirectStdLogAt(log, zapcore.DebugLevel)
	if err != nil {
		return err
	}
	defer restore()
	manager, err := systemd.Find(log)
	if err != nil {
		return err
	}
	app.ShareCores()
	go memory.Run(ctx, log)
	defer func() { _ = log.Sync() }() // stderr of some kinds cannot be synced
	storeHung := make(chan struct{})
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // one during the start is handled after it
	defer signal.Stop(hangup)
	r := &app.Reloader{Level: level, Load: func() (*config.Config, error) { return config.Load(path, os.Environ()) }}
	var a *app.App
	abandon := func() {}
	if cfg.Store.NATS.URL == "" {
		a, err = app.Start(ctx, cfg, log, func() { close(storeHung) }, r)
	} else {
		log = log.With(zap.String("replica", standby.Name(cfg)))
		role := &role{log: log, manager: manager, hangup: hangup, ended: make(chan error, 1)}
		a, err = role.start(ctx, cfg, r, func() { close(storeHung) })
		defer role.end()
		abandon = role.standby.Abandon
	}
	if err != nil || a == nil {
		return err
	}
	log.Info("started", zap.String("version", build.Version), zap.String("config", path), zap.String("http", a.Addr))
	manager.Started()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		manager.Watch(ctx, a.Summary, a.CheckAlive)
	}()
	for running := true; running; {
		select {
		case <-hangup:
			manager.Reloading()
			r.ReloadAndLog(ctx)
			manager.Reloaded()
		case <-ctx.Done():
			running = false
		case <-storeHung:
			manager.Restarting()
			abandon()
			return restart(log)
		}
	}
	<-watched
	manager.Stopping(a.DrainTime())
	log.Info("stopping", zap.Duration("drain", cfg.Drain))
	a.Stop()
	log.Info("stopped")
	return nil
}

// start runs the bridge for a command that needs one in its own process. What there is to
// tell its user knows from the HTTP API.
func start(ctx context.Context, load func() (*config.Config, error), onBroken func()) (addr string, stop func(), err error) {
	cfg, err := load()
	if err != nil {
		return "", nil, err
	}
	a, err := app.Start(ctx, cfg, zap.NewNop(), onBroken, &app.Reloader{Level: zap.NewAtomicLevel(), Load: load})
	if err != nil {
		return "", nil, err
	}
	return a.Addr, a.Stop, nil
}

// restart replaces the process by a fresh one with the same id, when a part hangs that
// cannot be replaced alone. It is like a kill and a start: what is durable stays, what is
// in flight is delivered again.
func restart(log *zap.Logger) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	log.Error("process restarting")
	_ = log.Sync() // as above
	return fmt.Errorf("restart: %w", syscall.Exec(self, os.Args, os.Environ()))
}

// newLogger writes to stderr, one line an entry. The level may be changed later.
func newLogger(c config.Log) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, zap.AtomicLevel{}, fmt.Errorf("log.level: %w", err)
	}
	z := zap.NewProductionConfig()
	z.Level = zap.NewAtomicLevelAt(level)
	z.Sampling = nil // every line says something
	z.DisableCaller = true
	z.DisableStacktrace = true
	z.EncoderConfig.TimeKey, z.EncoderConfig.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	if c.Format == config.LogConsole || c.Format == config.LogAuto && term.IsTerminal(int(os.Stderr.Fd())) {
		z.Encoding = "console"
		z.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		z.EncoderConfig.EncodeLevel = zapcore.CapitalLevelEncoder
	}
	log, err := z.Build()
	if err != nil {
		return nil, zap.AtomicLevel{}, fmt.Errorf("log: %w", err)
	}
	return log, z.Level, nil
}
