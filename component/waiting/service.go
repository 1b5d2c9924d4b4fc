package waiting

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

const (
	nsDisco = "http://jabber.org/protocol/disco#info"
	nsMUC   = "http://jabber.org/protocol/muc"

	askTime    = 30 * time.Second // for an answer, while a message waits
	askAtOnce  = 2 * time.Second  // for one, while a caller waits
	knownFor   = time.Hour        // what a service has said counts
	unknownFor = 5 * time.Minute  // that it has not answered counts
	// maxServices bounds what is known. Recipients are those of the configuration, so there are few.
	maxServices = 1000
)

// service is what is known of a domain.
type service struct {
	asked   chan struct{} // closed when it has answered, or has not
	hasMUC  bool
	expires time.Time
}

// IsRoom reports whether a recipient is a room; known is false if its service cannot be asked
// now, or messages wait for it already. It does not wait longer than a caller can.
func (m *Messages) IsRoom(ctx context.Context, to, bot jid.JID) (isRoom, known bool) {
	switch {
	case !to.IsBare() || to.Local() == "":
		return false, true
	case m.Rooms.IsIn(to, bot):
		return true, true
	case m.HasUsers(to.Domain()):
		return false, true
	case m.waits(place{to, bot}):
		return false, false
	}
	ctx, cancel := context.WithTimeout(ctx, askAtOnce)
	defer cancel()
	s := m.service(to, bot)
	select {
	case <-s.asked:
		return s.hasMUC, !s.expires.IsZero()
	case <-ctx.Done():
		return false, false
	}
}

// ask is IsRoom for a message that waits: without an answer the recipient is none.
func (m *Messages) ask(ctx context.Context, at place) bool {
	if m.Rooms.IsIn(at.room, at.bot) {
		return true
	}
	for {
		s := m.service(at.room, at.bot)
		select {
		case <-s.asked:
		case <-ctx.Done():
			return false
		}
		if !s.expires.IsZero() {
			return s.hasMUC
		}
		if m.Up(ctx, at.bot.Domain()) != nil {
			return false
		}
	}
}

// service returns what is known of the domain of a recipient, and asks it if that is
// nothing.
func (m *Messages) service(to, bot jid.JID) *service {
	domain := to.Domain()
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.services[domain]; s != nil {
		select {
		case <-s.asked:
			if time.Now().Before(s.expires) {
				return s
			}
		default:
			return s
		}
	}
	if len(m.services) >= maxServices {
		clear(m.services)
	}
	s := &service{asked: make(chan struct{})}
	m.services[domain] = s
	m.running.Go(func() {
		defer close(s.asked)
		s.hasMUC, s.expires = m.discover(jid.MustParse(domain), bot)
	})
	return s
}

// discover asks a service whether it has rooms. The zero time is: it could not be asked.
func (m *Messages) discover(domain, bot jid.JID) (hasMUC bool, expires time.Time) {
	ctx, cancel := context.WithTimeout(m.ctx, askTime)
	defer cancel()
	iq, err := stanza.Build(stanza.Header{Kind: stanza.IQ, Type: "get", ID: "service-" + ulid.Make().String(), From: bot, To: domain}, "<query xmlns='"+nsDisco+"'/>", stanza.Limits{})
	if err != nil {
		return false, time.Now().Add(unknownFor)
	}
	answer, err := m.Request(ctx, iq)
	switch {
	case err == nil:
	case ctx.Err() != nil && m.ctx.Err() == nil: // it does not answer
		return false, time.Now().Add(unknownFor)
	default: // there is no connection
		return false, time.Time{}
	}
	c, ok := answer.Child(nsDisco, "query")
	if !ok || answer.Type == "error" {
		return false, time.Now().Add(unknownFor)
	}
	e := answer.Element(c)
	for i := range e.Children {
		if name, _ := e.Children[i].Attr("var"); e.Children[i].Local == "feature" && name == nsMUC {
			return true, time.Now().Add(knownFor)
		}
	}
	return false, time.Now().Add(knownFor)
}
