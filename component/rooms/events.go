package rooms

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/component/forward"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

func newID() string { return "room-" + ulid.Make().String() }

// report turns what happened in the room into an event of endpoints. s.mu is held.
func (s *session) report(now time.Time, e *muc.Event) {
	if e.Own && e.Sent != "" && s.all.o.Echoed != nil {
		s.all.o.Echoed(s.self, s.key.room, e.Sent, e.StanzaID)
	}
	o := &offered{}
	known := &o.room
	s.tell(known, e)
	if known.Own {
		s.all.Counters.Own.Add(1)
	}
	if e.Missed {
		s.all.Counters.Missed.Add(1)
	}
	var st *stanza.Stanza
	var err error
	if known.Happening() {
		from := s.key.room
		if e.Kind == muc.OccupantHas || e.Kind == muc.Subject {
			from = e.Stanza.From
		}
		st, err = webhook.RoomEvent(from, s.bareBot(), known)
	} else {
		st, err = webhook.WithRoom(e.Stanza, s.bareBot(), known)
	}
	if err != nil {
		s.all.repeats.Error(s.all.log, "event of a room not made", zap.Stringer("room", s.key.room), zap.Error(err))
		return
	}
	s.deliver(now, st, o, e)
}

// deliver hands an event to the endpoints. s.mu is held, so events of a room keep their
// order. One that the queue of its endpoint refuses waits, with those behind it.
//
// Killed before the event is stored: the mark in the store is before it, and the message
// comes again, as missed.
func (s *session) deliver(now time.Time, st *stanza.Stanza, o *offered, e *muc.Event) {
	var inRoom jid.JID // of others, also of those who had the nick while we were away
	if e.Own {
		inRoom, _ = s.key.room.WithResource(s.room.Standing().Nick)
	}
	o.event = webhook.Event{ID: s.eventID(e), Component: s.self.Domain(), Conversation: s.conversation, Received: now, Stanza: st, Room: &o.room}
	o.offer = offer{stanza: st, keyed: e.Key != 0, since: now, OfRoom: forward.OfRoom{
		Event: &o.event, IDs: message.RoomIDs{StanzaIDs: s.room.StanzaIDs(), Own: inRoom}, Author: s.author(&e.Occupant),
	}}
	s.hand(&o.offer)
}

// author returns by what an occupant can be recognised: the occupant-id, the real address,
// or the nick of somebody who is there, and this process, for the next one counts stays anew.
func (s *session) author(o *muc.Occupant) string {
	switch {
	case o.ID != "":
		return "id " + o.ID
	case !o.JID.IsZero():
		return "jid " + o.JID.Bare().String()
	case o.Role != "":
		return "nick " + s.all.process + " " + strconv.Itoa(o.Stay) + " " + o.Nick
	}
	return ""
}

// eventID returns the webhook-id of an event. That of a message with an id is the same when
// the message comes again, after a kill: its mark had not been stored yet.
func (s *session) eventID(e *muc.Event) string {
	if e.Key == 0 {
		return webhook.NewEventID()
	}
	var space [256]byte
	b := space[:0]
	for _, part := range [...]string{s.key.room.String(), s.self.String(), e.Occupant.Nick} {
		b = append(append(b, part...), 0)
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(b, e.Key))
	var id ulid.ULID
	copy(id[:], sum[:])
	id[0] = id[0]&0x7f | 0x40 // a time to come: nobody takes it for when the event was received
	b = append(space[:0], "evt_"...)[:4+ulid.EncodedSize]
	_ = id.MarshalTextTo(b[4:]) // which has room for it
	return string(b)
}

// tell writes what is known besides the stanza of an event. s.mu is held.
func (s *session) tell(w *webhook.Room, e *muc.Event) {
	o := &e.Occupant
	*w = webhook.Room{JID: s.key.room.String(), Nick: o.Nick, OccupantID: o.ID, RealJID: s.realOf(o).String(), Affiliation: o.Affiliation, Role: o.Role, OwnNick: s.nickNow(),
		Missed: e.Missed, Own: e.Own, Bot: e.Own}
	switch e.Kind {
	case muc.Message:
		w.Bot = e.Own || s.isBot(o, e.Kind, e.Missed)
		w.Own = w.Bot
		w.Mention = !w.Own && s.mentioned(e.Stanza)
	case muc.Private:
		w.Type = "message.private"
		w.Bot = s.isBot(o, e.Kind, e.Missed)
		w.Own, w.Mention = w.Bot, !w.Bot
	case muc.RoomJoined:
		w.Type, w.Text, w.Own = "room.joined", e.Text, false
	case muc.RoomLeft:
		w.Type, w.Reason, w.Code, w.Actor, w.Text, w.Alternative, w.Own = "room.left", e.Reason, e.Code, e.Actor, e.Text, e.Alternative, false
	case muc.OccupantHas:
		w.Type, w.Change, w.OldNick, w.Code, w.Actor, w.Text = "room.occupant", e.Change, e.OldNick, e.Code, e.Actor, e.Text
		w.Bot = s.isBot(o, e.Kind, e.Missed)
	case muc.Subject:
		w.Type, w.Text = "room.subject", e.Text
		w.Bot = e.Own || s.isBot(o, e.Kind, e.Missed)
		w.Own = w.Bot
	case muc.Config:
		w.Type, w.Code = "room.config", e.Code
	}
}

// isBot reports whether what happened is the doing of another bot of ours: of the one with
// the real address, where the room shows it, else of the one with the nick in the room. In
// what was missed, that is the nick of its last stay, also if it is not back yet; somebody who
// comes may be one whose own join is not through.
func (s *session) isBot(o *muc.Occupant, kind muc.EventKind, missed bool) bool {
	if !s.shared.Load() {
		return false
	}
	s.all.mu.RLock()
	list := s.all.byRoom[s.key.room]
	s.all.mu.RUnlock()
	for _, other := range list {
		if other == s {
			continue
		}
		if !o.JID.IsZero() {
			if o.JID.Bare() == other.self.Bare() {
				return true
			}
			continue
		}
		by := other.ours.Load()
		if o.Nick != "" && (o.Nick == by.there || missed && o.Nick == by.had || kind == muc.OccupantHas && o.Nick == by.asked) {
			return true
		}
	}
	return false
}

// mentioned reports whether a message means the bot: by its nick, by a reference to it
// (XEP-0372), by a mention (XEP-0513), as a reply to it (XEP-0461), or by one of its buttons
// (XEP-0439). s.mu is held.
func (s *session) mentioned(st *stanza.Stanza) bool {
	nick := s.room.Standing().Nick
	if body, ok := st.Body(); ok && muc.Mentions(body, nick) {
		return true
	}
	inRoom := func() jid.JID {
		j, _ := s.key.room.WithResource(nick)
		return j
	}
	for _, c := range st.Children() {
		switch c.Space {
		case "urn:xmpp:reference:0":
			e := st.Element(c)
			uri, _ := e.Attr("uri")
			if kind, _ := e.Attr("type"); kind == "mention" && s.isMe(uri, inRoom()) {
				return true
			}
		case "urn:xmpp:mentions:0":
			if c.Local == "mention" && s.isMentioned(st.Element(c), inRoom()) {
				return true
			}
		case "urn:xmpp:reply:0":
			e := st.Element(c)
			if to, _ := e.Attr("to"); to != "" && jid.FromServer(to) == inRoom() {
				return true
			}
			if id, _ := e.Attr("id"); id != "" && s.all.o.Ours != nil && s.all.o.Ours(s.bareBot(), s.key.room, id) {
				return true
			}
		}
	}
	return s.all.o.Chosen != nil && s.all.o.Chosen(s.bareBot(), s.key.room, nick, st)
}

// isMentioned reports whether a mention is of the bot: by its occupant-id, where the room sets
// them, or by its address. Those of groups are not, nor those that are to notify nobody.
func (s *session) isMentioned(mention *stanza.Element, inRoom jid.JID) bool {
	if _, group := mention.Attr("mentions"); group || mention.Child("urn:xmpp:mentions:0", "noping") != nil {
		return false
	}
	if id, _ := mention.Attr("occupantid"); id != "" {
		own, ok := s.room.Occupant(inRoom.Resource())
		return ok && own.ID == id
	}
	address, _ := mention.Attr("jid")
	j := jid.FromServer(address)
	return address != "" && (j.Bare() == s.bareBot() || j == inRoom)
}

// isMe reports whether an xmpp: URI is the bot's address, or that of it in the room.
func (s *session) isMe(uri string, inRoom jid.JID) bool {
	rest, ok := strings.CutPrefix(uri, "xmpp:")
	if !ok {
		return false
	}
	rest, _, _ = strings.Cut(rest, "?")
	j := jid.FromServer(unescapeURI(rest))
	return j.Bare() == s.bareBot() || j == inRoom
}
