package privilege

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// idPrefix begins the ids of what we send to the server with a privilege, so
// that its refusals are known even when nobody waits for them any more.
const idPrefix = "stanzahook-privilege-"

// Why the privilege does not serve for a message. Nothing was sent to anybody.
var (
	ErrNotGranted = errors.New("the server does not let a component send messages as this user")
	ErrRefused    = errors.New("the server has refused to send a message as this user")
)

// Way is a component by which messages may be sent as users.
type Way struct {
	Keeper *Keeper
	Domain jid.JID // the component's
	Limits stanza.Limits
}

// Messages sends messages as users of the server (XEP-0356 section 6), by the
// first component that may.
type Messages struct {
	Ways []Way
	// Deliver takes a stanza from one of the components; it returns nil when the
	// server has it, or it is stored.
	Deliver func(context.Context, *stanza.Stanza) error
}

// Granted reports whether a component may send as the users of a host.
func (m *Messages) Granted(host string) bool {
	_, _, ok := m.way(host)
	return ok
}

func (m *Messages) way(host string) (Way, Grants, bool) {
	for _, w := range m.Ways {
		if g := w.Keeper.Granted(host); g.MaySend() {
			return w, g, true
		}
	}
	return Way{}, Grants{}, false
}

// Send sends a message whose from is a user's bare address. With done false the
// privilege does not serve for it: nothing was sent, err says why (ErrNotGranted
// or ErrRefused), and the message may be sent in another way. With done, err is
// that of Deliver: nil when the server has taken the message and not refused it,
// or when it is stored. A refusal that comes after that is logged.
//
// The server answers a message it refuses with an error, and does so before it
// confirms what was sent behind it, since it handles a stream in order.
//
// Killed before it returns: the message may have been sent or not.
func (m *Messages) Send(ctx context.Context, s *stanza.Stanza) (done bool, err error) {
	host := s.From.Domain()
	w, g, ok := m.way(host)
	if !ok {
		return false, ErrNotGranted
	}
	outer, err := wrap(s, w.Domain, g.Namespace, w.Limits)
	if err != nil { // with the wrapping it is over the component's limit
		return false, errors.Join(ErrNotGranted, err)
	}
	refusal := make(chan *stanza.Error, 1)
	w.Keeper.expect(outer.ID, func(e *stanza.Error) { refusal <- e })
	err = m.Deliver(ctx, outer)
	w.Keeper.forget(outer.ID)
	select {
	case e := <-refusal:
		return false, errors.Join(ErrRefused, e)
	default:
		return true, err
	}
}

// wrap puts a message of a user's into one of the component's to the user's
// server. The content namespace must be said: that of the stream is another.
func wrap(s *stanza.Stanza, from jid.JID, namespace string, lim stanza.Limits) (*stanza.Stanza, error) {
	to, err := jid.Parse(s.From.Domain())
	if err != nil {
		return nil, err
	}
	plain, err := s.With(s.Header, lim) // without a namespace of its own
	if err != nil {
		return nil, err
	}
	inner := "<message xmlns='" + stanza.NSClient + "'" + strings.TrimPrefix(plain.XML(), "<message")
	return stanza.Build(stanza.Header{Kind: stanza.Message, ID: idPrefix + rand.Text(), From: from, To: to},
		"<privilege xmlns='"+namespace+"'><forwarded xmlns='urn:xmpp:forward:0'>"+inner+"</forwarded></privilege>", lim)
}

// expect notes a message of ours to the server, whose refusal goes to tell,
// which must not wait. forget takes it back.
func (k *Keeper) expect(id string, tell func(*stanza.Error)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asked == nil {
		k.asked = make(map[string]func(*stanza.Error))
	}
	k.asked[id] = tell
}

func (k *Keeper) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.asked, id)
}

// refused takes the server's refusal of something we sent with a privilege.
func (k *Keeper) refused(in *component.Incoming) bool {
	k.mu.Lock()
	believed := in.From.IsDomain() && k.believes(in.From.Domain(), in.Link().Domain())
	k.mu.Unlock()
	if !strings.HasPrefix(in.ID, idPrefix) || !believed || in.To != in.Link().Domain() {
		return in.ClaimsPrivilege() // from somebody who plays the server
	}
	e, ok := in.StanzaError()
	if !ok {
		e = &stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition}
	}
	k.mu.Lock()
	tell := k.asked[in.ID]
	delete(k.asked, in.ID)
	k.mu.Unlock()
	if tell != nil {
		tell(e)
		return true
	}
	k.Log.Error("the server has refused a message of a user's that it was sent later than its sender could wait; it is lost", zap.Stringer("host", in.From), zap.String("stanza_id", in.ID), zap.Error(e))
	return true
}
