package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/livecheck"
	"stanzahook/pkg/store"
)

func storeCommand() *cobra.Command {
	cmd := group("store", "Copy the store to NATS, or back", "Copy the store of an instance that does not run.", "copy")
	cmd.AddCommand(storeCopyCommand())
	return cmd
}

// storeCopy is one run of "stanzahook store copy".
type storeCopy struct{ from, to, file string }

// copiedRecords are those of one kind, as --json prints them.
type copiedRecords struct {
	What   string `json:"what"`
	Source uint64 `json:"source"`
	Target uint64 `json:"target"`
}

func storeCopyCommand() *cobra.Command {
	var c storeCopy
	cmd := &cobra.Command{
		Use:   "copy --from DIR|URL --to URL|DIR [--config FILE]",
		Short: "Copy the store from a directory to NATS, or back",
		Long: `Copy the store from a directory to NATS, or from NATS to a directory. No instance may
run on either of them, and the target must be empty. Queues, outbox, dead letters,
delivery log, rosters, rooms, Idempotency-Keys and all else are copied, in their order,
and counted on both sides. What is kept for some time is kept so long again.

If the copy is interrupted, also by kill -9, run the same command again: it goes on. Until
it has ended no instance starts on the target. The source stays as it was; do not start
an instance on it when one has run on the copy, because each would deliver what waits.

User, password, certificates, name and replicas of NATS, and the sizes of the store, are
those of the configuration. If its store is a directory, the name is stanzahook, and
replicas are 1, or 3 or 5 if the URL has so many servers.

Run it as the user that stanzahook runs as.`,
		Example: `  stanzahook store copy --from /var/lib/stanzahook --to nats://n1:4222,nats://n2:4222,nats://n3:4222
  stanzahook store copy --from nats://n1:4222,nats://n2:4222,nats://n3:4222 --to /var/lib/stanzahook-2`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(); err != nil {
				return err
			}
			return failed(c.run(cmd))
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.from, "from", "", "directory or NATS URL of the store that is copied")
	f.StringVar(&c.to, "to", "", "NATS URL or directory that it is copied to")
	f.StringVar(&c.file, "config", "", "configuration file")
	jsonFlag(cmd, "as JSON")
	return cmd
}

func (c *storeCopy) check() error {
	for _, f := range []struct{ name, value string }{{"--from", c.from}, {"--to", c.to}} {
		if f.value == "" {
			return fmt.Errorf("%s is missing; write a directory, or the URL of NATS, for example nats://127.0.0.1:4222", f.name)
		}
	}
	switch from, to := isNATS(c.from), isNATS(c.to); {
	case from && to:
		return errors.New("--from and --to are both on NATS; one of them is a directory")
	case !from && !to:
		return errors.New("--from and --to are both directories; one of them is on NATS, for example nats://127.0.0.1:4222. To move a directory, copy it while stanzahook is stopped")
	}
	return nil
}

func isNATS(place string) bool {
	return strings.HasPrefix(place, "nats://") || strings.HasPrefix(place, "tls://")
}

func (c *storeCopy) run(cmd *cobra.Command) error {
	path, err := config.Find(c.file)
	if err != nil {
		return err
	}
	cfg, err := config.Load(path, os.Environ())
	if err != nil {
		return err
	}
	// Of damage, for instance; all else that matters is an error.
	log := zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(zapcore.EncoderConfig{MessageKey: "msg", LineEnding: "\n"}), zapcore.AddSync(cmd.ErrOrStderr()), zap.WarnLevel))
	from, err := storeAt(cfg, c.from, log)
	if err != nil {
		return err
	}
	to, err := storeAt(cfg, c.to, log)
	if err != nil {
		return err
	}
	bar := newProgress(cmd.ErrOrStderr(), "records")
	all, err := store.Copy(cmd.Context(), from, to, func(done, total uint64) { bar.show(int(done), int(total)) })
	bar.end()
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; run the same command again to go on")
	}
	if err != nil {
		return err
	}
	list := make([]copiedRecords, len(all))
	for i, one := range all {
		list[i] = copiedRecords(one)
	}
	if asJSON(cmd) {
		return encodeJSON(cmd.OutOrStdout(), map[string]any{"from": c.from, "to": c.to, "copied": list})
	}
	return printTable(cmd.OutOrStdout(), "RECORDS\tSOURCE\tTARGET", func(row func(...any)) {
		for _, one := range list {
			row(one.What, one.Source, one.Target)
		}
	})
}

// storeAt are the options of the store at a place, with all else as the configuration has it.
func storeAt(cfg *config.Config, place string, log *zap.Logger) (store.Options, error) {
	o := livecheck.StoreOptions(cfg)
	o.Log = log
	if !isNATS(place) {
		o.NATS = nil
		var err error
		if o.Dir, err = filepath.Abs(place); err != nil {
			return o, err
		}
		return o, nil
	}
	if o.Dir = ""; o.NATS == nil {
		o.NATS = &store.NATS{Name: "stanzahook", Replicas: attachment{NATS: place}.Replicas()}
	}
	o.NATS.URL = place
	return o, nil
}
