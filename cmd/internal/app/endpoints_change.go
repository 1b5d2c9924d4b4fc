package app

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/webhook"
)

// beginChange waits until no other change of the configuration is in progress, or fails
// when stanzahook is stopping: Stop waits for requests in progress, and a change may be
// one. endChange ends it.
func (a *App) beginChange(ctx context.Context) error {
	select {
	case a.changing <- struct{}{}:
		return nil
	case <-a.stopping.Done():
		return fmt.Errorf("%w: stanzahook is stopping", gateway.ErrConflict)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *App) endChange() { <-a.changing }

// use makes a configuration the current one. Its endpoints have been switched to, and
// the tables have what the API has made of it.
func (a *App) use(cfg *config.Config) {
	a.cfg = cfg
	a.current.Store(&current{cfg, cfg.OwnHosts(), a.workers, a.made.endpoints.Now()})
}

// endpointChange is a change to the endpoints of another configuration, which cannot
// fail any more.
type endpointChange struct {
	targets []*webhook.Endpoint
	workers []*delivery.Worker // one for each target
	fresh   []*delivery.Worker // of these, those of new endpoints
	gone    []*delivery.Worker // whose endpoint is not among the targets
	same    map[string]bool    // endpoints that do not change, by name
}

// prepareEndpoints prepares the change to the endpoints of a configuration. Nothing has
// changed for the endpoints that there are; new ones have their queue, and get no
// events.
//
// Killed after it: a new queue is empty, or its events wait for the endpoint.
func (a *App) prepareEndpoints(ctx context.Context, cfg *config.Config) (*endpointChange, error) {
	c := &endpointChange{targets: a.webhooks(cfg), same: a.unchanged(cfg)}
	if err := a.assign(c, cfg); err != nil {
		return nil, err
	}
	return c, a.openFresh(ctx, c.fresh)
}

// switchEndpoints makes a change. When it returns, no endpoint that is gone gets events.
func (a *App) switchEndpoints(c *endpointChange) {
	for i, w := range c.workers {
		if w.Endpoint() != c.targets[i] && !c.same[w.Endpoint().Name] {
			_ = w.Reconfigure(c.targets[i]) // assign has asked whether it may
		}
	}
	a.workers = c.workers
	a.route()
}

// unchanged names the endpoints that are the same in another configuration. They
// are left alone: retries keep their time, and pauses that they asked for hold.
func (a *App) unchanged(cfg *config.Config) map[string]bool {
	if !reflect.DeepEqual(a.cfg.Outbound, cfg.Outbound) || !slices.Equal(a.cfg.OwnHosts(), cfg.OwnHosts()) {
		return nil
	}
	return config.SameEndpoints(a.cfg, cfg)
}

// assign finds the workers of a change: those that there are, by name, and new ones; and
// the workers whose endpoint is gone.
func (a *App) assign(c *endpointChange, cfg *config.Config) error {
	left := make(map[string]*delivery.Worker)
	for _, w := range a.workers {
		left[w.Endpoint().Name] = w
	}
	no := &v1.Refusal{}
	refuse := func(i int, err error) {
		key := fmt.Sprintf("endpoints[%d] (%s)", i, c.targets[i].Name)
		if cfg.Endpoints[i].ByAPI() {
			key = fmt.Sprintf("endpoint %s of the API", c.targets[i].Name)
		}
		no.Problems = append(no.Problems, key+": "+err.Error())
	}
	for i, e := range c.targets {
		e.Complete = a.complete
		w := left[e.Name]
		if w == nil {
			var err error
			if w, err = a.newWorker(e); err != nil {
				refuse(i, err)
			}
			c.fresh = append(c.fresh, w)
		} else if !c.same[e.Name] {
			if err := w.CanReconfigure(e); err != nil {
				refuse(i, err)
			}
		}
		delete(left, e.Name)
		c.workers = append(c.workers, w)
	}
	if len(no.Problems) > 0 {
		return no
	}
	for _, w := range a.workers {
		if left[w.Endpoint().Name] != nil {
			c.gone = append(c.gone, w)
		}
	}
	return nil
}

// openFresh opens the queues of new endpoints, which may be of endpoints that
// there were before.
func (a *App) openFresh(ctx context.Context, fresh []*delivery.Worker) error {
	for i, w := range fresh {
		if err := a.open(ctx, w); err != nil {
			w.Stop(ctx)
			a.removeEndpoints(ctx, fresh[:i])
			return err
		}
	}
	return nil
}

// open opens the queue of a new endpoint. One that is delivered directly leaves the queue
// that another of its name had: its events wait on.
func (a *App) open(ctx context.Context, w *delivery.Worker) error {
	if !w.Endpoint().Queued {
		return w.Open(ctx, a.store)
	}
	queue, err := a.removed.Release(ctx, w.Endpoint().Name)
	if err != nil {
		return err
	}
	if err = w.Open(ctx, a.store); err != nil { // its events wait on
		a.removed.Add(w.Endpoint().Name, queue)
	}
	return err
}

// removeEndpoints ends the workers of endpoints that are gone. Their queues wait, in case
// the endpoints come back.
func (a *App) removeEndpoints(ctx context.Context, gone []*delivery.Worker) {
	for _, w := range gone {
		a.remove(ctx, w)
	}
}

func (a *App) remove(ctx context.Context, w *delivery.Worker) {
	ctx, cancel := context.WithTimeout(ctx, a.DrainTime())
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
