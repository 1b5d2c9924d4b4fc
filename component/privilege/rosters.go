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
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/stanza"
)

// Rosters are the rosters of a host's users, as a component may read and change
// them: with the privilege of XEP-0356 section 5, or by XEP-0321. Both are plain
// roster IQs (RFC 6121 section 2) to the user's bare address.
type Rosters struct {
	link    *component.Link
	from    jid.JID
	timeout time.Duration
	limits  stanza.Limits
	own     bool
	prefix  string
	n       atomic.Uint64
}

// NewRosters returns the way by XEP-0356. timeout is for each IQ. The requests
// come from a resource of the component's domain: where Prosody's
// mod_remote_roster is loaded besides mod_privilege, it takes those of the domain
// itself for its own.
func NewRosters(l *component.Link, lim stanza.Limits, timeout time.Duration) (*Rosters, error) {
	from, err := jid.Parse(l.Domain().Domain() + "/roster")
	if err != nil {
		return nil, fmt.Errorf("the component's address: %w", err)
	}
	return &Rosters{link: l, from: from, timeout: timeout, limits: lim, prefix: "roster-" + rand.Text() + "-"}, nil
}

// NewRemoteRosters returns the way by XEP-0321, as Prosody's mod_remote_roster
// has it: it reaches the component's own contacts only.
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
	answer, err := r.ask(ctx, owner, "get", "<query xmlns='jabber:iq:roster'/>")
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

// change makes one change.
func (r *Rosters) change(ctx context.Context, owner jid.JID, payload string) error {
	_, err := r.ask(ctx, owner, "set", payload)
	switch {
	case errors.Is(err, &stanza.Error{Condition: stanza.ServiceUnavailable}):
		// The user's own server would take it; Prosody hands it on to nobody.
		return fmt.Errorf("%w (%w)", roster.ErrNoSuchUser, err)
	case errors.Is(err, &stanza.Error{Condition: stanza.InternalServerError}):
		// COMPAT: ejabberd 23.01 and before fail at every set of a component's
		// (its issue 3942).
		return fmt.Errorf("%w: %w; if it is ejabberd before 23.10, that can never set contacts by XEP-0356: write rosters[].ejabberd_api with backend: auto, or update it", roster.ErrCannot, err)
	}
	return r.explain(err)
}

// ask asks the owner's server; an error stanza becomes a *stanza.Error.
//
// Killed while the answer is waited for: the server has done it or not; the next
// refresh reads what is there.
func (r *Rosters) ask(ctx context.Context, owner jid.JID, kind, payload string) (*stanza.Stanza, error) {
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

// explain says in the words of package roster what went wrong.
func (r *Rosters) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, component.ErrDown):
		return roster.ErrDown
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %v (rosters[].timeout)", roster.ErrTimeout, r.timeout)
	case errors.Is(err, component.ErrBusy), errors.Is(err, component.ErrPending):
		return fmt.Errorf("%w: %w", roster.ErrTimeout, err)
	}
	for _, c := range []stanza.Condition{stanza.Forbidden, stanza.NotAuthorized, stanza.ServiceUnavailable, stanza.FeatureNotImplemented} {
		if errors.Is(err, &stanza.Error{Condition: c}) {
			if r.own {
				return fmt.Errorf("%w: %w", roster.ErrForbidden, err)
			}
			return fmt.Errorf("%w: %w; the component needs the right to read and to change rosters, \"both\" (XEP-0356); see the operator's guide for the setting", roster.ErrForbidden, err)
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

// readRoster reads the roster of a result. Contacts whose subscription is none
// that is known (RFC 6121 section 2.1.2.5: absent is none) count as none.
func readRoster(result *stanza.Stanza) roster.Roster {
	have := make(roster.Roster)
	query, ok := result.Child("jabber:iq:roster", "query")
	if !ok {
		return have
	}
	var item roster.Item
	var groups []string
	take := func() {
		if !item.JID.IsZero() {
			have[item.JID] = roster.NewItem(item.JID, item.Name, groups, item.Subscription)
		}
	}
	result.Walk(query, func(e stanza.Inside) {
		switch {
		case e.Depth == 1 && e.Local == "item":
			take()
			contact, _ := e.Attr("jid")
			name, _ := e.Attr("name")
			subscription, _ := e.Attr("subscription")
			item, groups = roster.Item{JID: jid.FromServer(contact), Name: name, Subscription: roster.Subscription(subscription)}, nil
			if !item.Subscription.Valid() {
				item.Subscription = roster.None
			}
		case e.Depth == 2 && e.Local == "group":
			groups = append(groups, e.Text())
		}
	})
	take()
	return have
}
