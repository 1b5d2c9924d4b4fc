package store_test

import (
	"maps"
	"testing"
	"time"

	"stanzahook/pkg/store"
)

func TestFeatures(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if f, err := s.Features().Get(t.Context(), "example.com"); len(f) != 0 || err != nil {
		t.Errorf("%v %v", f, err)
	}
	want := store.HostFeatures{"urn:xmpp:ping": {}, "urn:xmpp:mam:2": time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)}
	for _, f := range []store.HostFeatures{{"x": {}}, want} {
		if err := s.Features().Put(t.Context(), "example.com", f); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Features().Put(t.Context(), "bücher.example", store.HostFeatures{"y": {}}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	got, err := s.Features().Get(t.Context(), "example.com")
	if err != nil || !maps.EqualFunc(got, want, time.Time.Equal) {
		t.Errorf("%v %v", got, err)
	}
}
