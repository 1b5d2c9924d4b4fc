package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/made"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/webhook"
)

// endpoints implements v1.Endpoints, as long as the app has this configuration.
type endpoints struct {
	app     *App
	cfg     *config.Config
	made    made.Items[config.Endpoint] // of the API, also those that the configuration does not allow
	workers *delivery.Workers
}

// endpoints returns the endpoints of the current configuration.
func (a *App) endpoints() *endpoints {
	now := a.current.Load()
	return &endpoints{a, now.cfg, now.made, delivery.NewWorkers(now.workers)}
}

// List implements v1.Endpoints.
func (s *endpoints) List(ctx context.Context) ([]v1.Endpoint, error) {
	ctx, cancel := s.app.statusTime(ctx)
	defer cancel()
	var all []v1.Endpoint
	var names []string
	for i, w := range s.workers.All {
		e, err := s.describe(ctx, w, s.cfg.Endpoints[i].ByAPI())
		if err != nil {
			return nil, err
		}
		all, names = append(all, e), append(names, e.Name)
	}
	waiting := make(map[string]int)
	if s.app.removed != nil {
		waiting = s.app.removed.Waiting()
	}
	for _, m := range s.made {
		if s.made.Unused(m.Name) != "" && s.workers.Named(m.Name) == nil {
			waiting[m.Name] += 0 // it is shown, whether events wait for it or not
		}
	}
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		all, names = append(all, s.describeRemoved(name, waiting[name])), append(names, name)
	}
	dead, err := s.app.store.DeadLetters().Counts(ctx, names) // one by one they would take long
	if err != nil && s.app.store.Remote() == nil {
		return nil, err
	}
	for i := range all {
		all[i].DeadLetters = dead[all[i].Name]
	}
	for _, l := range s.app.listeners.All() {
		all = append(all, l.Describe())
	}
	return all, nil
}

// Get implements v1.Endpoints.
func (s *endpoints) Get(ctx context.Context, name string) (v1.Endpoint, error) {
	e, err := s.found(ctx, name)
	if err == nil {
		e.DeadLetters, err = s.app.store.DeadLetters().Count(ctx, name)
	}
	return e, err
}

// found is Get without the dead letters.
func (s *endpoints) found(ctx context.Context, name string) (v1.Endpoint, error) {
	w, err := s.worker(name)
	switch {
	case err == nil:
	case s.made.Unused(name) != "":
		return s.describeRemoved(name, s.app.removed.Waiting()[name]), nil
	default:
		return v1.Endpoint{}, err
	}
	i := slices.Index(s.workers.All, w)
	e, err := s.describe(ctx, w, s.cfg.Endpoints[i].ByAPI())
	e.Keys = s.cfg.Endpoints[i].Given
	for _, c := range w.States() {
		change := v1.StateJSON{Time: c.Time.UTC(), State: c.State}
		if c.Reason != "" {
			change.Reason = &c.Reason
		}
		e.History = append(e.History, change)
	}
	return e, err
}

// worker returns the worker of an endpoint. Errors: gateway.ErrNotFound; gateway.ErrConflict
// for an endpoint of the API that the configuration does not allow.
func (s *endpoints) worker(name string) (*delivery.Worker, error) {
	if w := s.workers.Named(name); w != nil {
		return w, nil
	}
	if why := s.made.Unused(name); why != "" {
		return nil, fmt.Errorf("%w: %s", gateway.ErrConflict, why)
	}
	return nil, gateway.ErrNotFound
}

// describeRemoved describes an endpoint that is not in the configuration, but for its dead
// letters.
func (s *endpoints) describeRemoved(name string, waiting int) v1.Endpoint {
	e := v1.Endpoint{EndpointStatus: v1.EndpointStatus{Name: name, State: "removed", Queued: waiting}, Delivery: config.DeliveryQueued}
	if why := s.made.Unused(name); why != "" && s.workers.Named(name) == nil {
		e.Reason, e.Source = &why, source(true)
	}
	return e
}

// source says where an endpoint comes from.
func source(byAPI bool) *string {
	from := "file"
	if byAPI {
		from = "api"
	}
	return &from
}

// describe describes an endpoint, but for its dead letters.
func (s *endpoints) describe(ctx context.Context, w *delivery.Worker, byAPI bool) (v1.Endpoint, error) {
	c, st := w.Endpoint(), w.Status()
	e := v1.Endpoint{
		EndpointStatus: v1.EndpointStatus{
			Name: c.Name, Since: timeOrNil(st.Since), PausedUntil: timeOrNil(st.PausedUntil),
			Queued: st.Queued, InFlight: st.InFlight, LastSuccess: timeOrNil(st.LastSuccess),
		},
		Source: source(byAPI), URL: outbound.PublicURL(c.URL), Format: string(c.Format), Delivery: config.DeliveryDirect, Copy: c.Copy,
		Attempts: w.Counters.Attempts.Load(), Failures: w.Counters.Failures.Load(), Delivered: w.Counters.Delivered.Load(),
		Refused: w.Counters.Refused.Load(), Expired: w.Counters.Expired.Load(),
	}
	if c.Component != "" {
		e.Component = &c.Component
	}
	if f := st.LastFailure; !f.Time.IsZero() {
		e.LastError = &v1.FailureJSON{Time: f.Time.UTC(), Error: f.Error}
		if f.Status != 0 {
			e.LastError.Status = &f.Status
		}
	}
	switch e.State = st.State(); e.State {
	case "disabled":
		e.Reason = &st.Reason
	case "open", "failing":
		e.Reason = &st.LastFailure.Error
	}
	if c.Queued {
		e.Delivery = config.DeliveryQueued
		q, err := s.app.store.Queues().Open(ctx, c.Name)
		if err != nil {
			return e, err
		}
		bytes, oldest, err := q.Load(ctx)
		if err != nil && s.app.store.Remote() == nil {
			return e, err
		}
		if e.Bytes = bytes; st.Queued > 0 {
			e.Oldest = timeOrNil(oldest)
		}
	}
	return e, nil
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Test implements v1.Endpoints.
func (s *endpoints) Test(ctx context.Context, name string, like webhook.Like) (v1.TestResult, error) {
	w, err := s.worker(name)
	if err != nil {
		return v1.TestResult{}, err
	}
	if w.Endpoint().Pulled() {
		return v1.TestResult{}, fmt.Errorf("%w: the endpoint has no url", gateway.ErrConflict)
	}
	domain := w.Endpoint().Component
	if domain == "" {
		domain = s.cfg.Components[0].Domain
	}
	id := webhook.NewEventID()
	trial, err := w.Test(ctx, domain, id, like)
	t := v1.TestResult{ID: id, OK: err == nil, Attempt: trial.Attempt}
	for _, s := range trial.Replies {
		t.Replies = append(t.Replies, s.XML())
	}
	if err != nil {
		t.Attempt.Error = err.Error()
	}
	if t.Attempt.Time.IsZero() {
		t.Attempt.Time = time.Now()
	}
	return t, nil
}

// Enable implements v1.Endpoints.
func (s *endpoints) Enable(ctx context.Context, name string) error {
	w, err := s.worker(name)
	if err != nil {
		return err
	}
	return w.Enable(ctx)
}

// Disable implements v1.Endpoints.
func (s *endpoints) Disable(ctx context.Context, name, reason string) error {
	w, err := s.worker(name)
	if err != nil {
		return err
	}
	return w.Disable(ctx, reason)
}

// Put implements v1.Endpoints.
func (s *endpoints) Put(ctx context.Context, name string, keys []byte) (v1.Endpoint, bool, error) {
	fresh, err := s.app.made.endpoints.Put(ctx, name, keys)
	if err != nil {
		return v1.Endpoint{}, false, err
	}
	e, err := s.app.endpoints().Get(ctx, name)
	return e, fresh, err
}

// Delete implements v1.Endpoints.
func (s *endpoints) Delete(ctx context.Context, name string) error {
	return s.app.made.endpoints.Delete(ctx, name)
}
