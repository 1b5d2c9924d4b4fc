package main

import (
	"bytes"
	"context"
	"fmt"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
)

// checker returns v1.Options.Check of the running instance, as long as it has
// this configuration.
func (a *app) checker(cfg *config.Config, targets *endpoints) func(context.Context, v1.CheckFor) []v1.Check {
	sources, ways := a.sources(cfg), a.ways
	return func(ctx context.Context, about v1.CheckFor) []v1.Check {
		i := &inspection{cfg: cfg, links: a.links, keepers: a.keepers, ways: ways, sources: sources, user: about.User}
		i.endpoints, i.features = targets, a.features
		i.store = func(ctx context.Context) v1.Check { return a.checkStore(ctx, cfg.Store.Dir) }
		return append(sameConfig(cfg, about.Config), i.run(ctx)...)
	}
}

// sameConfig tells whether we run with the content of a configuration file of which
// somebody has the SHA-256; nothing, if he has none. The environment may have set
// other values.
func sameConfig(cfg *config.Config, sum []byte) []v1.Check {
	const what = "configuration"
	switch {
	case sum == nil:
		return nil
	case bytes.Equal(sum, cfg.Sum[:]):
		return []v1.Check{fine(what, "", "the running instance has read this content of the file")}
	}
	return []v1.Check{warning(what, "", "the running instance was started with, or last reloaded, another content of the configuration; what follows is about that",
		"run stanzahook reload, or restart it; or the instance at this address is not the one of this file: say with --api where that is")}
}

// sources are the web applications of the rosters, by host.
func (a *app) sources(cfg *config.Config) map[string]*roster.HTTPSource {
	all := make(map[string]*roster.HTTPSource)
	for n := range cfg.Rosters {
		c := &cfg.Rosters[n]
		all[c.Host] = source(cfg, c, outbound.NewGuard(cfg.Outbound.Networks))
	}
	return all
}

// checkStore looks at the store that is open.
func (a *app) checkStore(ctx context.Context, dir string) v1.Check {
	const what, advice = "store", "make room on the disk, or raise store.max_bytes"
	u, err := a.store.Usage(ctx)
	switch {
	case err != nil:
		return failing(what, "", "it does not answer: "+err.Error(), "see the log")
	case u.Refuses != nil:
		return failing(what, "", u.Refuses.Error(), advice)
	}
	if err := a.store.Ready(ctx); err != nil {
		return failing(what, "", err.Error(), "see the log")
	}
	return fine(what, "", fmt.Sprintf("%s: %d of %d MiB used", dir, u.Bytes>>20, u.MaxBytes>>20))
}
