package forward

import (
	"fmt"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/message"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/webhook"
)

// OfRoom is an event of a room that a bot is kept in, whose stanza webhook.WithRoom or
// webhook.RoomEvent made.
type OfRoom struct {
	*webhook.Event
	IDs    message.RoomIDs
	Author string // as for message.Recent.Hear
	// OnStored, which may be nil, is called once, perhaps before Deliver returns: with nil when
	// the endpoint's queue has the event on disk, or no queue is to have it; with an error when
	// the queue has no room for it.
	OnStored func(error)
	// Again says that the event was refused before: copies have had it.
	Again bool
}

// Deliver passes on an event of a room. It never blocks. A message in a room is not bounced,
// so nobody learns that a queue has no room for it but OnStored: who gave it keeps the event,
// and delivers a copy of it Again later: its endpoint may change it, and has it until it is through.
// Without OnStored it is dropped, and logged.
//
// Killed before OnStored: the event is lost here; a room that is asked for what was said
// since then brings its message again.
func (f *Forward) Deliver(o OfRoom) {
	onStored := o.OnStored
	if onStored == nil {
		onStored = func(err error) {
			if err != nil {
				f.copies.Log(f.log, zapcore.ErrorLevel, "room", "event of a room dropped", zap.Error(err), zap.String("room", o.Stanza.From.Bare().String()))
			}
		}
	}
	room := o.Room
	if room == nil {
		room = webhook.RoomOf(o.Stanza)
	}
	m := message.Read(o.Stanza)
	o.Room, o.Type = room, room.TypeWith(o.Stanza, m.Event)
	if room.Happening() {
		if m.Event = message.None; room.Type == "room.invite" {
			m.Event = message.Invite
		}
	} else if f.recent != nil && m.Event != message.None && !o.Again {
		heard := f.recent.Hear(o.Stanza, &m, o.IDs, o.Author, o.Received)
		if heard.Ref.Mine {
			f.recent.Echoed(heard.Ref, o.Received)
			if f.Echoed != nil {
				f.Echoed(heard.Ref)
			}
		}
		if !room.Own {
			f.prove(&heard, m.Event)
		}
		strip := func(text string) string { return muc.WithoutMention(text, room.OwnNick) }
		if room.Bot { // no bot of ours answers another by chance
			o.Facts = FactsOf(heard, m.Event)
		} else {
			o.Facts = f.facts(o.Stanza, &m, &heard, strip, o.Received)
		}
	}
	if f.Taken != nil && !o.Again && f.Taken(o.Event) {
		onStored(nil)
		return
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	for i := f.index.NextIn(0, o.Component, o.Stanza, room); i >= 0; i = f.index.NextIn(i+1, o.Component, o.Stanza, room) {
		w, e := f.workers[i], f.index.Endpoint(i)
		switch wants := e.WantsRoom(room) && e.Wants(m.Event); {
		case !e.Copy && !wants:
			f.Unlisted.Add(1)
			onStored(nil)
			return
		case !e.Copy:
			f.give(o.Event, w, onStored)
			return
		case wants && !o.Again && !f.copy(*o.Event, w):
			f.copies.Log(f.log, zapcore.WarnLevel, e.Name, "copy dropped", zap.String("reason", "the queue is full"), zap.String("component", o.Component), zap.String("endpoint", e.Name), zap.String("stanza_id", o.Stanza.ID))
		}
	}
	onStored(nil)
}

// prove passes on that somebody has received or displayed a message of ours.
func (f *Forward) prove(h *message.Heard, event message.Event) {
	if f.Proved == nil || event != message.Receipt && event != message.Marker {
		return
	}
	if of, err := message.ParseRef(h.RefOf); err == nil && of.Mine {
		f.Proved(of, event)
	}
}

// copy hands a copy of an event to an endpoint.
func (f *Forward) copy(ev webhook.Event, w *delivery.Worker) bool { return w.Enqueue(&ev) }

// give hands an event of a room to its endpoint.
func (f *Forward) give(ev *webhook.Event, w *delivery.Worker, onStored func(error)) {
	switch e := w.Endpoint(); {
	case e.Queued && w.EnqueueStored(ev, onStored):
	case !e.Queued && w.Deliver(ev):
		onStored(nil)
	default:
		onStored(fmt.Errorf("%w: the queue of endpoint %s has no room", gateway.ErrFull, e.Name))
	}
}
