package rooms_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/component"
	"stanzahook/component/archive"
	"stanzahook/component/componenttest"
	"stanzahook/component/forward"
	"stanzahook/component/rooms"
	"stanzahook/component/services"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

func policy() rooms.Policy {
	return rooms.Policy{MaxRooms: 1000, SelfPing: time.Minute, LeaveOnStop: true, CatchUpMax: 500, CatchUpAge: time.Hour, MaxAnswers: 30}
}

func setting() rooms.Settings {
	return rooms.Settings{Room: ops, Bot: echo, Nick: "Echo", History: muc.Missed}
}

// bench is a process: rooms over a link to a server, and what came out as events.
type bench struct {
	t     *testing.T
	srv   *componenttest.Server
	link  *component.Link
	rooms *rooms.Rooms
	logs  *observer.ObservedLogs
	stop  func() // kills it: nothing is left, nothing is written

	mu     sync.Mutex
	events []*webhook.Event
	hold   []func(error) // with holding: the calls that say that an event is stored
	holds  bool
	full   func(webhookID string) bool // nil: the queue has room for all
	others []string                    // the stanzas that rooms leave to other handlers
}

func (b *bench) rest(in *component.Incoming) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.others = append(b.others, in.Stanza.XML())
	return false
}

func start(t *testing.T, srv *componenttest.Server, s *store.Store, p rooms.Policy, configured ...rooms.Settings) *bench {
	t.Helper()
	return startWith(t, srv, s, nil, p, configured...)
}

// startWith is start with services that are asked what they offer.
func startWith(t *testing.T, srv *componenttest.Server, s *store.Store, offers *services.Services, p rooms.Policy, configured ...rooms.Settings) *bench {
	t.Helper()
	return startOptions(t, srv, s, rooms.Options{Services: offers}, p, configured...)
}

func startOptions(t *testing.T, srv *componenttest.Server, s *store.Store, o rooms.Options, p rooms.Policy, configured ...rooms.Settings) *bench {
	t.Helper()
	b := &bench{t: t, srv: srv}
	core, logs := observer.New(zap.InfoLevel)
	b.logs = logs
	archives := &archive.Collector{}
	var err error
	o.Store, o.Archive, o.Deliver, o.Log = s.Rooms(), archives, b.deliver, zap.New(core)
	b.rooms, err = rooms.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	b.rooms.Set(configured, p)
	var link *component.Link
	link = component.New(component.Options{Domain: jid.MustParse("bot.example.com"), Addr: srv.Addr(), Secret: secret.New("secret"),
		Handler: component.Chain{archives, b.rooms, component.HandlerFunc(b.rest)}, OnUp: func(ctx context.Context) { b.rooms.OnUp(ctx, link) }})
	stopLink := componenttest.Run(t, link)
	b.link = link
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.rooms.Run(ctx) })
	once := sync.OnceFunc(func() { stopLink(); cancel(); wg.Wait() })
	b.stop = once
	t.Cleanup(once)
	return b
}

func (b *bench) deliver(o forward.OfRoom) {
	ev, onStored := o.Event, o.OnStored
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full != nil && b.full(ev.ID) {
		if onStored != nil {
			onStored(gateway.ErrFull)
		}
		return
	}
	b.events = append(b.events, ev)
	switch {
	case onStored == nil:
	case b.holds:
		b.hold = append(b.hold, onStored)
	default:
		onStored(nil)
	}
}

// event waits for the next event, and returns its data.
func (b *bench) event() (ev *webhook.Event, data string) {
	b.t.Helper()
	componenttest.Eventually(b.t, "an event", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.events) == 0 {
			return false
		}
		ev, b.events = b.events[0], b.events[1:]
		return true
	})
	json, err := webhook.EncodeEvent(&webhook.Endpoint{Name: "echo"}, ev)
	if err != nil {
		b.t.Fatal(err)
	}
	return ev, string(json)
}

// expect is event for one whose JSON has all parts.
func (b *bench) expect(parts ...string) *webhook.Event {
	b.t.Helper()
	ev, data := b.event()
	for _, p := range parts {
		if !strings.Contains(data, p) {
			b.t.Fatalf("no %s in %s", p, data)
		}
	}
	return ev
}

func (b *bench) none() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.events) > 0 {
		b.t.Fatalf("%d events, first %s", len(b.events), b.events[0].Stanza.XML())
	}
}

// joins waits for the presence of a join, and lets the bot in.
func (b *bench) joins(history string, between ...string) {
	b.t.Helper()
	p := b.srv.Expect("the join", isJoin)
	if !strings.Contains(p.XML(), history) {
		b.t.Fatalf("no %s in %s", history, p.XML())
	}
	b.srv.Send(in(p.To.String(), p.From.String()))
	for _, xml := range between {
		b.srv.Send(xml)
	}
	b.srv.Send(fmt.Sprintf("<message type='groupchat' from='%s' to='%s'><subject/></message>", p.To.Bare(), p.From))
	ask := b.srv.Expect("disco", func(s *stanza.Stanza) bool { return s.Kind == stanza.IQ })
	b.srv.Send(fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", ask.ID, ask.To, ask.From))
}

func isJoin(s *stanza.Stanza) bool {
	_, ok := s.Child("http://jabber.org/protocol/muc", "x")
	return ok && s.Kind == stanza.Presence
}

func in(nick, self string) string {
	return fmt.Sprintf("<presence from='%s' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' role='participant' jid='%[2]s'/><status code='110'/></x></presence>", nick, self)
}

func said(id, nick, body, more string) string {
	return fmt.Sprintf("<message type='groupchat' id='%s' from='ops@rooms.example.com/%s' to='echo@bot.example.com/room'><body>%s</body>%s</message>", id, nick, body, more)
}

const alice = "<presence from='ops@rooms.example.com/Alice' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator' jid='alice@example.com/phone'/></x></presence>"

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stamp(ago time.Duration) string {
	return fmt.Sprintf("<delay xmlns='urn:xmpp:delay' from='ops@rooms.example.com' stamp='%s'/>", time.Now().Add(-ago).UTC().Format(time.RFC3339))
}
