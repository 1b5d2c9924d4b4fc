package component_test

import (
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/component"
	"stanzahook/component/componenttest"
)

// OnReplaced is called once if another process takes over the connection, and otherwise never.
func TestReplaced(t *testing.T) {
	const conflict = "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
	srv := componenttest.NewServer(t, domain, "secret")
	var replaced atomic.Int64
	f := run(srv, component.Options{OnReplaced: func() { replaced.Add(1) }, Pace: component.Pace{Conflict: 10 * time.Millisecond}})
	srv.WaitConnected(1)
	srv.Refuse(conflict)
	srv.Send("<stream:error>" + conflict + "</stream:error>")
	componenttest.Eventually(t, "some attempts", func() bool { return f.Counters.Reconnects.Load() > 3 })
	if n := replaced.Load(); n != 1 {
		t.Errorf("replaced %d times", n)
	}
}
