package component_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
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

// A link that is told to stay while it connects takes the name from nobody.
func TestStaysWhileItConnects(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	may := make(chan *component.Link, 1)
	f := run(srv, component.Options{Pace: component.Pace{First: time.Millisecond}, Await: func(done <-chan struct{}) bool {
		select {
		case l := <-may: // from here on it connects
			l.Stay()
			return true
		case <-done:
			return false
		}
	}})
	may <- f.Link
	componenttest.Eventually(t, "the attempt ends", func() bool { return f.Counters.Reconnects.Load() == 1 || srv.Accepted() > 0 })
	if srv.Accepted() > 0 {
		t.Error("it has connected")
	}
}

// An error that a handler answers with at the end counts, too, when the server does not have it; those of
// IQs do not.
func TestUnreturnedAnswers(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	refuse := component.HandlerFunc(func(in *component.Incoming) bool {
		in.Fail(&stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint})
		return true
	})
	f := run(srv, component.Options{Handler: refuse})
	srv.WaitConnected(1)
	f.Stay()
	srv.SwallowMarkers(true)
	for i := range 3 {
		srv.Send(fmt.Sprintf("<message from='u@example.com/r' to='%s' id='m%d'><body>x</body></message><iq type='get' from='u@example.com/r' to='%[1]s' id='q%[2]d'><q xmlns='urn:x'/></iq>", domain, i))
	}
	srv.ExpectID("q2")
	srv.Drop()
	componenttest.Eventually(t, "the connection is lost", func() bool { return !f.Connected() })
	if n := f.Unreturned(); n != 3 {
		t.Errorf("%d errors are not returned, want 3", n)
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

// While another process may have the name nothing is written but markers; then all of it is, in order.
func TestWritesWhenItMay(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	var may atomic.Bool
	f := run(srv, component.Options{May: may.Load, Keepalive: 200 * time.Millisecond})
	srv.WaitConnected(1)
	for i := range 3 {
		require.NoError(t, f.Send(message(fmt.Sprint(i), "u@example.com"), nil))
	}
	before := f.Counters.Markers.Load()
	componenttest.Eventually(t, "some markers", func() bool { return f.Counters.Markers.Load() > before+2 })
	inOrder(t, srv, 0)
	if !f.Connected() {
		t.Error("the connection has ended")
	}
	may.Store(true)
	componenttest.Eventually(t, "all of it", func() bool { return len(srv.Received()) == 3 })
	inOrder(t, srv, 3)
}

// What this process owes is written also while the link may not write, before what waits, and after Stay, when nothing
// else is taken, and what has waited is dropped. Nobody is told that anything of that has arrived.
func TestWritesWhatIsOwed(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	answer := component.HandlerFunc(func(in *component.Incoming) bool {
		if in.Kind == stanza.IQ {
			in.Result("")
		} else {
			in.Fail(&stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint})
		}
		return true
	})
	f := run(srv, component.Options{Handler: answer, May: func() bool { return false }})
	srv.WaitConnected(1)
	told := make(chan error, 10)
	send := func(id string) error {
		return f.Send(message(id, "u@example.com"), func(err error) { told <- err })
	}
	owes := func(n string) {
		t.Helper()
		srv.Send("<message from='u@example.com/r' to='" + domain + "' id='m" + n + "'><body>x</body></message><iq type='get' from='u@example.com/r' to='" + domain + "' id='q" + n + "'><q xmlns='urn:x'/></iq>")
		srv.ExpectID("m" + n)
		srv.ExpectID("q" + n)
	}
	require.NoError(t, send("before"))
	owes("1")
	f.Stay()
	if err := send("after"); !errors.Is(err, gateway.ErrBusy) {
		t.Errorf("a message after Stay: %v", err)
	}
	owes("2")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, f.Flush(ctx))
	for _, s := range srv.Received() {
		if s.Type != "error" && s.Type != "result" {
			t.Errorf("written: %s", s.XML())
		}
	}
	if len(told) > 0 {
		t.Errorf("who has sent a message that is not written is told %v", <-told)
	}
}
