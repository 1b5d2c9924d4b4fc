package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/component"
	"stanzahook/component/disco"
	"stanzahook/component/privilege"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/stanza"
)

// connectTimeout bounds how long to wait for the first attempt to connect.
const connectTimeout = 20 * time.Second

// connectAlone connects the components of a configuration for an inspection. No
// endpoint gets anything: what users write meanwhile is refused, as it is by the
// server while no component is connected.
func connectAlone(ctx context.Context, cfg *config.Config, user jid.JID) (*inspection, func(), error) {
	a := &app{
		cfg: cfg, log: zap.NewNop(), started: time.Now(), links: make(links), keepers: make(map[string]*privilege.Keeper),
		ways: make(map[string]*roster.Backends),
	}
	for n := range cfg.Components {
		c := &cfg.Components[n]
		domain, err := jid.Parse(c.Domain)
		if err != nil {
			return nil, nil, fmt.Errorf("components: domain: %w", err)
		}
		identity := disco.Identity{Name: c.Identity.Name, Category: c.Identity.Category, Type: c.Identity.Type}
		answers := &disco.Responder{Identity: identity, Version: build.Version, Started: a.started, Now: time.Now}
		a.links[c.Domain] = component.New(a.linkOptions(c, domain, component.Chain{a.keeper(c.Domain), component.HandlerFunc(ignoreAvailability), answers.Handler()}))
	}
	i := &inspection{cfg: cfg, links: a.links, keepers: a.keepers, ways: a.ways, sources: a.sources(cfg), user: user}
	for n := range cfg.Rosters {
		way, err := a.backends(&cfg.Rosters[n], i.guard())
		if err != nil {
			return nil, nil, err
		}
		a.ways[cfg.Rosters[n].Host] = way
	}
	run, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, l := range a.links {
		wg.Go(func() { l.Run(run) })
	}
	for _, l := range a.links {
		awaitAttempt(ctx, l)
	}
	return i, func() {
		cancel()
		wg.Wait()
	}, nil
}

// ignoreAvailability takes presence that asks for nothing. A subscription is
// refused like the rest, or it would be lost.
func ignoreAvailability(in *component.Incoming) bool {
	return in.Kind == stanza.Presence && (in.Type == "" || in.Type == "unavailable")
}

// awaitAttempt waits until a link is connected or its first attempt has failed.
func awaitAttempt(ctx context.Context, l *component.Link) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for l.Status().State == component.Connecting && pause(ctx, 20*time.Millisecond) == nil {
	}
}

// parseFirst reads the first certificate of a PEM file.
func parseFirst(data []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no certificate in PEM form")
	}
	return x509.ParseCertificate(block.Bytes)
}
