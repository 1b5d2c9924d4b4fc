package muc

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Mark says up to where the messages of a room were seen. The zero Mark is for a room that
// was never joined.
type Mark struct {
	First time.Time `json:"first"` // of the first join
	Last  time.Time `json:"last"`  // of the last message, or of the join
	Seen  Seens     `json:"seen,omitempty"`
	Nicks []string  `json:"nicks,omitempty"` // that the bot had, the last one at the end
}

// Seen is a message before the mark.
type Seen struct {
	Key  uint64
	Unix int64
}

// Seens are messages before the mark. They are stored with every move of the mark, so their
// text is short: base64 of 16 bytes for each.
type Seens []Seen

// MarshalText implements [encoding.TextMarshaler].
func (s Seens) MarshalText() ([]byte, error) {
	b := make([]byte, 0, 16*len(s))
	for _, m := range s {
		b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, m.Key), uint64(m.Unix))
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Seens) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(b)%16 != 0 {
		return errors.New("seen: is damaged")
	}
	*s = nil
	for ; len(b) > 0; b = b[16:] {
		*s = append(*s, Seen{binary.BigEndian.Uint64(b), int64(binary.BigEndian.Uint64(b[8:]))})
	}
	return nil
}

const (
	maxSeen  = 50
	maxNicks = 10
	// skew is how much the clocks of the room and of this machine may differ.
	skew = 10 * time.Second
)

// mark is the Mark of a room, and what is missed after it.
type mark struct {
	m      Mark
	cut    time.Time // messages before it were seen, or are too old
	wanted bool      // this join asks for what was missed
}

func (m *mark) set(to Mark) {
	m.m = to
	m.m.Seen, m.m.Nicks = slices.Clone(to.Seen), slices.Clone(to.Nicks)
}

// Mark returns the mark after the events that were returned so far.
func (r *Room) Mark() Mark {
	m := r.m
	m.Seen, m.Nicks = slices.Clone(m.Seen), slices.Clone(m.Nicks)
	return m
}

// begin sets what a join asks for.
func (r *Room) begin(now time.Time) {
	r.wanted = r.o.History != NoHistory && !r.m.First.IsZero()
	if r.wanted {
		r.cut = r.m.Last.Add(-skew)
		if r.cut.Before(r.m.First) {
			r.cut = r.m.First
		}
		if oldest := now.Add(-r.o.MaxAge); r.cut.Before(oldest) {
			r.cut = oldest
		}
		r.cut = r.cut.Truncate(time.Second)
	} else {
		r.cut = time.Time{}
	}
}

// joined begins the mark.
func (m *mark) joined(now time.Time) {
	if m.m.First.IsZero() {
		m.m.First, m.m.Last = now, now
	}
}

// seen reports whether the mark remembers a message.
func (m *mark) seen(key uint64) bool {
	return slices.ContainsFunc(m.m.Seen, func(s Seen) bool { return s.Key == key })
}

// forgot reports whether the mark may have forgotten a message that was seen then.
func (m *mark) forgot(stamp time.Time) bool {
	return len(m.m.Seen) == maxSeen && stamp.Unix() <= m.m.Seen[0].Unix
}

// saw moves the mark behind a message.
func (m *mark) saw(key uint64, at time.Time) {
	if at.After(m.m.Last) {
		m.m.Last = at
	}
	m.m.Seen = append(m.m.Seen, Seen{key, at.Unix()})
	if n := len(m.m.Seen); n > maxSeen {
		m.m.Seen = m.m.Seen[n-maxSeen:] // where append has no place left, it copies no more than these
	}
}

// used notes a nick of ours.
func (m *mark) used(nick string) {
	others := slices.DeleteFunc(m.m.Nicks, func(n string) bool { return n == nick })
	if len(others) >= maxNicks {
		others = slices.Delete(others, 0, 1)
	}
	m.m.Nicks = append(others, nick)
}

// lastNick returns the nick of the last stay; empty if there was none.
func (m *mark) lastNick() string {
	if len(m.m.Nicks) == 0 {
		return ""
	}
	return m.m.Nicks[len(m.m.Nicks)-1]
}

// ownInPast reports whether a message of the past was ours: its nick is one that we had,
// and that nobody else has now.
func (r *Room) ownInPast(nick string) bool {
	if nick == r.nick {
		return true
	}
	return r.find(nick) == nil && slices.Contains(r.m.Nicks, nick)
}

// keyOf returns what is the same of a message when it comes again as history: the room's
// id of it (whoever wrote it there: it is stored with it), else author, id and text.
func keyOf(s *stanza.Stanza, room jid.JID) uint64 {
	if id := idBy(s, room); id != "" {
		return hash("id", id)
	}
	body, _ := s.Body()
	return hash(s.From.Resource(), s.ID, body)
}

// hash is FNV-1a over some texts. It is stored.
func hash(parts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, p := range parts {
		for i := range len(p) {
			h = (h ^ uint64(p[i])) * 1099511628211
		}
		h *= 1099511628211 // a zero byte
	}
	return h
}

// idBy returns the stanza-id by an address (XEP-0359).
func idBy(s *stanza.Stanza, by jid.JID) string {
	for _, c := range s.Children() {
		if c.Space == nsID && c.Local == "stanza-id" && isBy(s, c, by) {
			id, _ := s.ChildAttr(c, "id")
			return id
		}
	}
	return ""
}

// stampOf returns when the room says that a message was said (XEP-0203); nil if it does
// not. Of several it is the last one in the room's own name, else the last one that might be.
func stampOf(s *stanza.Stanza, room jid.JID) (stamp *time.Time) {
	itself := false
	for _, c := range s.Children() {
		if c.Space != nsDelay || c.Local != "delay" {
			continue
		}
		e := s.Element(c)
		from := jid.FromServer(attr(e, "from"))
		if !from.IsZero() && from.Bare() != room && from.String() != room.Domain() || itself && from != room {
			continue
		}
		if t, err := time.Parse(time.RFC3339Nano, attr(e, "stamp")); err == nil {
			stamp, itself = &t, from == room
		}
	}
	return stamp
}
