package livecheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/parts"
	"stanzahook/component"
	"stanzahook/component/privilege"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// connectTimeout bounds how long to wait for the first attempt to connect.
const connectTimeout = 20 * time.Second

// Alone checks everything over connections of its own, unless another process
// has the store open. address is where an instance with this configuration would
// listen; empty if unknown.
func Alone(ctx context.Context, cfg *config.Config, user jid.JID, address string) ([]v1.Check, error) {
	if cfg.Store.NATS.URL != "" {
		return aloneOnNATS(ctx, cfg, user)
	}
	const what = "store"
	dir := cfg.Store.Dir
	free, reserve, release, err := store.Probe(dir)
	defer release()
	switch {
	case errors.Is(err, store.ErrLocked):
		at := ""
		if address != "" {
			at = " at " + address
		}
		return []v1.Check{failing(what, "",
			"another stanzahook is using "+dir+", but nothing answers"+at+"; nothing else is checked, because a second connection would take stanzas away from it",
			"say with --api where it listens; if another check is running, wait for it")}, nil
	case err != nil:
		return []v1.Check{failing(what, "",
			err.Error()+"; nothing else is checked, because an instance may be running",
			"run this as the user that stanzahook runs as, or correct store.dir")}, nil
	}
	i, disconnect, err := connect(ctx, cfg, user)
	if err != nil {
		return nil, err
	}
	defer disconnect()
	i.Store = func(context.Context) v1.Check {
		if free < reserve {
			return failing(what, "", fmt.Sprintf("the disk of %s has %d MiB left, of which %d are kept free", dir, free>>20, reserve>>20), "make room on it")
		}
		return fine(what, "", fmt.Sprintf("%s can be written to, and its disk has %d MiB left; no instance is using it", dir, free>>20))
	}
	return append(i.Run(ctx), canListen(cfg.HTTP.Listen)), nil
}

// connect connects the components of a configuration for an inspection. Endpoints get
// no events: stanzas of users bounce, as while no component is connected.
func connect(ctx context.Context, cfg *config.Config, user jid.JID) (*Inspection, func(), error) {
	i := &Inspection{
		Config: cfg, Links: make(map[string]*component.Link), Grants: make(map[string]*privilege.Keeper),
		Backends: make(map[string]*roster.Backends), Sources: parts.RosterSources(cfg), User: user,
	}
	log := zap.NewNop()
	for n := range cfg.Components {
		c := &cfg.Components[n]
		domain, err := jid.Parse(c.Domain)
		if err != nil {
			return nil, nil, fmt.Errorf("components: domain: %w", err)
		}
		grants := &privilege.Keeper{Log: log, Hosts: cfg.ServerHosts(c.Domain)}
		handlers := component.Chain{grants, component.HandlerFunc(ignoreAvailability), parts.Responder(c, time.Now()).Handler()}
		i.Grants[c.Domain], i.Links[c.Domain] = grants, component.New(parts.LinkOptions(c, domain, handlers, log))
	}
	for n := range cfg.Rosters {
		c := &cfg.Rosters[n]
		backends, err := parts.RosterBackends(cfg, c, i.Links[c.Component], i.Grants[c.Component], i.guard(), log)
		if err != nil {
			return nil, nil, err
		}
		i.Backends[c.Host] = backends
	}
	run, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for _, l := range i.Links {
		wg.Go(func() { l.Run(run) })
	}
	for _, l := range i.Links {
		awaitAttempt(ctx, l)
	}
	return i, func() {
		cancel()
		wg.Wait()
	}, nil
}

// ignoreAvailability swallows presence that asks for nothing. A subscription bounces
// like other stanzas, or it would be lost.
func ignoreAvailability(in *component.Incoming) bool {
	return in.Kind == stanza.Presence && (in.Type == "" || in.Type == "unavailable")
}

// awaitAttempt waits until a link is connected or its first attempt has failed.
func awaitAttempt(ctx context.Context, l *component.Link) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for l.Status().State == component.Connecting {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// canListen checks that the address of the HTTP server is free.
func canListen(address string) v1.Check {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return failing("http", address, "cannot be bound: "+err.Error(), "stop the other program there, or write another address in http.listen")
	}
	_ = l.Close() // nothing was accepted
	return fine("http", address, "is free")
}
