package privilege

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"stanzahook/component"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/stanza"
)

// Rosters is the roster.Backend that reads and changes rosters over the component's
// link, with the privilege of XEP-0356 section 5 or with XEP-0321. Both use roster
// IQs (RFC 6121 section 2) to the user's bare address.
type Rosters struct {
	link    *component.Link
	from    jid.JID
	timeout time.Duration
	limits  stanza.Limits
	own     bool
	prefix  string
	n       atomic.Uint64
}

// NewRosters returns the backend that uses XEP-0356. timeout is for each IQ. The
// requests come from a resource of the component's domain: if Prosody's
// mod_remote_roster is loaded besides mod_privilege, it handles requests of the
// domain itself.
func NewRosters(l *component.Link, lim stanza.Limits, timeout time.Duration) (*Rosters, error) {
	from, err := jid.Parse(l.Domain().Domain() + "/roster")
	if err != nil {
		return nil, fmt.Errorf("the component's address: %w", err)
	}
	return &Rosters{link: l, from: from, timeout: timeout, limits: lim, prefix: "roster-" + rand.Text() + "-"}, nil
}

// NewRemoteRosters returns the backend that uses XEP-0321, as Prosody's
// mod_remote_roster implements it: for the component's own contacts only.
func NewRemoteRosters(l *component.Link, lim stanza.Limits, timeout time.Duration) *Rosters {
	return &Rosters{link: l, from: l.Domain(), timeout: timeout, limits: lim, own: true, prefix: "roster-" + rand.Text() + "-"}
}

// Name implements roster.Backend.
func (r *Rosters) Name() string {
	if r.own {
		return "remote-roster"
	}
	return "privilege"
}

// Reaches implements roster.Backend.
func (r *Rosters) Reaches(contact jid.JID) bool {
	return !r.own || contact.Domain() == r.link.Domain().Domain()
}

// Get implements roster.Backend.
func (r *Rosters) Get(ctx context.Context, owner jid.JID) (roster.Roster, error) {
	answer, err := r.request(ctx, owner, "get", "<query xmlns='jabber:iq:roster'/>")
	if err != nil {
		return nil, r.explain(err)
	}
	return readRoster(answer), nil
}

// Set implements roster.Backend.
func (r *Rosters) Set(ctx context.Context, owner jid.JID, item roster.Item) error {
	return r.change(ctx, owner, itemXML(item))
}

// Remove implements roster.Backend.
func (r *Rosters) Remove(ctx context.Context, owner, contact jid.JID) error {
	b := stanza.AppendAttr([]byte("<query xmlns='jabber:iq:roster'><item"), "jid", contact.String())
	err := r.change(ctx, owner, string(b)+" subscription='remove'/></query>")
	if errors.Is(err, &stanza.Error{Condition: stanza.ItemNotFound}) {
		return nil
	}
	return err
}

// change sends one change.
func (r *Rosters) change(ctx context.Context, owner jid.JID, payload string) error {
	_, err := r.request(ctx, owner, "set", payload)
	switch {
	case errors.Is(err, &stanza.Error{Condition: stanza.ServiceUnavailable}):
		// Prosody answers so for a user that does not exist.
		return fmt.Errorf("%w (%w)", roster.ErrNoSuchUser, err)
	case errors.Is(err, &stanza.Error{Condition: stanza.InternalServerError}):
		// COMPAT: ejabberd 23.01 and older fail at every set by a component (its
		// issue 3942).
		return fmt.Errorf("%w: %w; ejabberd before 23.10 cannot set contacts by XEP-0356: set rosters[].ejabberd_api with backend: auto, or update ejabberd", roster.ErrCannot, err)
	}
	return r.explain(err)
}

// request sends a roster IQ to the owner's server. An error stanza becomes a
// *stanza.Error.
//
// Killed before the answer: the server may or may not have made the change; the
// next refresh reads the roster.
func (r *Rosters) request(ctx context.Context, owner jid.JID, kind, payload string) (*stanza.Stanza, error) {
	h := stanza.Header{Kind: stanza.IQ, Type: kind, ID: r.prefix + strconv.FormatUint(r.n.Add(1), 36), From: r.from, To: owner}
	s, err := stanza.Build(h, payload, r.limits)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	answer, err := r.link.Request(ctx, s)
	if err != nil {
		return nil, err
	}
	if e, failed := answer.StanzaError(); failed {
		return nil, e
	}
	if answer.Type != "result" {
		return nil, &stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition, Text: "the answer is an error without a condition"}
	}
	return answer, nil
}

// explain maps errors to those of package roster.
func (r *Rosters) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gateway.ErrDown):
		return gateway.ErrDown
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %v (rosters[].timeout)", roster.ErrTimeout, r.timeout)
	case errors.Is(err, gateway.ErrBusy):
		return fmt.Errorf("%w: %w", roster.ErrTimeout, err)
	}
	for _, c := range []stanza.Condition{stanza.Forbidden, stanza.NotAuthorized, stanza.ServiceUnavailable, stanza.FeatureNotImplemented} {
		if errors.Is(err, &stanza.Error{Condition: c}) {
			if r.own {
				return fmt.Errorf("%w: %w", roster.ErrForbidden, err)
			}
			return fmt.Errorf("%w: %w; the component needs the permission to read and change rosters, \"both\" (XEP-0356); see the operator's guide for the setting", roster.ErrForbidden, err)
		}
	}
	return err
}

// itemXML is the payload that sets a contact.
func itemXML(i roster.Item) string {
	b := stanza.AppendAttr([]byte("<query xmlns='jabber:iq:roster'><item"), "jid", i.JID.String())
	if i.Name != "" {
		b = stanza.AppendAttr(b, "name", i.Name)
	}
	b = stanza.AppendAttr(b, "subscription", string(i.Subscription))
	b = append(b, '>')
	for _, g := range i.Groups {
		b = append(stanza.AppendText(append(b, "<group>"...), g), "</group>"...)
	}
	return string(append(b, "</item></query>"...))
}

// readRoster reads the roster in a result. A missing or unknown subscription counts
// as none (RFC 6121 section 2.1.2.5).
func readRoster(result *stanza.Stanza) roster.Roster {
	have := make(roster.Roster)
	query, ok := result.Child("jabber:iq:roster", "query")
	if !ok {
		return have
	}
	items := result.Element(query).Children
	for i := range items {
		e := &items[i]
		text, _ := e.Attr("jid")
		contact := jid.FromServer(text)
		if e.Local != "item" || contact.IsZero() {
			continue
		}
		name, _ := e.Attr("name")
		subscription := roster.None
		if s, _ := e.Attr("subscription"); roster.Subscription(s).Valid() {
			subscription = roster.Subscription(s)
		}
		var groups []string
		for j := range e.Children {
			if g := &e.Children[j]; g.Local == "group" {
				groups = append(groups, g.Text)
			}
		}
		have[contact] = roster.NewItem(contact, name, groups, subscription)
	}
	return have
}
