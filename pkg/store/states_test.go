package store_test

import (
	"maps"
	"testing"
	"time"

	"stanzahook/pkg/store"
)

// States survive a restart; of a thing that has none, the state is the zero state.
func TestStates(t *testing.T) {
	ctx, dir, at := t.Context(), t.TempDir(), time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)
	s := open(t, dir)
	if f, err := s.Features().Get(ctx, "example.com"); len(f) != 0 || err != nil {
		t.Errorf("features at first: %v %v", f, err)
	}
	if st, err := s.Endpoints().Get(ctx, "echo"); err != nil || st != (store.EndpointState{}) {
		t.Errorf("endpoint at first: %+v, %v", st, err)
	}
	features := store.HostFeatures{"urn:xmpp:ping": {}, "urn:xmpp:mam:2": at}
	endpoint := store.EndpointState{Disabled: true, Reason: "410 Gone", Since: at}
	for _, err := range []error{
		s.Features().Put(ctx, "example.com", store.HostFeatures{"x": {}}), s.Features().Put(ctx, "example.com", features),
		s.Features().Put(ctx, "bücher.example", store.HostFeatures{"y": {}}), s.Endpoints().Put(ctx, "echo", endpoint),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	if got, err := s.Features().Get(ctx, "example.com"); err != nil || !maps.EqualFunc(got, features, time.Time.Equal) {
		t.Errorf("features %v %v", got, err)
	}
	if got, err := s.Endpoints().Get(ctx, "echo"); err != nil || got != endpoint {
		t.Errorf("endpoint %+v %v", got, err)
	}
}
