package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/made"
	"stanzahook/component/forward"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// Endpoints implements [v1.Endpoints], as long as the program has a configuration.
type Endpoints struct {
	Config    *config.Config
	Made      made.Items[config.Endpoint] // by the API, also those that the configuration does not allow
	Workers   *delivery.Workers           // of the configuration's endpoints, in its order
	Removed   *delivery.Removed           // may be nil
	Listeners func() []v1.Endpoint        // those of who listens
	Store     *store.Store
	Forward   *forward.Forward
	Table     *made.Table[config.Endpoint]
	Now       func() *Endpoints // those of the configuration as it is when they are asked for
}

// List implements v1.Endpoints.
func (s *Endpoints) List(ctx context.Context) ([]v1.Endpoint, error) {
	ctx, cancel := s.statusTime(ctx)
	defer cancel()
	var all []v1.Endpoint
	var names []string
	for i, w := range s.Workers.All {
		e, err := s.describe(ctx, w, s.Config.Endpoints[i].ByAPI())
		if err != nil {
			return nil, err
		}
		all, names = append(all, e), append(names, e.Name)
	}
	waiting := make(map[string]int)
	if s.Removed != nil {
		waiting = s.Removed.Waiting()
	}
	for _, m := range s.Made {
		if s.Made.Unused(m.Name) != "" && s.Workers.Named(m.Name) == nil {
			waiting[m.Name] += 0 // it is shown, whether events wait for it or not
		}
	}
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		all, names = append(all, s.describeRemoved(name, waiting[name])), append(names, name)
	}
	dead, err := s.Store.DeadLetters().Counts(ctx, names) // one by one they would take long
	if err != nil && s.Store.Remote() == nil {
		return nil, err
	}
	for i := range all {
		all[i].DeadLetters = dead[all[i].Name]
	}
	return append(all, s.Listeners()...), nil
}

// Get implements v1.Endpoints.
func (s *Endpoints) Get(ctx context.Context, name string) (v1.Endpoint, error) {
	e, err := s.found(ctx, name)
	if err == nil {
		e.DeadLetters, err = s.Store.DeadLetters().Count(ctx, name)
	}
	return e, err
}

// found is Get without the dead letters.
func (s *Endpoints) found(ctx context.Context, name string) (v1.Endpoint, error) {
	w, err := s.worker(name)
	switch {
	case err == nil:
	case s.Made.Unused(name) != "":
		return s.describeRemoved(name, s.Removed.Waiting()[name]), nil
	default:
		return v1.Endpoint{}, err
	}
	i := slices.Index(s.Workers.All, w)
	e, err := s.describe(ctx, w, s.Config.Endpoints[i].ByAPI())
	e.Keys = s.Config.Endpoints[i].Given
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
func (s *Endpoints) worker(name string) (*delivery.Worker, error) {
	if w := s.Workers.Named(name); w != nil {
		return w, nil
	}
	if why := s.Made.Unused(name); why != "" {
		return nil, fmt.Errorf("%w: %s", gateway.ErrConflict, why)
	}
	return nil, gateway.ErrNotFound
}

// describeRemoved describes an endpoint that is not in the configuration, but for its dead
// letters.
func (s *Endpoints) describeRemoved(name string, waiting int) v1.Endpoint {
	e := v1.Endpoint{EndpointStatus: v1.EndpointStatus{Name: name, State: "removed", Queued: waiting}, Delivery: config.DeliveryQueued}
	if why := s.Made.Unused(name); why != "" && s.Workers.Named(name) == nil {
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
func (s *Endpoints) describe(ctx context.Context, w *delivery.Worker, byAPI bool) (v1.Endpoint, error) {
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
		q, err := s.Store.Queues().Open(ctx, c.Name)
		if err != nil {
			return e, err
		}
		bytes, oldest, err := q.Load(ctx)
		if err != nil && s.Store.Remote() == nil {
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
func (s *Endpoints) Test(ctx context.Context, name string, like webhook.Like) (v1.TestResult, error) {
	w, err := s.worker(name)
	if err != nil {
		return v1.TestResult{}, err
	}
	if w.Endpoint().Pulled() {
		return v1.TestResult{}, fmt.Errorf("%w: the endpoint has no url", gateway.ErrConflict)
	}
	domain := w.Endpoint().Component
	if domain == "" {
		domain = s.Config.Components[0].Domain
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
func (s *Endpoints) Enable(ctx context.Context, name string) error {
	w, err := s.worker(name)
	if err != nil {
		return err
	}
	return w.Enable(ctx)
}

// Disable implements v1.Endpoints.
func (s *Endpoints) Disable(ctx context.Context, name, reason string) error {
	w, err := s.worker(name)
	if err != nil {
		return err
	}
	return w.Disable(ctx, reason)
}

// Put implements v1.Endpoints.
func (s *Endpoints) Put(ctx context.Context, name string, keys []byte) (v1.Endpoint, bool, error) {
	fresh, err := s.Table.Put(ctx, name, keys)
	if err != nil {
		return v1.Endpoint{}, false, err
	}
	e, err := s.Now().Get(ctx, name)
	return e, fresh, err
}

// Delete implements v1.Endpoints.
func (s *Endpoints) Delete(ctx context.Context, name string) error {
	return s.Table.Delete(ctx, name)
}

// storePatience is how long a status waits for NATS. The state of everything is wanted most
// while NATS does not answer: what only it knows is left out then.
const storePatience = 2 * time.Second

// statusTime bounds how long a status waits for a store on NATS.
func (s *Endpoints) statusTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.Store.Remote() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, storePatience)
}
