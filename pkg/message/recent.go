package message

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Recent remembers the messages of the last day, as far as a bound allows: who has written
// them, and what. So a correction is believed only from the author, a reaction to a message
// of ours has the Ref that its sender got, and a reply can quote.
//
// It is memory only. Killed: it begins empty; then a correction of an earlier message is
// marked as foreign, and nothing is quoted. References need no memory.
//
// Every message is remembered, and few are ever asked for. So Add only appends, see segment.
//
// When there is no room, the share with the most loses its oldest: whoever writes a lot makes nobody
// else forgotten who has less.
type Recent struct {
	seed maphash.Seed

	mu       sync.Mutex
	shares   [recentShares][]*segment // see party; the oldest first
	parties  map[[2]string]string     // of strangers, by their domain and the bot's, see party
	segments int                      // of all
	most     int                      // segments
	echoes   chan struct{}            // closed at the next Echoed; nil: nobody waits
}

const (
	// RecentBytes bounds what is remembered.
	RecentBytes  = 16 << 20
	recentShares = 64
	segmentBytes = 64 << 10
	recentFor    = 24 * time.Hour
	// maxParties bounds how many domains' parties are remembered: reading the list of suffixes takes
	// longer than all else.
	maxParties = 1024
	// maxRecentBody bounds what is remembered of one body. A quote needs no more.
	maxRecentBody = 4 << 10
)

// NewRecent returns an empty memory of so many bytes.
func NewRecent(bytes int) *Recent {
	return &Recent{seed: maphash.MakeSeed(), parties: make(map[[2]string]string), most: max(2, bytes/segmentBytes)}
}

// share returns where the messages of a conversation are. Nobody can choose who is in a share with
// them: the seed is another one in each process. r.mu is held.
func (r *Recent) share(own, peer jid.JID) *[]*segment {
	return &r.shares[maphash.String(r.seed, r.party(own, peer))%recentShares]
}

// party returns who counts as one for a share: a user or a room of the server that the bot is at, and all
// of a stranger's servers. Without a peer it is the bot. r.mu is held.
func (r *Recent) party(own, peer jid.JID) string {
	if peer.IsZero() {
		return own.Bare().String()
	}
	domains := [2]string{peer.Domain(), own.Domain()}
	site, known := r.parties[domains]
	if !known {
		if !peer.Beside(own) {
			site = peer.Site()
		}
		if len(r.parties) >= maxParties {
			clear(r.parties)
		}
		r.parties[[2]string{strings.Clone(domains[0]), strings.Clone(domains[1])}] = strings.Clone(site)
	}
	if site == "" {
		return peer.Bare().String()
	}
	return site
}

// Known is what is remembered of a message.
type Known struct {
	Ref    string // of the first version
	Author string // as Add got it
	Body   string // of the latest version; perhaps cut
}

// idKind is what an id is.
type idKind byte

const (
	byID     idKind = 'i' // that of the stanza, or the origin-id
	byRoomID idKind = 's' // the stanza-id that a room gave
)

// key is what an index has of an id in a conversation.
func (r *Recent) key(own, peer string, kind idKind, id string) uint64 {
	var space [256]byte
	b := append(space[:0], byte(kind))
	for _, s := range [...]string{own, peer, id} {
		b = append(append(b, s...), 0)
	}
	return maphash.Bytes(r.seed, b)
}

// Add remembers a message under its ids.
func (r *Recent) Add(ref Ref, author, body string, now time.Time) {
	r.add(&ref, "", author, body, now)
}

// add is Add with another text for the Ref: that of the first version; "" is its own.
func (r *Recent) add(ids *Ref, text, author, body string, now time.Time) {
	var space [maxRecord]byte
	record, ok := ids.bounded(space[:0])
	if !ok && text == "" || len(record) == 0 {
		return // without a text, nothing can refer to it
	}
	body = body[:min(len(body), maxRecentBody)]
	r.mu.Lock()
	defer r.mu.Unlock()
	if g := r.room(r.share(ids.Own, ids.Peer), 8+4*binary.MaxVarintLen32+len(record)+len(text)+len(author)+len(body)); g != nil {
		g.add(entry{now, record, text, author, body})
		g.ids += ids.count()
	}
}

// room returns the segment of a share for the next entry of a size; nil if none can take it.
func (r *Recent) room(share *[]*segment, size int) *segment {
	if size > segmentBytes {
		return nil
	}
	if n := len(*share); n > 0 && len((*share)[n-1].data)+size <= segmentBytes {
		return (*share)[n-1]
	}
	var g *segment
	if r.segments < r.most {
		r.segments++
		g = &segment{data: make([]byte, 0, segmentBytes)}
	} else {
		from := share
		for i := range r.shares {
			if len(r.shares[i]) > len(*from) {
				from = &r.shares[i]
			}
		}
		g = (*from)[0]
		*from = append((*from)[:0], (*from)[1:]...)
		g.clear()
	}
	*share = append(*share, g)
	return g
}

// Find returns what is remembered of the message with an id in a conversation. inRoom says
// that the id is a stanza-id.
func (r *Recent) Find(own, peer jid.JID, id string, inRoom bool, now time.Time) (Known, bool) {
	return r.findBy("", own, peer, id, inRoom, now)
}

// findBy is Find for the message of an author, if there is one: senders choose the ids of their
// messages, and somebody else may have taken the same.
func (r *Recent) findBy(author string, own, peer jid.JID, id string, inRoom bool, now time.Time) (known Known, ok bool) {
	if id == "" {
		return Known{}, false
	}
	kind := byID
	if inRoom {
		kind = byRoomID
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	segments := *r.share(own, peer)
	key := r.key(own.String(), peer.String(), kind, id)
	for i := len(segments) - 1; i >= 0; i-- {
		g := segments[i]
		if g.find(key, r.key, i < len(segments)-1, func(at uint32) (end bool) {
			e := g.entry(at)
			if now.Sub(e.since) >= recentFor {
				return true // and so are those before it
			}
			end = author == "" || e.author == author
			if end || !ok { // without one of the author, the latest
				known, ok = Known{e.ref(), e.author, e.body}, true
			}
			return end
		}) {
			break
		}
	}
	return known, ok
}

// FindRef returns what is remembered of the message of a Ref.
func (r *Recent) FindRef(ref Ref, now time.Time) (Known, bool) {
	if known, ok := r.Find(ref.Own, ref.Peer, ref.StanzaID, true, now); ok {
		return known, true
	}
	author := ""
	if ref.Mine {
		author = ref.Own.String() // as Say has it
	}
	return r.findBy(author, ref.Own, ref.Peer, ref.ID, false, now)
}

// Len returns how many ids, and how many bytes, are remembered.
func (r *Recent) Len() (ids, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, share := range r.shares {
		for _, g := range share {
			ids += g.ids
			bytes += g.size()
		}
	}
	return ids, bytes
}

// Heard is what an event tells about a message besides what is in it.
type Heard struct {
	Ref     Ref
	Author  string       // who has written, as Hear was told; without a room the address
	RefOf   string       // the message that it is about; empty: none
	Foreign bool         // a correction or retraction that is not, or perhaps not, by the author
	By      string       // who has retracted
	Files   []Attachment // that the message brings the addresses of, with what was announced of them; nil: nothing was
}

// Hear takes note of a message that came to one of our bots. What is known of a room (the
// zero RoomIDs without a room) and who has written, by something that others cannot claim:
// in a room, also privately, the occupant-id, or the nickname and its session; empty if that is
// not known. Without a room Hear knows the author.
func (r *Recent) Hear(s *stanza.Stanza, f *Features, room RoomIDs, author string, now time.Time) Heard {
	h := Heard{}
	if s.Type == "groupchat" {
		if h.Ref = InRoom(s, room); h.Ref.Mine {
			author = h.Ref.Own.String() // as Say has it
		}
	} else if h.Ref = Received(s); h.Ref.Peer.IsBare() {
		author = h.Ref.Peer.String()
	} // else an occupant of a room: the nick may be another one's than before
	h.Author = author
	switch f.Event {
	case Said, Correction, Reaction, Retraction, Marker, Receipt:
	case Announced:
		r.announce(s, &h, author, now)
		return h
	default:
		return h
	}
	known, found := Known{}, false
	if id := f.Of(s); id != "" {
		known, found = r.about(&h, s, f, id, room, author, now)
	}
	if f.Attaches() {
		r.attach(s, f, &h, author, now)
	}
	if f.Event == Correction || f.Event == Retraction {
		h.Foreign = !found || author == "" || known.Author != author
	}
	if f.Event == Retraction {
		h.By = s.From.String()
		if by, moderated := f.Moderator(s); moderated {
			if h.Foreign = s.Type != "groupchat" || !s.From.IsBare(); !h.Foreign {
				h.By = by
			}
		}
	}
	r.remember(s, f, &h, known, author, now)
	return h
}

// about finds the message that another one is about. Where a room gives no stanza-ids, or none
// that can be trusted, people refer to the id of the stanza.
func (r *Recent) about(h *Heard, s *stanza.Stanza, f *Features, id string, room RoomIDs, author string, now time.Time) (Known, bool) {
	if f.Event != Correction && f.Event != Retraction {
		author = "" // anybody's message
	}
	inRoom := h.Ref.Kind == Room && room.StanzaIDs && f.ByStanzaID(s)
	known, found := r.findBy(author, h.Ref.Own, h.Ref.Peer, id, inRoom, now)
	if !found && inRoom && f.Event == Marker { // a room that could give stanza-ids, but has no archive for which it would
		known, found = r.findBy(author, h.Ref.Own, h.Ref.Peer, id, false, now)
	}
	if found {
		h.RefOf = known.Ref
		return known, true
	}
	of := Ref{Kind: h.Ref.Kind, Own: h.Ref.Own, Peer: h.Ref.Peer}
	switch {
	case inRoom:
		of.StanzaID = id
	default:
		of.ID, of.OriginID, of.Mine = id, id, isReply(id)
	}
	h.RefOf = of.String()
	return known, false
}

// isReply reports whether an id is one that replies of webhooks have: nobody else makes
// these, and whoever does gains nothing.
func isReply(id string) bool { return len(id) > len("evt_")+26 && id[:4] == "evt_" }

// remember keeps a message that says something. A correction by the author counts as its
// first version; what is about it has that version's Ref.
func (r *Recent) remember(s *stanza.Stanza, f *Features, h *Heard, known Known, author string, now time.Time) {
	switch {
	case f.Event == Said && (f.hasBody || f.files):
		if h.Ref.Mine { // who sent it has its Ref already
			if said, ok := r.FindRef(h.Ref, now); ok && said.Author == author {
				return
			}
		}
		r.Add(h.Ref, author, f.Text(s), now)
	case f.Event == Correction && !h.Foreign:
		first, err := ParseRef(known.Ref)
		if err != nil {
			return
		}
		body := f.Text(s)
		r.add(&h.Ref, known.Ref, author, body, now)
		r.add(&first, known.Ref, author, body, now)
		h.Ref = first
	}
}
