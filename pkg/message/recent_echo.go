package message

import (
	"context"
	"time"

	"stanzahook/pkg/jid"
)

// Echoed notes that a room has sent back a message of ours. If it has given it a stanza-id,
// what refers to that has the Ref that the sender got.
func (r *Recent) Echoed(room Ref, now time.Time) {
	known, ok := r.findBy(room.Own.String(), room.Own, room.Peer, room.ID, false, now)
	if !ok {
		return
	}
	room = r.Complete(room, now) // a correction has the Ref of the first version, without an id of the room
	if room.StanzaID != "" {
		r.add(&Ref{Own: room.Own, Peer: room.Peer, StanzaID: room.StanzaID}, known.Ref, known.Author, known.Body, now)
	}
	// And the other way round, under a peer that no message has: from the id to the stanza-id.
	r.add(&Ref{Own: room.Own, ID: room.ID}, room.String(), room.Peer.String(), "", now)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.echoes != nil {
		close(r.echoes)
		r.echoes = nil
	}
}

// Complete returns a Ref with the stanza-id that a room has given meanwhile.
func (r *Recent) Complete(ref Ref, now time.Time) Ref {
	ref, _ = r.complete(ref, now)
	return ref
}

// complete is Complete, and says whether the room has sent the message back.
func (r *Recent) complete(ref Ref, now time.Time) (whole Ref, echoed bool) {
	if ref.Kind != Room || ref.StanzaID != "" {
		return ref, true
	}
	known, ok := r.findBy(ref.Peer.String(), ref.Own, jid.JID{}, ref.ID, false, now)
	if whole, err := ParseRef(known.Ref); ok && err == nil && known.Author == ref.Peer.String() {
		ref.StanzaID = whole.StanzaID
		return ref, true
	}
	return ref, false
}

// Await is Complete, and waits until ctx is done for the room to send back a message that
// was sent a moment ago. Others it does not wait for.
func (r *Recent) Await(ctx context.Context, ref Ref, now func() time.Time) Ref {
	for {
		r.mu.Lock()
		if r.echoes == nil {
			r.echoes = make(chan struct{})
		}
		echoes := r.echoes
		r.mu.Unlock()
		whole, echoed := r.complete(ref, now())
		if echoed || !ref.Mine {
			return whole
		}
		if _, sent := r.Find(ref.Own, ref.Peer, ref.ID, false, now()); !sent {
			return whole
		}
		select {
		case <-echoes:
		case <-ctx.Done():
			return whole
		}
	}
}
