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

// idPrefix begins the ids of stanzas that are sent with a privilege, so that a
// refusal is recognised even if it arrives late.
const idPrefix = "stanzahook-privilege-"

// Errors of Send. No recipient got the message.
var (
	ErrNotGranted = errors.New("the server does not let a component send messages as this user")
	ErrRefused    = errors.New("the server has refused to send a message as this user")
)

// Route is a component that may send messages as users.
type Route struct {
	Keeper *Keeper
	Domain jid.JID // of the component
	Limits stanza.Limits
}

// Messages sends messages as users of the server (XEP-0356 section 6), through the
// first component that has the permission.
type Messages struct {
	Routes []Route
	// Deliver sends a stanza of one of the components; it returns nil when the
	// server has it, or it is stored.
	Deliver func(context.Context, *stanza.Stanza) error
}

// Granted reports whether a component may send as the users of a host.
func (m *Messages) Granted(host string) bool {
	_, _, ok := m.route(host)
	return ok
}

func (m *Messages) route(host string) (Route, Grants, bool) {
	for _, w := range m.Routes {
		if g := w.Keeper.Granted(host); g.MaySend() {
			return w, g, true
		}
	}
	return Route{}, Grants{}, false
}

// Send sends a message whose from is a user's bare address. If done is false, the
// message was not sent: err says why (ErrNotGranted or ErrRefused), and the caller
// may send it in another way. If done is true, err is that of Deliver: nil when the
// server has accepted the message, or when it is stored. A later refusal is logged.
//
// The server handles a stream in order, so the error for a refused message arrives
// before the confirmation of what was sent after it.
//
// Killed before it returns: the message may or may not have been sent.
func (m *Messages) Send(ctx context.Context, s *stanza.Stanza) (done bool, err error) {
	host := s.From.Domain()
	w, g, ok := m.route(host)
	if !ok {
		return false, ErrNotGranted
	}
	outer, err := wrap(s, w.Domain, g.Namespace, w.Limits)
	if err != nil { // wrapped, it is over the component's limit
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

// wrap puts a user's message into a message of the component to the user's server.
// The inner message declares its namespace, which differs from the stream's.
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

// expect registers a sent message: onRefused is called if the server refuses it, and
// must not block. forget undoes it.
func (k *Keeper) expect(id string, onRefused func(*stanza.Error)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asked == nil {
		k.asked = make(map[string]func(*stanza.Error))
	}
	k.asked[id] = onRefused
}

func (k *Keeper) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.asked, id)
}

// refused handles the server's refusal of a message that was sent with a privilege.
func (k *Keeper) refused(in *component.Incoming) bool {
	k.mu.Lock()
	trusted := in.From.IsDomain() && k.trusts(in.From.Domain(), in.Link().Domain())
	k.mu.Unlock()
	if !strings.HasPrefix(in.ID, idPrefix) || !trusted || in.To != in.Link().Domain() {
		return in.ClaimsPrivilege() // forged
	}
	e, ok := in.StanzaError()
	if !ok {
		e = &stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition}
	}
	k.mu.Lock()
	onRefused := k.asked[in.ID]
	delete(k.asked, in.ID)
	k.mu.Unlock()
	if onRefused != nil {
		onRefused(e)
		return true
	}
	k.Log.Error("message lost", zap.String("reason", "the server refused it after its sender had been answered"), zap.Stringer("host", in.From), zap.String("stanza_id", in.ID), zap.Error(e))
	return true
}
