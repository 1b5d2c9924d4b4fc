package waiting_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/component"
	"stanzahook/component/archive"
	"stanzahook/component/componenttest"
	"stanzahook/component/forward"
	"stanzahook/component/rooms"
	"stanzahook/component/waiting"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// bench is a process: messages that wait, with rooms over a link to a server.
type bench struct {
	t        *testing.T
	srv      *componenttest.Server
	rooms    *rooms.Rooms
	messages *waiting.Messages
	logs     *observer.ObservedLogs
	stop     func()

	mu           sync.Mutex
	errs         []error  // of the next attempts to send
	sent, failed []string // ids; and ids with the reason
	outcome      []string // of messages of callers: ids and errors
}

func policy(most int) rooms.Policy {
	return rooms.Policy{MaxRooms: most, SelfPing: time.Minute, CatchUpMax: 500, CatchUpAge: time.Hour, MaxAnswers: 30}
}

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, MaxBytes: 64 << 20})
	require.NoError(t, err)
	return s
}

func start(t *testing.T, srv *componenttest.Server, s *store.Store, most int, maxAge time.Duration) *bench {
	t.Helper()
	b := &bench{t: t, srv: srv}
	core, logs := observer.New(zap.InfoLevel)
	b.logs = logs
	archives := &archive.Collector{}
	var err error
	b.rooms, err = rooms.New(t.Context(), rooms.Options{Store: s.Rooms(), Archive: archives, Deliver: func(forward.OfRoom) {}, Log: zap.New(core)})
	require.NoError(t, err)
	b.rooms.Set(nil, policy(most))
	var link *component.Link
	link = component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr(), Secret: secret.New("secret"),
		Handler: component.Chain{archives, b.rooms}, OnUp: func(ctx context.Context) { b.rooms.OnUp(ctx, link) }})
	stopLink := componenttest.Run(t, link)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.rooms.Run(ctx) })
	b.messages = waiting.New(waiting.Options{
		Rooms: b.rooms, Store: s.WaitingMessages(), MaxAge: maxAge, Log: zap.New(core),
		Send:     b.send,
		Request:  func(context.Context, *stanza.Stanza) (*stanza.Stanza, error) { return nil, gateway.ErrDown },
		Up:       func(ctx context.Context, _ string) error { return link.WaitConnected(ctx) },
		HasUsers: func(string) bool { return false },
		Wait:     time.Minute,
		Ended: func(s *stanza.Stanza, err error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.outcome = append(b.outcome, fmt.Sprintf("%s: %v", s.ID, err))
		},
		Failed: func(owner string, s *stanza.Stanza, reason string) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.failed = append(b.failed, owner+" "+s.ID+": "+reason)
		},
	})
	stopMessages, err := b.messages.Start(t.Context())
	require.NoError(t, err)
	b.stop = sync.OnceFunc(func() { stopMessages(); stopLink(); cancel(); wg.Wait() })
	t.Cleanup(b.stop)
	return b
}

func (b *bench) send(_ context.Context, s *stanza.Stanza, _ gateway.Sending) (gateway.State, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.errs) > 0 {
		err := b.errs[0]
		b.errs = b.errs[1:]
		return "", err
	}
	b.sent = append(b.sent, s.Type+" "+s.ID)
	return gateway.Confirmed, nil
}

// put lets messages to the room wait.
func (b *bench) put(ids ...string) {
	b.t.Helper()
	for _, id := range ids {
		s := stanza.Must(stanza.Parse("<message type='groupchat' id='"+id+"' from='echo@bot.example.com' to='ops@rooms.example.com'><body>x</body></message>", stanza.Limits{}))
		if state, err := b.messages.Send(b.t.Context(), "ci", s, true, gateway.Sending{Caller: "hook ci"}); err != nil || state != gateway.Queued {
			b.t.Fatal(state, err)
		}
	}
}

// join returns the join of the bot.
func (b *bench) join() *stanza.Stanza {
	b.t.Helper()
	return b.srv.Expect("the join", func(s *stanza.Stanza) bool {
		_, ok := s.Child("http://jabber.org/protocol/muc", "x")
		return ok && s.Kind == stanza.Presence
	})
}

// letIn answers the join of the bot.
func (b *bench) letIn() {
	b.t.Helper()
	p := b.join()
	b.srv.Send(fmt.Sprintf("<presence from='%s' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' role='participant'/><status code='110'/></x></presence>", p.To, p.From) +
		fmt.Sprintf("<message type='groupchat' from='%s' to='%s'><subject/></message>", p.To.Bare(), p.From))
}

// ends waits until nothing waits, and compares what was sent and what has failed.
func (b *bench) ends(sent, failed string) {
	b.t.Helper()
	componenttest.Eventually(b.t, "nothing waits", func() bool { return b.messages.Count() == 0 })
	b.mu.Lock()
	defer b.mu.Unlock()
	if got := strings.Join(b.sent, ", "); got != sent {
		b.t.Errorf("sent %q, want %q", got, sent)
	}
	if got := strings.Join(b.failed, ", "); got != failed {
		b.t.Errorf("failed %q, want %q", got, failed)
	}
}

// settled waits for a line of the log that says that an attempt has ended without a join.
func (b *bench) settled() {
	b.t.Helper()
	componenttest.Eventually(b.t, "an attempt to join", func() bool { return b.logs.FilterMessageSnippet("room not entered").Len() > 0 })
}

// What may go away is waited for: as many rooms as there may be. Then the messages are sent, in
// their order.
func TestWaitsForWhatMayGoAway(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, openStore(t, t.TempDir()), 0, time.Hour)
	srv.WaitConnected(1)
	b.put("m1", "m2")
	b.settled()
	if n := b.messages.Count(); n != 2 {
		t.Errorf("%d messages wait, want 2", n)
	}
	b.rooms.Set(nil, policy(1))
	b.letIn()
	b.ends("groupchat m1, groupchat m2", "")
}

// What the outbox cannot take now is sent again.
func TestWaitsForTheOutbox(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, openStore(t, t.TempDir()), 1, time.Hour)
	srv.WaitConnected(1)
	b.errs = []error{gateway.ErrSilent, gateway.ErrDown}
	b.put("m1")
	b.letIn()
	b.ends("groupchat m1", "")
}

// A room that refuses the bot is an answer: all that wait fail.
func TestRefused(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, openStore(t, t.TempDir()), 1, time.Hour)
	srv.WaitConnected(1)
	b.put("m1", "m2")
	p := b.join()
	srv.Send(fmt.Sprintf("<presence type='error' from='%s' to='%s'><error type='auth'><registration-required xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>", p.To, p.From))
	const why = "the room ops@rooms.example.com refuses the bot: registration-required"
	b.ends("", "ci m1: "+why+", ci m2: "+why)
}

// At the end of its time a message fails, with what it has waited for.
func TestEndsAtItsAge(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, openStore(t, t.TempDir()), 0, time.Millisecond)
	srv.WaitConnected(1)
	b.put("m1")
	componenttest.Eventually(t, "nothing waits", func() bool { return b.messages.Count() == 0 })
	if len(b.failed) != 1 || !strings.HasPrefix(b.failed[0], "ci m1: waited for 1ms: ") {
		t.Errorf("failed %q", b.failed)
	}
}

// What waits is on disk: the next process sends it.
func TestWaitsOverRestart(t *testing.T) {
	srv, dir := componenttest.NewServer(t, "bot.example.com", "secret"), t.TempDir()
	s := openStore(t, dir)
	b := start(t, srv, s, 0, time.Hour)
	srv.WaitConnected(1)
	b.put("m1")
	b.settled()
	b.stop()
	if len(b.failed) > 0 || len(b.sent) > 0 {
		t.Errorf("before the restart: sent %q, failed %q", b.sent, b.failed)
	}
	s.Close()
	b = start(t, srv, openStore(t, dir), 1, time.Hour)
	b.letIn()
	b.ends("groupchat m1", "")
}
