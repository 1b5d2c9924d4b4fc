package sending

import (
	"time"

	"stanzahook/component"
	"stanzahook/component/rooms"
	"stanzahook/pkg/message"
	"stanzahook/pkg/store"
)

// OnProof records that a message was received or displayed (XEP-0184, XEP-0333), by a handler
// of all components that consumes nothing. What comes from another bare address than the
// message went to counts for no message.
func (m *Outcomes) OnProof(in *component.Incoming) bool {
	f := message.Read(in.Stanza)
	if f.Event != message.Marker && f.Event != message.Receipt || in.Type == "groupchat" {
		return false
	}
	id := f.Of(in.Stanza)
	if id == "" {
		return false
	}
	m.prove(keyOf(in.To, in.From, id), f.Event)
	return false
}

// prove records that a message was received or displayed. One that is still being sent, or
// waited for, is not in the store yet.
func (m *Outcomes) prove(key sentKey, event message.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	end := ofProof(key, event)
	waiting := m.sending[key]
	if len(waiting) == 0 {
		m.write(end)
		return
	}
	if f := waiting[0]; f.proof == nil || f.proof.Displayed.IsZero() {
		f.proof = &end
	}
}

func ofProof(key sentKey, event message.Event) store.SentMessage {
	now := time.Now().UTC()
	end := store.SentMessage{ID: key.id, From: key.ours.String(), To: key.theirs.String(), State: store.SentReceived, Changed: now, Received: now}
	if event == message.Marker {
		end.State, end.Displayed = store.SentDisplayed, now
	}
	return end
}

// maxProved bounds the messages to rooms of which is remembered that they were received or
// displayed: everybody in a room says so, and the first one counts.
const maxProved = 1000

// OnRoomProof records that somebody in a room has received or displayed a message. It does not
// wait. What it refers to was looked up: it is a message of ours, in this room.
func (m *Outcomes) OnRoomProof(of message.Ref, event message.Event) {
	from, err := of.Own.WithResource(rooms.Resource)
	if err != nil || of.ID == "" {
		return
	}
	key := proved{keyOf(from, of.Peer, of.ID), event}
	if had, _ := m.proved.ContainsOrAdd(key, struct{}{}); !had {
		m.prove(key.sentKey, event)
	}
}

// proved is a message to a room, and what somebody there has done with it.
type proved struct {
	sentKey
	event message.Event
}

// News returns a channel that is closed when a message has another state.
func (m *Outcomes) News() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.news == nil {
		m.news = make(chan struct{})
	}
	return m.news
}

// announce wakes those who wait for News.
func (m *Outcomes) announce() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.news != nil {
		close(m.news)
		m.news = nil
	}
}

// Recall remembers the messages that an earlier process has sent within a day, so that what
// is about them has the reference that their sender got.
func Recall(all []store.SentMessage, into *message.Recent) {
	for _, m := range all {
		if ref, err := message.ParseRef(m.Ref); err == nil && ref.Mine {
			into.Add(ref, ref.Own.String(), "", m.Time)
			if m.RoomID != "" && ref.Kind == message.Room {
				ref.StanzaID = m.RoomID
				into.Echoed(ref, m.Time)
			}
		}
	}
}
