package sending

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/bounce"
	"stanzahook/component/componenttest"
	"stanzahook/component/outbox"
	"stanzahook/component/rooms"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// service is a sender over a real store, link and outbox.
type service struct {
	*Sender
	t    *testing.T
	link *component.Link
}

// newService starts one. confirm is how long the outbox waits for the server.
func newService(t *testing.T, addr string, confirm, maxAge time.Duration) *service {
	t.Helper()
	const domain = "bot.example.com"
	log := zap.NewNop()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Sync: store.SyncInterval, MaxBytes: 64 << 20, Log: log})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	sent := NewOutcomes(s.SentMessages(), log)
	stop := sent.Start()
	t.Cleanup(func() { stop(context.Background()) })
	l := component.New(component.Options{Domain: jid.MustParse(domain), Addr: addr, Secret: secret.New("secret"), Log: log,
		Pace: component.Pace{First: time.Millisecond, Max: 5 * time.Millisecond}, Handler: component.Chain{&sent.Bounces}})
	box := outbox.New(l, s, confirm, maxAge, log)
	box.Ended = sent.OnEnd
	end, err := box.Start(t.Context())
	require.NoError(t, err)
	componenttest.Run(t, l)
	t.Cleanup(end)
	return &service{&Sender{
		Links: map[string]*component.Link{domain: l}, Outboxes: map[string]*outbox.Outbox{domain: box}, Outcomes: sent,
		Notes: &Notes{bounce.NewQuiet(), message.NewRecent(0), message.NewQuestions(), &rooms.Rooms{}}, Rooms: &rooms.Rooms{},
		Own: []jid.JID{jid.MustParse(domain)}, Bounds: map[string]stanza.Limits{domain: {MaxBytes: 10_000}},
	}, t, l}
}

func (v *service) connected() {
	v.t.Helper()
	require.NoError(v.t, v.link.WaitConnected(v.t.Context()))
}

func (v *service) message(id string) *stanza.Stanza {
	return stanza.Must(stanza.Chat(v.Own[0], jid.MustParse("u@example.com/r"), id, "hi"))
}

// sends sends a message, of which this state is to be told.
func (v *service) sends(id string, wait time.Duration, want gateway.State) (bounced bool) {
	v.t.Helper()
	state, err := v.Send(v.t.Context(), v.message(id), gateway.Sending{Caller: "app", ReportBounce: wait > 0, Wait: wait})
	_, bounced = errors.AsType[*gateway.Bounced](err)
	if !bounced && (err != nil || state != want) {
		v.t.Errorf("%s: %s %v, want %s", id, state, err, want)
	}
	return bounced
}

// becomes waits until a message is in a state.
func (v *service) becomes(id, state string) store.SentMessage {
	v.t.Helper()
	var m store.SentMessage
	var err error
	if !v.poll(func() bool {
		m, err = v.Outcomes.Get(v.t.Context(), id, "app")
		return err == nil && string(m.State) == state
	}) {
		v.t.Fatalf("%s is %+v (%v), want %s", id, m, err, state)
	}
	return m
}

// poll asks until something holds, and reports whether it does in the end.
func (v *service) poll(holds func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			return false
		}
	}
	return true
}

const gone = "<message type='error' id='%s' from='u@example.com/r' to='bot.example.com'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"

// An error of one occupant of a room does not end a message to all, whether it comes while the
// caller waits or later.
func TestStateOfARoomMessage(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	v := newService(t, srv.Addr(), 10*time.Second, time.Hour)
	v.connected()
	to := stanza.Must(stanza.Parse("<message type='groupchat' id='1' from='bot.example.com' to='ops@rooms.example.com'><body>hi</body></message>", stanza.Limits{}))
	if state, err := v.Send(t.Context(), to, gateway.Sending{Caller: "app", ReportBounce: true, Wait: time.Minute}); err != nil || state != gateway.Confirmed {
		t.Fatal(state, err)
	}
	const occupant = "<message type='error' id='1' from='ops@rooms.example.com/Ghost' to='bot.example.com'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
	before := v.Outcomes.Bounces.Counters.Others.Load()
	srv.Send(occupant)
	if !v.poll(func() bool { return v.Outcomes.Bounces.Counters.Others.Load() > before }) {
		t.Fatal("the error of the occupant did not come")
	}
	v.sends("2", 0, "confirmed") // what is written about later messages comes behind it
	srv.Send(fmt.Sprintf(gone, "2"))
	v.becomes("2", "bounced")
	v.becomes("1", "confirmed")

	f := v.Outcomes.begin(to) // while it is sent
	v.Outcomes.onBounce(stanza.Must(stanza.Parse(occupant, stanza.Limits{})))
	if f.bounce != nil {
		t.Errorf("the error of an occupant is that of the message: %v", f.bounce)
	}
	v.Outcomes.onBounce(stanza.Must(stanza.Parse(strings.Replace(occupant, "/Ghost", "", 1), stanza.Limits{})))
	if f.bounce == nil {
		t.Error("the error of the room is not that of the message")
	}
}

func TestMessageStates(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	v := newService(t, srv.Addr(), 10*time.Second, time.Hour)
	v.connected()
	v.sends("1", 0, "confirmed")
	v.becomes("1", "confirmed")
	v.sends("2", time.Minute, "confirmed")
	srv.Send(fmt.Sprintf(gone, "2")) // later
	if m := v.becomes("2", "bounced"); !strings.Contains(m.Stanza, string(stanza.ServiceUnavailable)) {
		t.Errorf("%+v", m)
	}
	v.becomes("1", "confirmed")
	if _, err := v.Outcomes.Get(t.Context(), "1", "other"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("another caller's: %v", err)
	}
	srv.Send(fmt.Sprintf(gone, "unknown"))
	v.sends("3", 0, "confirmed")
	if _, err := v.Outcomes.Get(t.Context(), "unknown", ""); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("an id that was not sent: %v", err)
	}
	v.sends("2", 0, "confirmed") // the same id again
	v.becomes("2", "confirmed")
}

// An error that comes before the confirmation is the outcome of a request that waits.
func TestBounceWhileSending(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	v := newService(t, srv.Addr(), 10*time.Second, time.Hour)
	v.connected()
	for id, wait := range map[string]time.Duration{"asked": time.Minute, "unasked": 0} {
		srv.SwallowMarkers(true)
		outcome := make(chan bool)
		go func() { outcome <- v.sends(id, wait, "confirmed") }()
		srv.Expect("the message", func(s *stanza.Stanza) bool { return s.ID == id })
		srv.Send(fmt.Sprintf(gone, id))
		srv.SwallowMarkers(false)
		srv.Drop() // the markers of a new connection come back
		if bounced := <-outcome; bounced != (wait > 0) {
			t.Errorf("%s: bounced: %v", id, bounced)
		}
		v.becomes(id, "bounced")
		v.connected()
	}
}

// A stored message gets its outcome from the outbox.
func TestQueuedMessageStates(t *testing.T) {
	for state, maxAge := range map[string]time.Duration{"confirmed": time.Hour, "expired": time.Nanosecond} {
		srv := componenttest.NewServer(t, "bot.example.com", "secret")
		addr := srv.Addr()
		srv.Close()
		v := newService(t, addr, time.Second, maxAge)
		v.sends("1", time.Minute, "queued") // at once: there is no connection
		if maxAge > time.Second {
			v.becomes("1", "queued")
		}
		srv = componenttest.Start(t, addr, "bot.example.com", "secret")
		v.becomes("1", state)
		srv.Close()
	}
}

// A slow server confirms a stanza that was stored meanwhile: a request that waits gets
// the confirmation.
func TestLateConfirmation(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	v := newService(t, srv.Addr(), time.Millisecond, time.Hour)
	v.connected()
	srv.SwallowMarkers(true)
	v.sends("impatient", time.Millisecond, "queued")
	outcome := make(chan bool)
	go func() { outcome <- v.sends("patient", time.Minute, "confirmed") }()
	v.poll(func() bool { return v.Outboxes["bot.example.com"].Waiting() == 2 })
	srv.SwallowMarkers(false)
	srv.Drop()
	<-outcome
	v.becomes("impatient", "confirmed")
	v.becomes("patient", "confirmed")
}
