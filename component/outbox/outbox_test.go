package outbox_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/component/outbox"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
)

const domain = "bot.example.com"

// process is what a process has: a store, a link and the outbox between.
type process struct {
	*outbox.Outbox
	link  *component.Link
	store *store.Store
	end   func()
}

func start(t *testing.T, addr, dir string, wait, maxAge time.Duration) *process {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, MaxBytes: 64 << 20, OutboxBytes: 1 << 20, OutboxCount: 30})
	require.NoError(t, err)
	l := component.New(component.Options{Domain: jid.MustParse(domain), Addr: addr, Secret: secret.New("secret")})
	o := outbox.New(l, s, wait, maxAge, zap.NewNop())
	stop, err := o.Start(t.Context())
	require.NoError(t, err)
	unlink := componenttest.Run(t, l)
	p := &process{Outbox: o, link: l, store: s}
	p.end = sync.OnceFunc(func() {
		stop()
		unlink()
		s.Close()
	})
	t.Cleanup(p.end)
	return p
}

func message(i int) *stanza.Stanza {
	return stanza.Must(stanza.Chat(jid.MustParse("echo@"+domain), jid.MustParse("u@example.com"), fmt.Sprint(i), "hello"))
}

func (p *process) send(t *testing.T, i int, want gateway.State) {
	t.Helper()
	if got, err := p.Send(t.Context(), "", message(i)); err != nil || got != want {
		t.Fatalf("message %d: %q %v, want %q", i, got, err, want)
	}
}

// empty waits until nothing is stored any more.
func (p *process) empty(t *testing.T) {
	t.Helper()
	componenttest.Eventually(t, "empty outbox", func() bool { return p.Waiting() == 0 })
}

// away is the address of a server that is not there, and how to start it.
func away(t *testing.T) (addr string, back func() *componenttest.Server) {
	t.Helper()
	srv := componenttest.NewServer(t, domain, "secret")
	srv.Close()
	return srv.Addr(), func() *componenttest.Server {
		srv := componenttest.Start(t, srv.Addr(), domain, "secret")
		t.Cleanup(srv.Close)
		return srv
	}
}

func ids(stanzas []*stanza.Stanza) (all []string) {
	for _, s := range stanzas {
		all = append(all, s.ID)
	}
	return all
}

func numbers(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

func TestConfirmedWhileTheLinkIsUp(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	p := start(t, srv.Addr(), t.TempDir(), 10*time.Second, time.Hour)
	componenttest.Eventually(t, "connected", p.link.Connected)
	for i := range 20 {
		p.send(t, i, gateway.Confirmed)
	}
	if n, err := p.store.Outbox().Count(t.Context(), domain); n != 0 || err != nil || p.Waiting() != 0 {
		t.Errorf("%d records were written for confirmed sends (%v), %d wait", n, err, p.Waiting())
	}
}

// What was taken while there was no link arrives when there is one, in order,
// also after a restart in between.
func TestQueuedWhileTheLinkIsDown(t *testing.T) {
	addr, back := away(t)
	dir := t.TempDir()
	p := start(t, addr, dir, time.Second, time.Hour)
	for i := range 10 {
		p.send(t, i, gateway.Queued)
	}
	p.end()
	p = start(t, addr, dir, time.Second, time.Hour)
	if p.Waiting() != 10 {
		t.Errorf("%d wait after the restart, want 10", p.Waiting())
	}
	for i := 10; i < 15; i++ {
		p.send(t, i, gateway.Queued)
	}
	srv := back()
	p.empty(t)
	p.send(t, 15, gateway.Confirmed)
	if got, want := fmt.Sprint(ids(srv.Received())), fmt.Sprint(numbers(0, 16)); got != want {
		t.Errorf("arrived %s, want %s", got, want)
	}
	componenttest.Eventually(t, "no record left", func() bool {
		n, err := p.store.Outbox().Count(t.Context(), domain)
		return n == 0 && err == nil
	})
}

// A confirmation that is late turns the send into a record, and is still good
// for it: the stanza is not sent twice by one process.
func TestLateConfirmation(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	p := start(t, srv.Addr(), t.TempDir(), 20*time.Millisecond, time.Hour)
	componenttest.Eventually(t, "connected", p.link.Connected)
	srv.SwallowMarkers(true)
	p.send(t, 0, gateway.Queued)
	p.send(t, 1, gateway.Queued) // behind the first one: order
	srv.SwallowMarkers(false)
	srv.Drop() // now both go again, in order
	p.empty(t)
	p.send(t, 2, gateway.Confirmed)
	got := ids(srv.Received())
	if s := fmt.Sprint(got); s != "[0 0 1 2]" && s != "[0 1 0 1 2]" && s != "[0 1 2]" && s != "[0 0 1 1 2]" {
		t.Errorf("arrived %v", got)
	}
}

// Killed after a late send returned "queued": its record is sent again.
func TestLateSendSurvivesARestart(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	dir := t.TempDir()
	p := start(t, srv.Addr(), dir, 20*time.Millisecond, time.Hour)
	componenttest.Eventually(t, "connected", p.link.Connected)
	srv.SwallowMarkers(true)
	p.send(t, 7, gateway.Queued)
	p.end()
	srv.SwallowMarkers(false)
	before := len(srv.Received())
	p = start(t, srv.Addr(), dir, time.Second, time.Hour)
	componenttest.Eventually(t, "empty outbox", func() bool { return p.Waiting() == 0 && len(srv.Received()) > before })
	for _, s := range srv.Received() {
		if s.ID != "7" {
			t.Errorf("arrived %s", s.XML())
		}
	}
}

func TestFullOutbox(t *testing.T) {
	addr, back := away(t)
	p := start(t, addr, t.TempDir(), time.Second, time.Hour)
	for i := range 30 {
		p.send(t, i, gateway.Queued)
	}
	if _, err := p.Send(t.Context(), "", message(30)); !errors.Is(err, gateway.ErrFull) {
		t.Errorf("over the bound: %v", err)
	}
	back()
	p.empty(t)
	p.send(t, 31, gateway.Confirmed)
}

// A caller who has his share waiting is refused, and nobody else; when it is sent he
// may go on.
func TestShareOfACaller(t *testing.T) {
	addr, back := away(t)
	p := start(t, addr, t.TempDir(), time.Second, time.Hour)
	p.Shares = p.store.Outbox().Shares() // of 30 stanzas
	send := func(caller string, i int) error {
		_, err := p.Send(t.Context(), caller, message(i))
		return err
	}
	n := 0
	for send("mallory", n) == nil {
		if n++; n > 10 {
			t.Fatal("there is no bound")
		}
	}
	if n != 7 {
		t.Errorf("%d stanzas are a share", n)
	}
	if err := send("mallory", n); !errors.Is(err, gateway.ErrFull) || !strings.Contains(err.Error(), "share") {
		t.Errorf("over the share: %v", err)
	}
	for i := range 2 {
		if err := send("alice", 100+i); err != nil {
			t.Errorf("somebody else: %v", err)
		}
	}
	back()
	p.empty(t)
	if err := send("mallory", 200); err != nil {
		t.Errorf("after all was sent: %v", err)
	}
}

func TestTooOldIsGivenUp(t *testing.T) {
	addr, back := away(t)
	p := start(t, addr, t.TempDir(), time.Second, time.Nanosecond)
	s := message(0)
	h := s.Header
	h.Type = "" // as which a message is normal
	s = stanza.Must(s.With(h, stanza.Limits{}))
	if state, err := p.Send(t.Context(), "", s); err != nil || state != gateway.Queued {
		t.Fatal(state, err)
	}
	srv := back()
	p.empty(t)
	if n := len(srv.Received()); n != 0 || p.Expired.Load() != 1 {
		t.Errorf("%d arrived, %d expired", n, p.Expired.Load())
	}
	dead, _, err := p.store.DeadLetters().List(t.Context(), deliverylog.Filter{Limit: 10})
	if err != nil || len(dead) != 1 || dead[0].Type != "message.normal" {
		t.Errorf("dead letters %+v, %v", dead, err)
	}
}

func TestRefused(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	p := start(t, srv.Addr(), t.TempDir(), time.Second, time.Hour)
	for _, h := range []stanza.Header{
		{Kind: stanza.IQ, Type: "get", From: jid.MustParse(domain), To: jid.MustParse("u@example.com")},
		{Kind: stanza.Message, From: jid.MustParse("u@example.com"), To: jid.MustParse("u@example.com")},
		{Kind: stanza.Message, From: jid.MustParse(domain)},
	} {
		s := stanza.Must(stanza.Build(h, "", stanza.Limits{}))
		if _, err := p.Send(t.Context(), "", s); err == nil {
			t.Errorf("taken: %s", s.XML())
		}
	}
}

// The end of a stored stanza is reported, once.
func TestEnded(t *testing.T) {
	addr, back := away(t)
	for _, c := range []struct {
		maxAge time.Duration
		want   error
	}{{time.Hour, nil}, {time.Nanosecond, gateway.ErrExpired}} {
		p := start(t, addr, t.TempDir(), time.Second, c.maxAge)
		ends := make(chan error, 10)
		p.Ended = func(s *stanza.Stanza, err error) {
			if s.ID != "0" {
				t.Errorf("stanza %s", s.ID)
			}
			ends <- err
		}
		p.send(t, 0, gateway.Queued)
		srv := back()
		select {
		case err := <-ends:
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		case <-time.After(time.Minute):
			t.Error("no end reported")
		}
		p.empty(t)
		p.end()
		srv.Close()
		if len(ends) != 0 {
			t.Error("reported again")
		}
	}
}

// A reply waits behind a small part of what was stored while the server was away.
func TestReplyBetweenStoredStanzas(t *testing.T) {
	addr, back := away(t)
	p := start(t, addr, t.TempDir(), time.Second, time.Hour)
	for i := range 20 {
		s := stanza.Must(stanza.Chat(jid.MustParse("echo@"+domain), jid.MustParse("u@example.com"), fmt.Sprint(i), strings.Repeat("x", 15_000)))
		if state, err := p.Send(t.Context(), "", s); err != nil || state != gateway.Queued {
			t.Fatal(state, err)
		}
	}
	srv := back()
	srv.SwallowMarkers(true)
	srv.WaitConnected(1)
	srv.ExpectID("3")
	time.Sleep(200 * time.Millisecond) // in which all others would come
	require.NoError(t, p.link.Send(message(100), nil))
	srv.ExpectID("100")
	if got, want := fmt.Sprint(ids(srv.Received())), fmt.Sprint(numbers(0, 3)); got != want {
		t.Errorf("besides the fourth, before the reply: %s; want %s", got, want)
	}
	srv.SwallowMarkers(false)
	srv.Drop()
	p.empty(t)
}

// An earlier process that was stopped, and goes on late, may still put something into the outbox, and remove something
// from it. Of neither has anybody been told, and neither changes when this one sends directly again.
func TestAnEarlierProcessIsLate(t *testing.T) {
	addr, back := away(t)
	dir := t.TempDir()
	p := start(t, addr, dir, time.Second, time.Hour)
	for i := range 3 {
		p.send(t, i, gateway.Queued)
	}
	p.end()
	p = start(t, addr, dir, time.Second, time.Hour)
	late := func(i int) {
		t.Helper()
		require.NoError(t, p.store.Outbox().Put(t.Context(), store.Outgoing{ID: fmt.Sprint("late", i), Component: domain, Queued: time.Now(), Stanza: message(100 + i).XML()}))
	}
	late(0)
	p.send(t, 3, gateway.Queued)
	late(1)
	p.send(t, 4, gateway.Queued)
	srv := back()
	p.empty(t)
	late(2)
	componenttest.Eventually(t, "no record left", func() bool {
		n, err := p.store.Outbox().Count(t.Context(), domain)
		return n == 0 && err == nil
	})
	if n := p.Waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
	p.send(t, 5, gateway.Confirmed)
	srv.Drop()
	if got, want := fmt.Sprint(ids(srv.Received())), fmt.Sprint(numbers(0, 6)); got != want {
		t.Errorf("arrived %s, want %s", got, want)
	}
}
