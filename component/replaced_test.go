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

// A connection is made only while the name is ours to take: the first one, and each after one that is lost.
func TestConnectsWhenItMay(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	asked, may := make(chan struct{}, 100), make(chan struct{})
	f := run(srv, component.Options{Pace: component.Pace{First: time.Millisecond, Conflict: time.Millisecond}, Await: func(done <-chan struct{}) bool {
		asked <- struct{}{}
		select {
		case <-may:
			return true
		case <-done:
			return false
		}
	}})
	for n := 1; n < 3; n++ {
		componenttest.Eventually(t, "it asks", func() bool { return len(asked) > 0 })
		<-asked
		if f.Connected() {
			t.Error("it is connected, and may not be")
		}
		may <- struct{}{}
		srv.WaitConnected(n)
		srv.Send("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
	}
	componenttest.Eventually(t, "it asks again", func() bool { return len(asked) > 0 })
}
