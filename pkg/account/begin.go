package account

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// begin makes a session of a stream on which the account is known.
func (d Dialer) begin(ctx context.Context, st *stream, who jid.JID) (*Session, error) {
	s := &Session{
		stream: st, account: who.Bare(), confirm: d.Confirm, bounced: d.Bounced,
		parser: stanza.NewParser(stanza.Limits{}, st.scope).DropUndeclared(), ended: make(chan struct{}),
	}
	stop := st.until(ctx)
	err := s.negotiate()
	if !stop() && err == nil {
		err = unreachable("binding a resource", context.Cause(ctx))
	}
	if err != nil {
		_ = st.conn.Close() // the first error is the one that matters
		return nil, err
	}
	s.wg.Go(s.read)
	s.wg.Go(func() { s.keepAlive(d.Keepalive) })
	return s, nil
}

// negotiate binds a resource (RFC 6120 section 7), whose name the server makes
// up so that nobody guesses it, and asks for acknowledgements (XEP-0198).
func (s *Session) negotiate() error {
	if _, err := io.WriteString(s.stream.conn, "<iq type='set' id='bind'><bind xmlns='"+nsBind+"'/></iq>"); err != nil {
		return unreachable("binding a resource", err)
	}
	e, err := s.await("binding a resource", func(e *element) bool { return e.XMLName.Local == "iq" && e.ID == "bind" })
	if err != nil {
		return err
	}
	var bound struct {
		JID string `xml:"urn:ietf:params:xml:ns:xmpp-bind bind>jid"`
	}
	if err := xml.Unmarshal(e.raw, &bound); err != nil || e.Type != "result" {
		return unreachable("binding a resource", fmt.Errorf("the server answers with an iq of type %q", e.Type))
	}
	if s.stream.offers.SM == nil {
		return nil
	}
	if _, err := io.WriteString(s.stream.conn, "<enable xmlns='"+nsSM+"'/>"); err != nil {
		return unreachable("asking for acknowledgements", err)
	}
	e, err = s.await("asking for acknowledgements", func(e *element) bool { return e.XMLName.Space == nsSM })
	if err != nil {
		return err
	}
	s.acks = e.XMLName.Local == "enabled" // else <failed/>
	return nil
}

// await reads until something comes that matches; the server may send other
// things before.
func (s *Session) await(doing string, match func(*element) bool) (*element, error) {
	for range 100 {
		e, err := s.stream.next()
		if err != nil {
			return nil, err
		}
		if match(e) {
			return e, nil
		}
	}
	return nil, unreachable(doing, errors.New("the server sends everything but an answer"))
}

// confirmation is what asks the server whether it has what was written before:
// a ping, whose answer comes when the stanzas before it were handled.
func (s *Session) confirmation(id string) string {
	if s.acks {
		return "<r xmlns='" + nsSM + "'/>"
	}
	var b strings.Builder
	b.WriteString("<iq type='get'")
	b.Write(stanza.AppendAttr(stanza.AppendAttr(nil, "id", id), "to", s.stream.host))
	b.WriteString("><ping xmlns='" + nsPing + "'/></iq>")
	return b.String()
}
