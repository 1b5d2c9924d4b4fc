package message

import (
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Wrote reports whether a message in a room, by its stanza-id or its id, is known to be ours.
func (r *Recent) Wrote(own, room jid.JID, id string, now time.Time) bool {
	for _, inRoom := range [...]bool{true, false} {
		if known, ok := r.findBy(own.String(), own, room, id, inRoom, now); ok && known.Author == own.String() {
			return true
		}
	}
	return false
}

// Say takes note of a message of ours, which has a Ref; that of a correction is the first
// version's.
func (r *Recent) Say(s *stanza.Stanza, ref Ref, now time.Time) {
	f := Read(s)
	author := ref.Own.String()
	switch {
	case f.Event == Said && (f.hasBody || f.files):
		r.Add(ref, author, f.Text(s), now)
	case f.Event == Correction:
		body := f.Text(s)
		text := ref.String()
		if known, ok := r.FindRef(ref, now); ok && known.Author == author && known.Ref != "" {
			text = known.Ref // what its sender got, perhaps without the id of the room
		}
		if text == "" {
			return
		}
		sent := Sent(s, ref.Kind == Chat && ref.Peer.IsFull())
		r.add(&sent, text, author, body, now)
		r.add(&ref, text, author, body, now)
	}
}
