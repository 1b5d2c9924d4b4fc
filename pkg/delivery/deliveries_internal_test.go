package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// idleWorker puts events into a queue, and delivers none.
type idleWorker struct {
	e    webhook.Endpoint
	disk *store.Queue
	err  error // of Replay
	busy string
	held *webhook.Event
	over func() // called when an event was replayed
}

func (w *idleWorker) Endpoint() *webhook.Endpoint { return &w.e }

func (w *idleWorker) Replay(ctx context.Context, r store.Record) error {
	if w.err != nil {
		return w.err
	}
	done := make(chan error, 1)
	r.Conversation = "c"
	if err := w.disk.Append(&r, func(_ uint64, err error) { done <- err }); err != nil {
		return err
	}
	err := <-done
	if w.over != nil {
		w.over()
	}
	return err
}

func (w *idleWorker) InMemory(id string) *webhook.Event {
	if w.held == nil || w.held.ID != id {
		return nil
	}
	return w.held
}

func (w *idleWorker) Behind(string) (int, bool) { return 0, false }

func (w *idleWorker) HTTPRequest(ev *webhook.Event) (*http.Request, error) {
	c, err := webhook.NewClient(&w.e)
	if err != nil {
		return nil, err
	}
	return c.Request(ev)
}

func (w *idleWorker) Pending(id string) ([]deliverylog.Attempt, time.Time, bool, bool) {
	return nil, time.Time{}, id == w.busy, true
}

func (w *idleWorker) Drop(ctx context.Context, id string) error {
	if id == w.busy {
		return errInFlight
	}
	r, ok, err := w.disk.Find(ctx, id)
	if err != nil || !ok {
		return errors.Join(err, errUnknown)
	}
	return w.disk.Drop(ctx, r.Conversation, r.Seq)
}

// An event that is not stored yet is known.
func TestGetOfAnEventInMemory(t *testing.T) {
	d := newDesk(t)
	d.echo.held = eventOf(t, "<message type='chat' from='u@example.com/x' to='echo@bot.example.com'/>")
	v, err := d.Get(t.Context(), "evt_1")
	if err != nil || v.State != deliverylog.Queued || v.Type != "message.chat" || v.From != "u@example.com/x" || v.To != "echo@bot.example.com" || v.Stanza != d.echo.held.Stanza.XML() || v.Received.IsZero() {
		t.Errorf("%+v %v", v, err)
	}
}

// desk is the service over a store of its own, with one endpoint, echo.
type desk struct {
	*Deliveries
	echo *idleWorker
	sent []string // by the outbox
	now  time.Time
	t    *testing.T
}

func newDesk(t *testing.T) *desk {
	s := openStore(t, t.TempDir())
	t.Cleanup(s.Close)
	q, err := s.Queues().Open(t.Context(), "echo")
	require.NoError(t, err)
	d := &desk{t: t, now: time.Now(), echo: &idleWorker{e: webhook.Endpoint{Name: "echo", Queued: true}, disk: q}}
	direct := &idleWorker{e: webhook.Endpoint{Name: "direct"}, disk: q}
	d.Deliveries = &Deliveries{store: s, workers: []deliveryWorker{d.echo, direct}, resend: func(_ context.Context, component string, s *stanza.Stanza) error {
		d.sent = append(d.sent, component+" "+s.ID)
		return nil
	}}
	return d
}

func (d *desk) record(n int) store.Record {
	at := d.now.Add(time.Duration(n-1000) * time.Second).Truncate(time.Millisecond)
	var u ulid.ULID
	require.NoError(d.t, u.SetTime(ulid.Timestamp(at)))
	if n%5 == 3 { // of a room: no time is in it, and no order
		u[0], u[1], u[2] = u[0]|0x40, byte(n*37), byte(n)
	}
	return store.Record{ID: "evt_" + u.String(), Component: "bot.example.com", Conversation: "c", Received: at, Since: at,
		Stanza: fmt.Sprintf("<message from='u@example.com/x' to='echo@bot.example.com' id='%d'><body>x</body></message>", n)}
}

func (d *desk) logged(n int, state deliverylog.State) store.Record {
	r := d.record(n)
	e := deliverylog.Entry{ID: r.ID, Endpoint: "echo", Component: r.Component, Type: "message.normal", From: "u@example.com/x", To: "echo@bot.example.com", Received: r.Received,
		State: deliverylog.State(state), Attempt: &deliverylog.Attempt{Time: r.Received, Status: 200}}
	if state != deliverylog.Retrying {
		e.Stanza = r.Stanza
	}
	d.store.DeliveryLog().Add(&e)
	require.NoError(d.t, d.store.DeliveryLog().Flush(d.t.Context()))
	return r
}

func (d *desk) waits(n int) store.Record {
	r := d.record(n)
	require.NoError(d.t, (&idleWorker{disk: d.echo.disk}).Replay(d.t.Context(), r))
	return r
}

func (d *desk) died(n int, endpoint string) store.Record {
	r := d.record(n)
	dead := store.DeadLetter{Record: r, Endpoint: endpoint, Type: "message.normal", From: "u@example.com/x", To: "echo@bot.example.com", Reason: "too old", Died: time.Now()}
	require.NoError(d.t, d.store.DeadLetters().Put(d.t.Context(), &dead))
	return r
}

func (d *desk) expect(id, state, stanza string) {
	d.t.Helper()
	got, err := d.Get(d.t.Context(), id)
	if err != nil || string(got.State) != state || got.Stanza != stanza {
		d.t.Errorf("%s: %+v, %v; want it %s", id, got, err, state)
	}
}

func TestDeliveriesOfLogAndQueueInOneList(t *testing.T) {
	d := newDesk(t)
	var want []string
	for n := range 40 {
		var r store.Record
		switch {
		case n%4 == 0:
			r = d.logged(n, deliverylog.Delivered)
		case n%4 == 1:
			r = d.waits(n)
		case n%4 == 2:
			d.waits(n)
			r = d.logged(n, deliverylog.Retrying)
		default:
			d.died(n, "echo")
			r = d.logged(n, deliverylog.Dead)
		}
		want = append(want, r.ID)
	}
	slices.Reverse(want)
	for _, limit := range []int{7, 40, 500} {
		var got []string
		for cursor, more := "", true; more; more = cursor != "" {
			list, next, err := d.List(t.Context(), Filter{Limit: limit, Cursor: cursor})
			require.NoError(t, err)
			for _, v := range list {
				got = append(got, v.ID)
			}
			cursor = next
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: got %v\nwant %v", limit, got, want)
		}
	}
	for _, state := range []string{"queued", "retrying", "delivered", "dead", "dropped"} {
		list, _, err := d.List(t.Context(), Filter{Limit: 100, State: deliverylog.State(state), Endpoint: "echo", JID: "u@example.com"})
		if n := 10; err != nil || len(list) != n && state != "dropped" || slices.ContainsFunc(list, func(v Delivery) bool { return string(v.State) != state }) {
			t.Errorf("%s: %d of them, %v", state, len(list), err)
		}
	}
	if list, _, err := d.List(t.Context(), Filter{Limit: 100, State: "queued", JID: "nobody@example.com"}); err != nil || len(list) != 0 {
		t.Errorf("of nobody: %+v, %v", list, err)
	}
}

func TestReplay(t *testing.T) {
	d := newDesk(t)
	delivered, dead := d.logged(1, deliverylog.Delivered), d.died(2, "echo")
	for _, r := range []store.Record{delivered, dead} {
		require.NoError(t, d.Replay(t.Context(), r.ID))
		d.expect(r.ID, "queued", r.Stanza)
		if err := d.Replay(t.Context(), r.ID); !errors.Is(err, gateway.ErrConflict) {
			t.Errorf("while it is queued: %v", err)
		}
	}
	list, _, err := d.DeadLetters(t.Context(), Filter{Limit: 10})
	if err != nil || len(list) != 0 {
		t.Errorf("dead letters: %+v, %v", list, err)
	}
	ofOutbox := d.died(3, "")
	if err := d.Replay(t.Context(), ofOutbox.ID); err != nil || !slices.Equal(d.sent, []string{"bot.example.com 3"}) {
		t.Errorf("of the outbox: %v, %v", d.sent, err)
	}
	for name, r := range map[string]store.Record{"not configured": d.died(4, "gone"), "direct": d.died(5, "direct"), "not tried yet": d.waits(6)} {
		if err := d.Replay(t.Context(), r.ID); !errors.Is(err, gateway.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unknown := d.record(9)
	if err := d.Replay(t.Context(), unknown.ID); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	d.echo.err = gateway.ErrFull
	full := d.died(7, "echo")
	if err := d.Replay(t.Context(), full.ID); !errors.Is(err, gateway.ErrFull) {
		t.Errorf("full: %v", err)
	}
	d.expect(full.ID, "dead", full.Stanza)
}

// One that dies again before its old dead letter is removed stays one.
func TestReplayOfWhatDiesAtOnce(t *testing.T) {
	d := newDesk(t)
	r := d.died(1, "echo")
	d.echo.over = func() { d.died(1, "echo") }
	require.NoError(t, d.Replay(t.Context(), r.ID))
	if _, _, err := d.store.DeadLetters().Get(t.Context(), r.ID); err != nil {
		t.Errorf("the dead letter: %v", err)
	}
}

func TestReplayAllInTheirOrder(t *testing.T) {
	d := newDesk(t)
	for _, n := range []int{5, 3, 9, 1} {
		d.died(n, "echo")
	}
	d.died(2, "other")
	n, err := d.ReplayAll(t.Context(), "echo", time.Now().Add(-time.Hour))
	if err != nil || n != 4 {
		t.Fatalf("%d, %v", n, err)
	}
	list, err := d.echo.disk.Read(t.Context(), "c", 0, 10)
	require.NoError(t, err)
	var got []string
	for _, r := range list {
		got = append(got, r.ID)
	}
	if !slices.IsSorted(got) || len(got) != 4 {
		t.Errorf("%v", got)
	}
	if n, err := d.ReplayAll(t.Context(), "echo", time.Time{}); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	if _, err := d.ReplayAll(t.Context(), "gone", time.Time{}); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

// The request of a delivery is as it would be made now, with a signature, and without the
// secrets of the configuration.
func TestRequest(t *testing.T) {
	d := newDesk(t)
	d.echo.e.URL = "http://127.0.0.1:8080/hook?key=secret"
	d.echo.e.Headers = http.Header{"Authorization": {"Bearer secret"}}
	waiting, dead, gone := d.waits(1), d.died(2, "echo"), d.died(3, "old")
	for _, r := range []store.Record{waiting, dead} {
		got, err := d.Request(t.Context(), r.ID)
		require.NoError(t, err)
		if got.URL != "http://127.0.0.1:8080/hook?key=***" || got.Header.Get("Authorization") != "<secret>" || !strings.Contains(fmt.Sprint(got.Header), r.ID) || !strings.Contains(string(got.Body), r.ID) {
			t.Errorf("%+v %s", got, got.Body)
		}
	}
	if _, err := d.Request(t.Context(), gone.ID); !errors.Is(err, gateway.ErrConflict) {
		t.Errorf("of an endpoint that is not there: %v", err)
	}
	if _, err := d.Request(t.Context(), "evt_x"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
}

// What is done to many dead letters is done to as many as the caller has seen, and to
// those alone that match.
func TestBulk(t *testing.T) {
	d := newDesk(t)
	for _, n := range []int{5, 3, 9} {
		d.died(n, "echo")
	}
	other := d.died(2, "direct")
	groups, err := d.Groups(t.Context(), Filter{})
	if err != nil || len(groups) != 2 || groups[0].Endpoint != "echo" || groups[0].Count != 3 || groups[0].Reason != "too old" || groups[0].Oldest.After(groups[0].Newest) || groups[1].Count != 1 {
		t.Errorf("%+v, %v", groups, err)
	}
	echo := Filter{Endpoint: "echo", Limit: 1, Cursor: "1"} // of a page that was looked at
	for name, do := range map[string]func(context.Context, Filter, int) (int, error){"replay": d.ReplayMatching, "drop": d.DropMatching} {
		if n, err := do(t.Context(), echo, 2); n != 0 || !errors.Is(err, gateway.ErrConflict) {
			t.Errorf("%s of another number: %d, %v", name, n, err)
		}
	}
	if n, err := d.ReplayMatching(t.Context(), echo, 3); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := d.DropMatching(t.Context(), Filter{JID: "u@example.com"}, 1); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	d.expect(other.ID, "dropped", other.Stanza)
	if queued, err := d.echo.disk.Read(t.Context(), "c", 0, 10); err != nil || len(queued) != 3 {
		t.Errorf("%d events are in the queue, %v", len(queued), err)
	}
}

// Groups are bounded, whatever reasons there are.
func TestGroupsAreBounded(t *testing.T) {
	d := newDesk(t)
	for n := range maxGroups + 3 {
		r := d.record(n)
		dead := store.DeadLetter{Record: r, Endpoint: "echo", Reason: fmt.Sprint("422 ", n), Died: time.Now()}
		require.NoError(t, d.store.DeadLetters().Put(t.Context(), &dead))
	}
	groups, err := d.Groups(t.Context(), Filter{})
	if err != nil || len(groups) != maxGroups+1 || groups[0].Count != 3 || groups[0].Reason != "" {
		t.Errorf("%d groups, %v", len(groups), err)
	}
}

func TestDrop(t *testing.T) {
	d := newDesk(t)
	dead, waiting, busy, delivered := d.died(1, "echo"), d.waits(2), d.waits(3), d.logged(4, deliverylog.Delivered)
	d.echo.busy = busy.ID
	for _, r := range []store.Record{dead, waiting} {
		if err := d.Drop(t.Context(), r.ID); err != nil {
			t.Errorf("%s: %v", r.ID, err)
		}
	}
	d.expect(dead.ID, "dropped", dead.Stanza)
	if _, err := d.Get(t.Context(), waiting.ID); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("after it was dropped: %v", err)
	}
	for name, r := range map[string]store.Record{"in flight": busy, "delivered": delivered} {
		if err := d.Drop(t.Context(), r.ID); !errors.Is(err, gateway.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Drop(t.Context(), "evt_x"); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}
