package component_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

func TestSendIsConfirmedByTheMarker(t *testing.T) {
	f := connect(t, component.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range 100 {
		require.NoError(t, componenttest.Confirm(ctx, f.Link, message(fmt.Sprint(i), "u@example.com")))
		// confirmed means: the server has it, before done is called
		if got := f.srv.Received(); len(got) != i+1 || got[i].ID != fmt.Sprint(i) {
			t.Fatalf("after confirmation %d the server has %d", i, len(got))
		}
	}
	if s := f.Counters.Confirmed.Snapshot(); s.Count < 100 || s.Sum <= 0 {
		t.Errorf("%d markers came back in %v, by the counters", s.Count, s.Sum)
	}
}

// inOrder fails if the server has not received the stanzas 0 to n-1, in order.
func inOrder(t *testing.T, srv *componenttest.Server, n int) {
	t.Helper()
	got := srv.Received()
	if len(got) != n {
		t.Fatalf("%d stanzas, want %d:\n%s", len(got), n, srv.Transcript())
	}
	for i, s := range got {
		if s.ID != fmt.Sprint(i) {
			t.Fatalf("stanza %d has id %s: order is lost", i, s.ID)
		}
	}
}

// A stanza that may wait for more is sent though none comes, and in its order.
func TestSendWithMore(t *testing.T) {
	f := connect(t, component.Options{})
	done := make(chan error, 10)
	n := 0
	for round := range 60 {
		began := n
		for range 1 + round%4 {
			send := f.SendWithMore
			if n%7 == 6 {
				send = f.Send
			}
			require.NoError(t, send(message(fmt.Sprint(n), "u@example.com"), func(err error) { done <- err }))
			n++
		}
		for range n - began { // nothing else is sent until they are there
			require.NoError(t, <-done)
		}
	}
	inOrder(t, f.srv, n)
}

func TestOneMarkerForManyStanzas(t *testing.T) {
	f := connect(t, component.Options{})
	const n = 5000
	done := make(chan error, n)
	for i := range n {
		require.NoError(t, f.Send(message(fmt.Sprint(i), "u@example.com"), func(err error) { done <- err }))
	}
	for range n {
		require.NoError(t, <-done)
	}
	inOrder(t, f.srv, n)
	if m := f.Counters.Markers.Load(); m > n/10 {
		t.Errorf("%d markers for %d stanzas", m, n)
	}
}

// A marker that is lost, as with a connection that had the name too and has ended, is asked for again long before the
// connection counts as silent.
func TestMarkerIsMissing(t *testing.T) {
	f := connect(t, component.Options{Keepalive: time.Hour})
	f.srv.SwallowMarkers(true)
	done := make(chan error, 1)
	require.NoError(t, f.Send(message("1", "u@example.com"), func(err error) { done <- err }))
	f.srv.ExpectID("1")
	componenttest.Eventually(t, "another marker", func() bool { return f.Counters.Markers.Load() > 1 })
	f.srv.SwallowMarkers(false)
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		t.Error("it is not confirmed")
	}
	// It says nothing of the name: the server may not have noticed the end of the connection before.
	if st := f.Status(); st.State != component.Up {
		t.Errorf("the link is %s: %s", st.State, st.Reason)
	}
}

// What was written and not confirmed when the connection broke is sent again,
// in order and with the same ids; so is what came meanwhile.
func TestUnconfirmedIsSentAgain(t *testing.T) {
	f := connect(t, component.Options{})
	f.srv.SwallowMarkers(true)
	done := make(chan error, 20)
	send := func(i int) {
		require.NoError(t, f.Send(message(fmt.Sprint(i), "u@example.com"), func(err error) { done <- err }))
	}
	for i := range 10 {
		send(i)
		f.srv.ExpectID(fmt.Sprint(i))
	}
	select {
	case err := <-done:
		t.Fatalf("confirmed without a marker: %v", err)
	default:
	}
	f.srv.SwallowMarkers(false)
	f.srv.Drop()
	for i := 10; i < 20; i++ {
		send(i)
	}
	for range 20 {
		require.NoError(t, <-done)
	}
	inOrder(t, f.srv, 20)
}

// What SendOnce sends is dropped with its connection; what Send sends is not.
func TestSendOnce(t *testing.T) {
	f := connect(t, component.Options{})
	f.srv.SwallowMarkers(true)
	once, kept := make(chan error, 1), make(chan error, 1)
	require.NoError(t, f.SendOnce(message("once", "u@example.com"), false, func(err error) { once <- err }))
	require.NoError(t, f.Send(message("kept", "u@example.com"), func(err error) { kept <- err }))
	f.srv.ExpectID("once")
	f.srv.ExpectID("kept")
	f.srv.SwallowMarkers(false)
	f.srv.Drop()
	if err := <-once; !errors.Is(err, gateway.ErrDown) {
		t.Errorf("SendOnce: %v", err)
	}
	if err := <-kept; err != nil {
		t.Errorf("Send: %v", err)
	}
	f.srv.Expect("what is sent again", func(s *stanza.Stanza) bool {
		if s.ID == "once" {
			t.Error("what SendOnce has sent is sent again")
		}
		return s.ID == "kept"
	})
}

func TestSendRefusesWhatWouldCloseTheStream(t *testing.T) {
	f := connect(t, component.Options{})
	for _, h := range []stanza.Header{
		{Kind: stanza.Message, From: jid.MustParse("u@example.com"), To: jid.MustParse("u@example.com")},
		{Kind: stanza.Message, From: jid.MustParse("sub." + domain), To: jid.MustParse("u@example.com")},
		{Kind: stanza.Message, To: jid.MustParse("u@example.com")},
		{Kind: stanza.Message, From: jid.MustParse(domain)},
		{Kind: stanza.Message, From: jid.MustParse(domain + "/stanzahook-x"), To: jid.MustParse(domain + "/stanzahook-x")},
	} {
		s := stanza.Must(stanza.Build(h, "", stanza.Limits{}))
		if err := f.Send(s, nil); err == nil {
			t.Errorf("sent: %s", s.XML())
		}
	}
	big := stanza.Must(stanza.Chat(jid.MustParse(domain), jid.MustParse("u@example.com"), "big", strings.Repeat("x", 262000)))
	if err := f.Send(big, nil); err != nil {
		t.Errorf("a stanza within the limit: %v", err)
	}
	f.srv.ExpectID("big")
	small := connect(t, component.Options{Limits: stanza.Limits{MaxBytes: 20_000}})
	if err := small.Send(big, nil); err == nil || !strings.Contains(err.Error(), "max_stanza_bytes") {
		t.Errorf("a stanza over the limit: %v", err)
	}
	f.srv.Send("<iq type='get' id='end' from='u@example.com' to='bot.example.com'/>")
	f.srv.ExpectID("end")
	if bad := f.srv.Bad(); len(bad) > 0 {
		t.Errorf("the server got %q", bad)
	}
}

// A server that does not read must not make us hold everything: callers are
// refused at the bound.
func TestQueueIsBounded(t *testing.T) {
	f := connect(t, component.Options{})
	f.srv.SwallowMarkers(true)
	body := message("x", "u@example.com")
	var err error
	n := 0
	for ; err == nil && n < 200_000; n++ {
		err = f.Send(body, nil)
	}
	if !errors.Is(err, gateway.ErrBusy) {
		t.Fatalf("after %d stanzas: %v", n, err)
	}
}

func TestFlushAndGoodbye(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	f := run(srv, component.Options{})
	srv.WaitConnected(1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range 50 {
		require.NoError(t, f.Send(message(fmt.Sprint(i), "u@example.com"), nil))
	}
	require.NoError(t, f.Flush(ctx))
	if n := len(srv.Received()); n != 50 {
		t.Errorf("%d of 50 stanzas at the server after Flush", n)
	}
}

// A stanza over the server's own limit ends the stream once or twice, is then
// given up, and holds up nobody.
func TestRejectedStanza(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	srv.Limit(5000)
	f := run(srv, component.Options{Pace: component.Pace{First: time.Millisecond, Max: time.Millisecond}})
	componenttest.Eventually(t, "connected", f.Connected)
	big := stanza.Must(stanza.Chat(jid.MustParse(domain), jid.MustParse("u@example.com"), "big", strings.Repeat("x", 6000)))
	done := make(map[string]chan error)
	send := func(s *stanza.Stanza) {
		ch := make(chan error, 1)
		done[s.ID] = ch
		require.NoError(t, f.Send(s, func(err error) { ch <- err }))
	}
	srv.SwallowMarkers(true) // so that it is one of several unconfirmed
	for i := range 5 {
		send(message(fmt.Sprint("before", i), "u@example.com"))
	}
	send(big)
	for i := range 5 {
		send(message(fmt.Sprint("after", i), "u@example.com"))
	}
	srv.WaitConnected(2)
	srv.SwallowMarkers(false)
	srv.Drop() // the second connection has the swallowed marker
	for id, ch := range done {
		select {
		case err := <-ch:
			if want := id == "big"; errors.Is(err, gateway.ErrRejected) != want || err != nil && !want {
				t.Errorf("%s: %v", id, err)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: no word; the server got:\n%s", id, srv.Transcript())
		}
	}
	if n := f.logs.FilterMessageSnippet("stanza rejected").Len(); n != 1 {
		t.Errorf("said %d times, want once", n)
	}
	var first []string // each comes at least once, in order
	for _, s := range srv.Received() {
		if !slices.Contains(first, s.ID) {
			first = append(first, s.ID)
		}
	}
	if got := strings.Join(first, " "); got != "before0 before1 before2 before3 before4 after0 after1 after2 after3 after4" {
		t.Errorf("arrived %s", got)
	}
}

// A marker alone tells whether the way through the server is open.
func TestRoundTrip(t *testing.T) {
	f := connect(t, component.Options{})
	before := f.Counters.Out[0].Load()
	if d, err := f.RoundTrip(t.Context()); err != nil || d <= 0 {
		t.Errorf("%v, %v", d, err)
	}
	if got := f.srv.Received(); len(got) > 0 || f.Counters.Out[0].Load() != before {
		t.Errorf("also sent: %v", got)
	}
	f.srv.SwallowMarkers(true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := f.RoundTrip(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("swallowed: %v", err)
	}
	f.srv.Close()
	componenttest.Eventually(t, "down", func() bool { return !f.Connected() })
	if _, err := f.RoundTrip(t.Context()); !errors.Is(err, gateway.ErrDown) {
		t.Errorf("down: %v", err)
	}
}
