package sending

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.uber.org/zap"

	"stanzahook/component/bounce"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// Outcomes follows the stanzas of HTTP callers to their outcome: the outbox reports
// it, or an error comes back. A request that still waits gets the outcome at once;
// afterwards it goes into the store, for later requests.
type Outcomes struct {
	Bounces bounce.Watcher // a handler of all components
	between selfSending    // of our own addresses
	store   *store.SentMessages
	Bounced func(*stanza.Stanza) // called with each error; must not block; may be nil
	log     *zap.Logger
	ends    chan store.SentMessage
	proved  *lru.Cache[proved, struct{}] // see OnRoomProof

	mu      sync.Mutex
	sending map[sentKey][]*sentFlight
	news    chan struct{} // see News; nil: nobody waits
	lost    int           // ends that found no room, since the last that did
}

// maxEnds bounds the outcomes that wait for the store. Over it they are lost: the
// message keeps its state, and a bounce is still an event for the endpoints.
const maxEnds = 1000

type sentKey struct {
	ours, theirs jid.JID // theirs is bare
	id           string
}

func keyOf(ours, theirs jid.JID, id string) sentKey { return sentKey{ours, theirs.Bare(), id} }

// sentFlight is a stanza whose HTTP request is being served.
type sentFlight struct {
	key     sentKey
	group   bool          // of type groupchat
	settled chan struct{} // closed when the outbox has reported the outcome
	back    chan struct{} // closed when the room has sent it back

	// guarded by Outcomes.mu
	resolved bool
	err      error              // from the outbox, when resolved
	bounce   *stanza.Stanza     // that came back
	echoed   bool               // the room has sent it back
	roomID   string             // the stanza-id that it has then
	proof    *store.SentMessage // that it was received or displayed
}

func NewOutcomes(s *store.SentMessages, log *zap.Logger) *Outcomes {
	heard, _ := lru.New[proved, struct{}](maxProved) // fails for a bound below 1
	m := &Outcomes{store: s, log: log, ends: make(chan store.SentMessage, maxEnds), proved: heard, sending: make(map[sentKey][]*sentFlight)}
	m.Bounces.Seen = m.onBounce
	return m
}

// Start begins to store outcomes; stop ends it.
//
// Killed: outcomes that are not stored yet are lost, and a message stays in the state
// that it had before.
func (m *Outcomes) Start() (stop func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case end := <-m.ends:
				if err := m.store.End(ctx, end); err != nil && ctx.Err() == nil {
					m.log.Warn("message outcome not stored", zap.String("stanza_id", end.ID), zap.Error(err))
				}
				m.announce()
			case <-ctx.Done():
				return
			}
		}
	})
	return func(context.Context) {
		cancel()
		wg.Wait()
	}
}

// Get returns a message of a caller, and what has become of it.
func (m *Outcomes) Get(ctx context.Context, id, caller string) (store.SentMessage, error) {
	return m.store.Get(ctx, id, caller)
}

// SelfSends counts the known pairs of our own addresses that callers send between, and the
// stanzas that were refused because there were too many.
func (m *Outcomes) SelfSends() (pairs int, refused int64) { return m.between.counts() }

// begin is called before a stanza is sent, end afterwards.
func (m *Outcomes) begin(s *stanza.Stanza) *sentFlight {
	f := &sentFlight{key: keyOf(s.From, s.To, s.ID), group: s.Type == "groupchat", settled: make(chan struct{}), back: make(chan struct{})}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sending[f.key] = append(m.sending[f.key], f)
	return f
}

// end stores a message and its state, and the outcome that came while it was sent.
func (m *Outcomes) end(ctx context.Context, f *sentFlight, sent store.SentMessage, note bool) {
	if note {
		if err := m.store.Put(ctx, sent); err != nil {
			m.log.Warn("message state not stored", zap.String("stanza_id", sent.ID), zap.Error(err))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.DeleteFunc(m.sending[f.key], func(other *sentFlight) bool { return other == f })
	if m.sending[f.key] = list; len(list) == 0 {
		delete(m.sending, f.key)
	}
	if note && f.resolved {
		m.write(ofOutbox(f.key, f.err))
	}
	if note && f.bounce != nil {
		m.write(ofBounce(f.bounce))
	}
	if note && f.echoed {
		m.write(ofEcho(f.key, f.roomID))
	}
	if note && f.proof != nil {
		m.write(*f.proof)
	}
}

// Note stores the state of a message that waits to be sent, or will not be.
func (m *Outcomes) Note(ctx context.Context, sent store.SentMessage) {
	if err := m.store.Put(ctx, sent); err != nil {
		m.log.Warn("message state not stored", zap.String("stanza_id", sent.ID), zap.Error(err))
	}
	m.announce()
}

// await waits for the outcome of a stanza that the outbox has stored, or for its bounce,
// but not longer than a time.
func (f *sentFlight) await(ctx context.Context, within time.Duration, bounced <-chan struct{}) (gateway.State, error) {
	late := time.NewTimer(within)
	defer late.Stop()
	select {
	case <-f.settled:
		if f.err != nil {
			return "", f.err
		}
		return gateway.Confirmed, nil
	case <-bounced:
		return gateway.Confirmed, nil // it came back, so the server has it
	case <-late.C:
	case <-ctx.Done():
	}
	return gateway.Queued, nil
}

// awaitEcho waits until the room has sent back a message that the server has, or refuses it,
// but not longer than a time. The error of an occupant says nothing: ejabberd lets those whose
// connection is lost stay in the room, and answers each message for them.
func (f *sentFlight) awaitEcho(ctx context.Context, within time.Duration, watch *bounce.Watch) gateway.State {
	late := time.NewTimer(within)
	defer late.Stop()
	var bounced <-chan struct{}
	if watch != nil {
		bounced = watch.Bounced()
	}
	for {
		select {
		case <-f.back:
			return gateway.Echoed
		case <-bounced:
			if !watch.Bounce().From.IsFull() {
				return gateway.Confirmed
			}
			bounced = nil
		case <-late.C:
			return gateway.Confirmed
		case <-ctx.Done():
			return gateway.Confirmed
		}
	}
}

// OnEnd records the outcome of a stanza; the outbox calls it. It does not wait.
func (m *Outcomes) OnEnd(s *stanza.Stanza, err error) {
	key := keyOf(s.From, s.To, s.ID)
	m.mu.Lock()
	defer m.mu.Unlock()
	if list := m.sending[key]; len(list) > 0 {
		for _, f := range list {
			if !f.resolved {
				f.resolved, f.err = true, err
				close(f.settled)
				return
			}
		}
	}
	m.write(ofOutbox(key, err))
}

// onBounce records an error stanza; the links call it for each. It does not wait.
func (m *Outcomes) onBounce(s *stanza.Stanza) {
	if m.Bounced != nil {
		m.Bounced(s)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.sending[keyOf(s.To, s.From, s.ID)] {
		if f.group && s.From.IsFull() { // of one occupant; the room has it
			return
		}
		if f.bounce == nil {
			f.bounce = s
			return
		}
	}
	if s.Kind == stanza.Message {
		m.write(ofBounce(s))
	}
}

// maxRoomID bounds the id that a room gives a message. A longer one is in no reference.
const maxRoomID = 512

// OnEcho records that a room has sent back a message, and with which stanza-id. It does not
// wait.
func (m *Outcomes) OnEcho(self, room jid.JID, id, roomID string) {
	if len(roomID) > maxRoomID {
		roomID = ""
	}
	key := keyOf(self, room, id)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.sending[key] {
		if !f.echoed {
			f.echoed, f.roomID = true, roomID
			close(f.back)
			return
		}
	}
	m.write(ofEcho(key, roomID))
}

func ofEcho(key sentKey, roomID string) store.SentMessage {
	return store.SentMessage{ID: key.id, From: key.ours.String(), To: key.theirs.String(), State: store.SentEchoed, Changed: time.Now().UTC(), RoomID: strings.Clone(roomID)}
}

// write hands an end to the writer; m.mu is held.
func (m *Outcomes) write(end store.SentMessage) {
	select {
	case m.ends <- end:
		if m.lost > 0 {
			m.log.Warn("message outcomes not stored", zap.Int("messages", m.lost), zap.String("hint", "the store is behind"))
			m.lost = 0
		}
	default:
		m.lost++
	}
}

func ofOutbox(key sentKey, err error) store.SentMessage {
	state := store.SentConfirmed
	switch {
	case errors.Is(err, gateway.ErrExpired):
		state = store.SentExpired
	case err != nil:
		state = store.SentRejected
	}
	return store.SentMessage{ID: key.id, From: key.ours.String(), To: key.theirs.String(), State: state, Changed: time.Now().UTC()}
}

// maxErrorText bounds the stored text of an error.
const maxErrorText = 1000

func ofBounce(s *stanza.Stanza) store.SentMessage {
	e, _ := s.StanzaError()
	if len(e.Text) > maxErrorText {
		e.Text = e.Text[:maxErrorText]
	}
	return store.SentMessage{ID: s.ID, From: s.To.String(), To: s.From.String(), State: store.SentBounced, Changed: time.Now().UTC(),
		Stanza: "<message type='error'>" + e.XML() + "</message>"}
}
