package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// sentKeep is how long the state of a message is kept.
const sentKeep = 24 * time.Hour

// SentState is what became of a message of an HTTP caller.
type SentState string

// The states. A higher rank replaces a lower one, never the other way round: they may
// become known in any order.
const (
	SentQueued    SentState = "queued"    // it is in the outbox
	SentConfirmed SentState = "confirmed" // the XMPP server has it
	SentExpired   SentState = "expired"   // it waited in the outbox for too long
	SentRejected  SentState = "rejected"  // the XMPP server refused it
	SentReplaced  SentState = "replaced"  // a correction: a newer one was sent in its place
	SentBounced   SentState = "bounced"   // it came back as an error
	SentEchoed    SentState = "echoed"    // the room has sent it back: all in it have it
	SentReceived  SentState = "received"  // a program of the recipient has it (XEP-0184)
	SentDisplayed SentState = "displayed" // the recipient has seen it (XEP-0333)
)

// Final reports whether a message in this state has reached another one, or will not.
func (s SentState) Final(goal SentState) bool {
	return s.rank() >= goal.rank() || s == SentExpired || s == SentRejected || s == SentReplaced || s == SentBounced
}

func (s SentState) rank() int {
	switch s {
	case SentQueued:
		return 1
	case SentConfirmed:
		return 2
	case SentExpired, SentRejected, SentReplaced:
		return 3
	case SentBounced:
		return 4
	case SentEchoed:
		return 5
	case SentReceived:
		return 6
	case SentDisplayed:
		return 7
	}
	return 0
}

// SentMessage is a message of an HTTP caller.
type SentMessage struct {
	ID      string    `json:"id"`
	From    string    `json:"from"`
	To      string    `json:"to"`
	State   SentState `json:"state"`
	Caller  string    `json:"caller"` // the token's name
	Time    time.Time `json:"time"`   // when it was accepted
	Changed time.Time `json:"changed"`
	Ref     string    `json:"ref,omitempty"`     // the text of its message.Ref
	Group   bool      `json:"group,omitempty"`   // of type groupchat
	RoomID  string    `json:"room_id,omitempty"` // the stanza-id that the room has given it, if that can be trusted

	Received  time.Time `json:"received,omitzero"`
	Displayed time.Time `json:"displayed,omitzero"` // never without Received
	Stanza    string    `json:"stanza,omitempty"`   // XML of a stanza with the error of a bounce
}

// SentMessages are the states of messages of HTTP callers.
type SentMessages struct{ bucket }

func sentConfig(o *Options) bucketConfig {
	return bucketConfig{Config: stream.Config{
		Name: "SENT", About: "what became of messages", Subjects: "sent.*.*.*", MaxAge: sentKeep, MaxBytes: sentBytes(o),
	}, what: "the state of a message"}
}

// sentKey identifies a message by its id, its addresses and its caller, as two may use
// the same id. Of the receiver's address the bare part counts, because a client's error
// comes from its full one. Empty values match any.
func sentKey(id, from, to, caller string) string {
	addresses, by := "*", "*"
	if from != "" {
		bare, _, _ := strings.Cut(to, "/") // canonical: there is no other slash before the resource
		addresses = Conversation(from, bare)
	}
	if caller != "" {
		by = Conversation(caller, "")
	}
	return Conversation(id, "") + "." + addresses + "." + by
}

// Put stores a message and its state. Of a message that was accepted at the same time,
// the state of the highest rank stays. When there are too many, the oldest are removed.
//
// Killed before it returns: the stored state is missing or an older one; the message is
// sent all the same.
func (s *SentMessages) Put(ctx context.Context, m SentMessage) error {
	key := sentKey(m.ID, m.From, m.To, m.Caller)
	return s.change(ctx, key, true, func(known *SentMessage) (string, SentMessage, bool) {
		if known != nil && !m.Time.After(known.Time) && known.State.rank() >= m.State.rank() {
			return "", SentMessage{}, false
		}
		return key, m, true
	})
}

// End stores the final state of a message, if it is known: of those with this id and
// these addresses, the one that was accepted last.
//
// Killed before it returns: the stored state is an older one.
func (s *SentMessages) End(ctx context.Context, end SentMessage) error {
	return s.change(ctx, sentKey(end.ID, end.From, end.To, ""), false, func(known *SentMessage) (string, SentMessage, bool) {
		if known == nil || known.Group && end.State == SentBounced && strings.Contains(end.To, "/") {
			return "", SentMessage{}, false
		}
		higher, named := end.State.rank() > known.State.rank(), end.RoomID != "" && known.RoomID == ""
		if !higher && !named {
			return "", SentMessage{}, false
		}
		if named {
			known.RoomID = end.RoomID
		}
		if !higher { // as when its sender has waited for the room, and stored the state first
			return sentKey(known.ID, known.From, known.To, known.Caller), *known, true
		}
		known.State, known.Changed, known.Stanza = end.State, end.Changed, end.Stanza
		if known.Displayed.IsZero() {
			known.Displayed = end.Displayed
		}
		if known.Received.IsZero() {
			known.Received = end.Received
		}
		return sentKey(known.ID, known.From, known.To, known.Caller), *known, true
	})
}

// Get returns the message of an id that was accepted last; of one caller, or of
// any if it is empty. Errors: gateway.ErrNotFound.
func (s *SentMessages) Get(ctx context.Context, id, caller string) (SentMessage, error) {
	var known SentMessage
	revision, err := s.getJSON(ctx, sentKey(id, "", "", caller), &known)
	if err == nil && revision == 0 {
		err = gateway.ErrNotFound
	}
	return known, err
}

// All returns all messages, in no order.
func (s *SentMessages) All(ctx context.Context) ([]SentMessage, error) {
	var all []SentMessage
	err := s.st.Each(ctx, "", false, func(r *stream.Record, _ time.Time, _ int) error {
		var m SentMessage
		if json.Unmarshal(r.Data, &m) == nil {
			all = append(all, m)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the states of messages: %w", err)
	}
	return all, nil
}

// change replaces the stored message by the one that next returns; known is nil if there
// is none. With isNew it first assumes that there is none.
func (s *SentMessages) change(ctx context.Context, key string, isNew bool, next func(known *SentMessage) (key string, m SentMessage, ok bool)) error {
	for ; ; isNew = false {
		var known *SentMessage
		var revision uint64
		if !isNew {
			m, err := SentMessage{}, error(nil)
			if revision, err = s.getJSON(ctx, key, &m); err != nil {
				return err
			}
			if revision > 0 {
				known = &m
			}
		}
		at, m, ok := next(known)
		if !ok {
			return nil
		}
		data, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if known == nil {
			err = s.add(ctx, at, data)
		} else {
			_, err = s.replace(ctx, at, data, revision)
		}
		if !errors.Is(err, gateway.ErrChanged) || ctx.Err() != nil {
			return err
		}
		// another one was faster
	}
}
