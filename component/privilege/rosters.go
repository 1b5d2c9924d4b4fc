package privilege

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

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
	log     *zap.Logger
	// single is the number of the connection, from 1, whose server takes one contact an IQ.
	single  atomic.Int64
	several chan struct{} // has the IQs with several contacts that are on their way
}

// NewRosters returns the backend that uses XEP-0356. timeout is for each IQ; each
// further contact in it adds a tenth. The requests come from a resource of the
// component's domain: if Prosody's mod_remote_roster is loaded besides mod_privilege, it
// handles requests of the domain itself.
func NewRosters(l *component.Link, lim stanza.Limits, timeout time.Duration, log *zap.Logger) (*Rosters, error) {
	from, err := jid.Parse(l.Domain().Domain() + "/roster")
	if err != nil {
		return nil, fmt.Errorf("the component's address: %w", err)
	}
	return &Rosters{link: l, from: from, timeout: timeout, limits: lim, prefix: "roster-" + rand.Text() + "-", log: log, several: make(chan struct{}, maxSeveral)}, nil
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
	answers, err := r.request(ctx, owner, "get", "<query xmlns='jabber:iq:roster'/>", 1)
	if err == nil {
		err = refusal(answers[0])
	}
	if err != nil {
		return nil, r.explain(err)
	}
	return readRoster(answers[0]), nil
}

// request sends a roster IQ with n contacts to the owner's server, and returns up to n
// answers, see [component.Link.RequestEach].
//
// Killed before the answers: the server may or may not have made the changes; the next
// refresh reads the roster.
func (r *Rosters) request(ctx context.Context, owner jid.JID, kind, payload string, n int) ([]*stanza.Stanza, error) {
	h := stanza.Header{Kind: stanza.IQ, Type: kind, ID: r.prefix + strconv.FormatUint(r.n.Add(1), 36), From: r.from, To: owner}
	s, err := stanza.Build(h, payload, r.limits)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout*time.Duration(9+n)/10)
	defer cancel()
	return r.link.RequestEach(ctx, s, n)
}

// refusal returns the *stanza.Error of an answer that is no result.
func refusal(answer *stanza.Stanza) error {
	if e, failed := answer.StanzaError(); failed {
		return e
	}
	if answer.Type != "result" {
		return &stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition, Text: "the answer is an error without a condition"}
	}
	return nil
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
