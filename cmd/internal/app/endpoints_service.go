package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/store"
)

// endpoints implements v1.Endpoints.
type endpoints struct {
	store   *store.Store
	workers *delivery.Workers
	removed *delivery.Removed // endpoints that are not in the configuration; may be nil
	domain  string            // of a component, for tests of endpoints of all components
}

// List implements v1.Endpoints.
func (s *endpoints) List(ctx context.Context) ([]v1.Endpoint, error) {
	var all []v1.Endpoint
	for _, w := range s.workers.All {
		e, err := s.describe(ctx, w)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	if s.removed == nil {
		return all, nil
	}
	waiting := s.removed.Waiting()
	for _, name := range slices.Sorted(maps.Keys(waiting)) {
		e := v1.Endpoint{EndpointStatus: v1.EndpointStatus{Name: name, State: "removed", Queued: waiting[name]}, Delivery: config.DeliveryQueued}
		var err error
		if e.DeadLetters, err = s.store.DeadLetters().Count(ctx, name); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Get implements v1.Endpoints.
func (s *endpoints) Get(ctx context.Context, name string) (v1.Endpoint, error) {
	w := s.workers.Named(name)
	if w == nil {
		return v1.Endpoint{}, gateway.ErrNotFound
	}
	return s.describe(ctx, w)
}

func (s *endpoints) describe(ctx context.Context, w *delivery.Worker) (v1.Endpoint, error) {
	c, st := w.Endpoint(), w.Status()
	e := v1.Endpoint{
		EndpointStatus: v1.EndpointStatus{
			Name: c.Name, Since: timeOrNil(st.Since), PausedUntil: timeOrNil(st.PausedUntil),
			Queued: st.Queued, InFlight: st.InFlight, LastSuccess: timeOrNil(st.LastSuccess),
		},
		URL: outbound.PublicURL(c.URL), Format: string(c.Format), Delivery: config.DeliveryDirect, Copy: c.Copy,
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
	var err error
	if c.Queued {
		e.Delivery = config.DeliveryQueued
		q, err := s.store.Queues().Open(ctx, c.Name)
		if err != nil {
			return e, err
		}
		bytes, oldest, err := q.Load(ctx)
		if err != nil {
			return e, err
		}
		if e.Bytes = bytes; st.Queued > 0 {
			e.Oldest = timeOrNil(oldest)
		}
	}
	e.DeadLetters, err = s.store.DeadLetters().Count(ctx, c.Name)
	return e, err
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Test implements v1.Endpoints.
func (s *endpoints) Test(ctx context.Context, name string) (v1.TestResult, error) {
	w := s.workers.Named(name)
	if w == nil {
		return v1.TestResult{}, gateway.ErrNotFound
	}
	if w.Endpoint().Pulled() {
		return v1.TestResult{}, fmt.Errorf("%w: the endpoint has no url", gateway.ErrConflict)
	}
	domain := w.Endpoint().Component
	if domain == "" {
		domain = s.domain
	}
	id := "evt_" + ulid.Make().String()
	trial, err := w.Test(ctx, domain, id)
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
	w := s.workers.Named(name)
	if w == nil {
		return gateway.ErrNotFound
	}
	return w.Enable(ctx)
}

// Disable implements v1.Endpoints.
func (s *endpoints) Disable(ctx context.Context, name, reason string) error {
	w := s.workers.Named(name)
	if w == nil {
		return gateway.ErrNotFound
	}
	return w.Disable(ctx, reason)
}
