package app

import (
	"time"

	"stanzahook/component"
	"stanzahook/pkg/message"
	"stanzahook/pkg/store"
)

// onProof records that a message was received or displayed (XEP-0184, XEP-0333), by a handler
// of all components that consumes nothing. What comes from another bare address than the
// message went to counts for no message.
func (m *sentMessages) onProof(in *component.Incoming) bool {
	f := message.Read(in.Stanza)
	if f.Event != message.Marker && f.Event != message.Receipt || in.Type == "groupchat" {
		return false
	}
	id := f.Of(in.Stanza)
	if id == "" {
		return false
	}
	now := time.Now().UTC()
	end := store.SentMessage{ID: id, From: in.To.String(), To: in.From.Bare().String(), State: store.SentReceived, Changed: now, Received: now}
	if f.Event == message.Marker {
		end.State, end.Displayed = store.SentDisplayed, now
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.write(end)
	return false
}

// News returns a channel that is closed when a message has another state.
func (m *sentMessages) News() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.news == nil {
		m.news = make(chan struct{})
	}
	return m.news
}

// announce wakes those who wait for News.
func (m *sentMessages) announce() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.news != nil {
		close(m.news)
		m.news = nil
	}
}

// recall remembers the messages that an earlier process has sent within a day, so that what
// is about them has the reference that their sender got.
func recall(all []store.SentMessage, into *message.Recent) {
	for _, m := range all {
		if ref, err := message.ParseRef(m.Ref); err == nil && ref.Mine {
			into.Add(ref, ref.Own.String(), "", m.Time)
		}
	}
}
