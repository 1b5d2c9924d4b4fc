package rooms

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"stanzahook/pkg/form"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

const (
	nsDisco   = "http://jabber.org/protocol/disco#info"
	nsForward = "urn:xmpp:forward:0"
	nsDelay   = "urn:xmpp:delay"
	nsRSM     = "http://jabber.org/protocol/rsm"
)

// ErrNoArchive means that a room keeps no archive.
var ErrNoArchive = errors.New("the room has no archive")

// Page says which messages of an archive are wanted (XEP-0313, XEP-0059).
type Page struct {
	Before, After string // ids of the archive; both empty: the newest
	Start, End    time.Time
	Max           int
}

// Archived is a message of an archive.
type Archived struct {
	ID     string // of the archive
	Time   time.Time
	Stanza *stanza.Stanza // to the bare bot
}

// History returns a page of the room's archive, in the order of the archive, and whether it
// has more of them. Errors: as of Configuration, and ErrNoArchive.
func (r *Rooms) History(ctx context.Context, room, bot jid.JID, p Page) (list []Archived, more bool, err error) {
	s, err := r.find(room, bot)
	if err != nil {
		return nil, false, err
	}
	all, err := s.query(ctx, p)
	if e, refused := errors.AsType[*stanza.Error](err); refused && (e.Condition == stanza.ServiceUnavailable || e.Condition == stanza.FeatureNotImplemented) {
		return nil, false, ErrNoArchive
	}
	if err != nil {
		return nil, false, err
	}
	if p.Before == "" && p.After == "" && (len(all) == 1 || !s.hasArchive()) && s.saysNoArchive(ctx) {
		return nil, false, ErrNoArchive
	}
	for _, m := range all[:len(all)-1] {
		if one, ok := s.archived(m); ok && p.spans(one.Time) {
			list = append(list, one)
		}
	}
	fin, ok := all[len(all)-1].Child(nsArchive, "fin")
	complete := ""
	if ok {
		complete, _ = all[len(all)-1].ChildAttr(fin, "complete")
	}
	return list, complete != "true" && complete != "1", nil
}

// spans reports whether a message is of the wanted time. Prosody 13.0 returns the first one of
// its archive when all are too late. Stamps may have no fractions.
func (p *Page) spans(t time.Time) bool {
	return (p.Start.IsZero() || !t.Before(p.Start.Truncate(time.Second))) && (p.End.IsZero() || !t.After(p.End))
}

// hasArchive reports whether the room has said so, when the bot came in.
func (s *session) hasArchive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room.Status().Archive
}

// saysNoArchive asks the room whether it has an archive. Where that is off, Prosody answers as if
// nothing was in it, and ejabberd with the history that it has in memory.
func (s *session) saysNoArchive(ctx context.Context) bool {
	answer, err := s.ask(ctx, "get", "<query xmlns='"+nsDisco+"'/>")
	if err != nil {
		return false
	}
	c, ok := answer.Child(nsDisco, "query")
	if !ok {
		return false
	}
	return !slices.ContainsFunc(answer.Element(c).Children, func(f stanza.Element) bool {
		name, _ := f.Attr("var")
		return name == nsArchive
	})
}

// query asks the archive; the last stanza is the answer.
func (s *session) query(ctx context.Context, p Page) ([]*stanza.Stanza, error) {
	id := newID()
	b := stanza.AppendAttr([]byte("<query xmlns='"+nsArchive+"'"), "queryid", id)
	b = append(b, "><x xmlns='"+form.NS+"' type='submit'><field var='FORM_TYPE' type='hidden'><value>"+nsArchive+"</value></field>"...)
	for name, t := range map[string]time.Time{"start": p.Start, "end": p.End} {
		if !t.IsZero() {
			b = append(b, "<field var='"+name+"'><value>"+t.UTC().Format(time.RFC3339Nano)+"</value></field>"...)
		}
	}
	b = append(b, "</x><set xmlns='"+nsRSM+"'><max>"+strconv.Itoa(p.Max)+"</max>"...)
	if p.After != "" {
		b = append(b, stanza.TextElement("after", p.After)...)
	} else {
		b = append(b, stanza.TextElement("before", p.Before)...)
	}
	var all []*stanza.Stanza
	_, err := s.askBy(ctx, "set", string(append(b, "</set></query>"...)), func(ctx context.Context, iq *stanza.Stanza, request request) (*stanza.Stanza, error) {
		var err error
		if all, err = s.all.o.Archive.Query(ctx, iq, request); err != nil {
			return nil, err
		}
		return all[len(all)-1], nil
	})
	return all, err
}

// archived returns the message that a result of the archive carries.
func (s *session) archived(m *stanza.Stanza) (Archived, bool) {
	c, ok := m.Child(nsArchive, "result")
	if !ok {
		return Archived{}, false
	}
	result := m.Element(c)
	id, _ := result.Attr("id")
	forwarded := result.Child(nsForward, "forwarded")
	if forwarded == nil {
		return Archived{}, false
	}
	var stamp string
	if delay := forwarded.Child(nsDelay, "delay"); delay != nil {
		stamp, _ = delay.Attr("stamp")
	}
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return Archived{}, false
	}
	for i := range forwarded.Children {
		e := &forwarded.Children[i]
		if e.Local != "message" {
			continue
		}
		said, err := stanza.Parse(e.XML(), stanza.Limits{MaxBytes: len(e.XML()) + 1})
		if err != nil || said.From.Bare() != s.key.room {
			return Archived{}, false // an archive of a room has what the room has sent
		}
		if said, err = webhook.WithoutRoom(said); err != nil {
			return Archived{}, false
		}
		h := said.Header
		h.To = s.bareBot()
		if said, err = said.With(h, stanza.Limits{MaxBytes: len(e.XML()) + len(h.To.String()) + 64}); err != nil {
			return Archived{}, false
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return Archived{id, at, s.room.Believed(said)}, true
	}
	return Archived{}, false
}
