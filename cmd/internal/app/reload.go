package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/webhook"
)

// Reloader reads the configuration of a running app again.
type Reloader struct {
	app  *App
	Load func() (*config.Config, error)
	// Level is that of the logger.
	Level zap.AtomicLevel
}

// reload reads the configuration and changes over to it. It is atomic: a configuration
// with mistakes is a [*v1.Refusal], and changes nothing.
//
// Killed during it: what is durable does not depend on the configuration, and
// the next process reads the new one.
func (r *Reloader) reload(ctx context.Context) ([]string, error) {
	cfg, err := r.Load()
	if problems, ok := errors.AsType[config.Problems](err); ok {
		no := &v1.Refusal{}
		for _, p := range problems {
			no.Problems = append(no.Problems, p.String())
		}
		return nil, no
	}
	if err != nil {
		return nil, &v1.Refusal{Problems: []string{err.Error()}}
	}
	changed, err := r.app.apply(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if level, err := zapcore.ParseLevel(cfg.Log.Level); err == nil && level != r.Level.Level() { // it was checked
		r.Level.SetLevel(level)
		changed = append(changed, "log.level")
	}
	r.app.log.Info("configuration reloaded", zap.Strings("changed", changed))
	return changed, nil
}

// ReloadAndLog reloads, and logs a failure.
func (r *Reloader) ReloadAndLog(ctx context.Context) {
	_, err := r.reload(ctx)
	no, ok := errors.AsType[*v1.Refusal](err)
	switch {
	case ok:
		r.app.log.Error(no.Error(), zap.Strings("problems", no.Problems))
	case err != nil:
		r.app.log.Error("configuration rejected; still running with the previous one", zap.Error(err))
	}
}

// apply changes over to another configuration, and returns the sections that changed.
func (a *App) apply(ctx context.Context, cfg *config.Config) ([]string, error) {
	// Stop waits for requests in progress, and so for this one: apply must not wait for
	// Stop.
	if !a.reloadMu.TryLock() {
		return nil, fmt.Errorf("%w: another reload is in progress, or stanzahook is stopping", gateway.ErrConflict)
	}
	defer a.reloadMu.Unlock()
	if fixed := needRestart(a.cfg, cfg); len(fixed) > 0 {
		return nil, &v1.Refusal{Problems: fixed}
	}
	changed := differences(a.cfg, cfg)
	targets := webhooks(cfg)
	workers, fresh, gone, err := a.assign(targets)
	if err != nil {
		return nil, err
	}
	rosterOptions, err := a.rosterOptions(cfg)
	if err != nil {
		return nil, err
	}
	if err := a.openFresh(ctx, fresh); err != nil {
		return nil, err
	}

	// From here on nothing fails that would leave a half of each configuration.
	for i, c := range cfg.Components {
		if !sameTrust(a.cfg.Components[i].TLS.CAs, c.TLS.CAs) {
			a.links[c.Domain].Trust(c.TLS.CAs)
		}
	}
	same := a.unchanged(cfg)
	for i, w := range workers {
		if w.Endpoint() != targets[i] && !same[w.Endpoint().Name] {
			_ = w.Reconfigure(targets[i]) // assign has asked whether it may
		}
	}
	a.forward.Set(workers)
	a.workers = workers
	oldHosts := a.setRosters(cfg, rosterOptions)
	for domain, grants := range a.grants {
		grants.SetHosts(cfg.ServerHosts(domain))
	}
	oldAccounts := a.setAccounts(cfg)
	err = a.server.Replace(a.surfaces(cfg))
	a.cfg = cfg
	a.current.Store(&current{cfg, workers})
	if oldAccounts != nil {
		oldAccounts.Close() // requests that wait for a session get an error, and may be repeated
	}
	for _, w := range gone {
		a.remove(ctx, w)
	}
	for _, h := range oldHosts {
		drain, cancel := context.WithTimeout(ctx, cfg.Drain)
		h.Stop(drain)
		cancel()
	}
	if err != nil { // it was readable a moment ago
		return changed, fmt.Errorf("http.tls not reloaded, all else is: %w", err)
	}
	return changed, nil
}

// unchanged names the endpoints that are the same in another configuration. They
// are left alone: retries keep their time, and pauses that they asked for hold.
func (a *App) unchanged(cfg *config.Config) map[string]bool {
	if !reflect.DeepEqual(a.cfg.Outbound, cfg.Outbound) || !slices.Equal(a.cfg.OwnHosts(), cfg.OwnHosts()) {
		return nil
	}
	return sameEndpoints(a.cfg, cfg)
}

// sameEndpoints says of each endpoint of a configuration whether another has the same.
func sameEndpoints(old, next *config.Config) map[string]bool {
	before := make(map[string]*config.Endpoint)
	for i := range old.Endpoints {
		before[old.Endpoints[i].Name] = &old.Endpoints[i]
	}
	same := make(map[string]bool)
	for i := range next.Endpoints {
		e := &next.Endpoints[i]
		same[e.Name] = before[e.Name] != nil && reflect.DeepEqual(before[e.Name], e)
	}
	return same
}

// assign finds the workers of endpoints: those that there are, by name, and new
// ones; and the workers whose endpoint is gone.
func (a *App) assign(targets []*webhook.Endpoint) (all, fresh, gone []*delivery.Worker, err error) {
	left := make(map[string]*delivery.Worker)
	for _, w := range a.workers {
		left[w.Endpoint().Name] = w
	}
	no := &v1.Refusal{}
	for i, e := range targets {
		w := left[e.Name]
		switch {
		case w == nil:
			var err error
			if w, err = a.newWorker(e); err != nil {
				no.Problems = append(no.Problems, fmt.Sprintf("endpoints[%d]: %v", i, err))
			}
			fresh = append(fresh, w)
		case w.CanReconfigure(e) != nil:
			no.Problems = append(no.Problems, fmt.Sprintf("endpoints[%d] (%s): %v", i, e.Name, w.CanReconfigure(e)))
		}
		delete(left, e.Name)
		all = append(all, w)
	}
	if len(no.Problems) > 0 {
		return nil, nil, nil, no
	}
	for _, w := range a.workers {
		if left[w.Endpoint().Name] != nil {
			gone = append(gone, w)
		}
	}
	return all, fresh, gone, nil
}

// openFresh opens the queues of new endpoints, which may be of endpoints that
// there were before.
func (a *App) openFresh(ctx context.Context, fresh []*delivery.Worker) error {
	for i, w := range fresh {
		waited, err := a.removed.Release(ctx, w.Endpoint().Name)
		if err == nil {
			err = w.Open(ctx, a.store)
		}
		if err != nil {
			w.Stop(ctx)
			if waited != nil { // its events wait on
				a.removed.Add(w.Endpoint().Name, waited)
			}
			for _, opened := range fresh[:i] {
				a.remove(ctx, opened)
			}
			return err
		}
	}
	return nil
}

// remove ends the worker of an endpoint that is gone. Its queue waits, in case
// the endpoint comes back.
func (a *App) remove(ctx context.Context, w *delivery.Worker) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Drain)
	defer cancel()
	name := w.Endpoint().Name
	queue, err := w.Remove(ctx)
	if err != nil {
		a.log.Error("queue of removed endpoint not counted; retrying", zap.String("endpoint", name), zap.Error(err))
	}
	if queue != nil {
		a.removed.Add(name, queue)
	}
}

// needRestart are the changes between two configurations that take a new
// process.
func needRestart(old, next *config.Config) []string {
	var all []string
	say := func(same bool, key string) {
		if !same {
			all = append(all, key+": changed; restart stanzahook to apply it")
		}
	}
	say(sameComponents(old.Components, next.Components), "components")
	say(reflect.DeepEqual(old.Store, next.Store), "store")
	say(old.Outbox == next.Outbox, "outbox")
	say(old.Deliveries == next.Deliveries, "deliveries")
	say(old.DeadLetters == next.DeadLetters, "dead_letters")
	say(old.HTTP.Listen == next.HTTP.Listen, "http.listen")
	say((old.HTTP.TLS.CertFile == "") == (next.HTTP.TLS.CertFile == ""), "http.tls")
	say(old.Log.Format == next.Log.Format, "log.format")
	return all
}

// sameComponents compares components with all they have but the authorities that they
// trust.
func sameComponents(a, b []config.Component) bool {
	return slices.EqualFunc(a, b, func(x, y config.Component) bool {
		x.TLS.CAs, y.TLS.CAs, x.TLS.CAFile, y.TLS.CAFile = nil, nil, "", ""
		return reflect.DeepEqual(x, y)
	})
}

// sameTrust compares pools of certificates; nil are the system's.
func sameTrust(a, b *x509.CertPool) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Equal(b))
}

// differences names the sections that are other in another configuration, and of
// lists the elements by name.
func differences(old, next *config.Config) []string {
	var all []string
	say := func(same bool, name string) {
		if !same {
			all = append(all, name)
		}
	}
	same := sameEndpoints(old, next)
	for _, e := range next.Endpoints {
		say(same[e.Name], "endpoint "+e.Name)
	}
	for _, e := range old.Endpoints {
		_, there := same[e.Name]
		say(there, "endpoint "+e.Name+" (removed)")
	}
	for i, c := range next.Components {
		say(sameTrust(old.Components[i].TLS.CAs, c.TLS.CAs), "component "+c.Domain+" (ca_file)")
	}
	say(reflect.DeepEqual(old.Rosters, next.Rosters), "rosters")
	say(reflect.DeepEqual(old.HTTP.Tokens, next.HTTP.Tokens), "http.tokens")
	a, b := old.HTTP, next.HTTP
	a.Tokens, b.Tokens, a.Basic.Accounts.CAs, b.Basic.Accounts.CAs = nil, nil, nil, nil
	say(reflect.DeepEqual(a, b), "http")
	say(reflect.DeepEqual(old.Outbound, next.Outbound), "outbound")
	say(old.Drain == next.Drain, "drain")
	return all
}
