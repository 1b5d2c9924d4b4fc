package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// begin turns an authenticated stream into a session.
func (d Dialer) begin(ctx context.Context, st *stream, who jid.JID) (*Session, error) {
	s := &Session{
		stream: st, account: who.Bare(), confirm: d.Confirm, bounced: d.Bounced,
		ended: make(chan struct{}),
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

// negotiate binds a resource (RFC 6120 section 7), whose name the server
// generates so that it cannot be guessed, and enables acknowledgements (XEP-0198).
func (s *Session) negotiate() error {
	if _, err := io.WriteString(s.stream.conn, "<iq type='set' id='bind'><bind xmlns='"+nsBind+"'/></iq>"); err != nil {
		return unreachable("binding a resource", err)
	}
	e, err := s.await("binding a resource", func(e *stanza.Element) bool {
		id, _ := e.Attr("id")
		return e.Local == "iq" && id == "bind"
	})
	if err != nil {
		return err
	}
	if typ, _ := e.Attr("type"); typ != "result" {
		return unreachable("binding a resource", fmt.Errorf("the server answers with an iq of type %q", typ))
	}
	if s.stream.offers.Child(nsSM, "sm") == nil {
		return nil
	}
	if _, err := io.WriteString(s.stream.conn, "<enable xmlns='"+nsSM+"'/>"); err != nil {
		return unreachable("asking for acknowledgements", err)
	}
	e, err = s.await("asking for acknowledgements", func(e *stanza.Element) bool { return e.Space == nsSM })
	if err != nil {
		return err
	}
	s.acks = e.Local == "enabled" // else <failed/>
	return nil
}

// await reads until an element matches; the server may send others before it.
func (s *Session) await(doing string, match func(*stanza.Element) bool) (*stanza.Element, error) {
	for range 100 {
		e, err := s.stream.next()
		if err != nil {
			return nil, err
		}
		if match(e) {
			return e, nil
		}
	}
	return nil, unreachable(doing, errors.New("the server sent other elements but no answer"))
}

// confirmation returns the XML that asks the server to confirm what was written
// before: a request for an acknowledgement, or a ping, whose answer comes after
// the server has handled the stanzas before it.
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
