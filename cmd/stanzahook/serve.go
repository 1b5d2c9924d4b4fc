package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func serveCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the bridge",
		Long: `Run the bridge until SIGTERM or SIGINT, then finish what is under way.

The configuration is read from --config, else ./stanzahook.yaml, else
/etc/stanzahook/stanzahook.yaml. If it has mistakes, all of them are shown and
nothing is started.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := serve(cmd.Context(), file); err != nil {
				return failure{err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file")
	return cmd
}

func serve(ctx context.Context, file string) error {
	path, err := findConfig(file)
	if err != nil {
		return err
	}
	cfg, err := loadConfig(path, os.Environ())
	if err != nil {
		return err
	}
	log, err := newLogger(cfg.Log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // stderr of some kinds cannot be synced
	app, err := startApp(ctx, cfg, log)
	if err != nil {
		return err
	}
	log.Info("started", zap.String("version", version), zap.String("config", path), zap.String("http", app.addr))
	<-ctx.Done()
	log.Info("stopping", zap.Duration("drain", cfg.Drain))
	app.stop()
	log.Info("stopped")
	return nil
}

// newLogger writes to stderr, one line an entry.
func newLogger(c LogConfig) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	z := zap.NewProductionConfig()
	z.Level = zap.NewAtomicLevelAt(level)
	z.Sampling = nil // every line says something
	z.DisableCaller = true
	z.DisableStacktrace = true
	z.EncoderConfig.TimeKey, z.EncoderConfig.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	if c.Format == logConsole {
		z.Encoding = "console"
		z.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		z.EncoderConfig.EncodeLevel = zapcore.CapitalLevelEncoder
	}
	log, err := z.Build()
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	return log, nil
}
