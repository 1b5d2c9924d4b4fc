package forward_test

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// A caller that goes while the active replica is looked for says nothing about it to the others.
func TestReachForOthers(t *testing.T) {
	of := newRole()
	active := start(t, "a", of, time.Second, route(http.MethodGet, "/v1/x", echo))
	standby := start(t, "b", of, time.Second)
	of.set("a", active.url)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_ = standby.Reach(gone, "/healthz")
	if err := standby.Reach(t.Context(), "/healthz"); err != nil {
		t.Error(err)
	}
}
