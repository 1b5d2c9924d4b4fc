package roster

import (
	"fmt"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
)

// judge returns the outcome of the changes, by the roster that the server has now.
func (r *run) judge(b Choice, m made, after, want Roster, beyond []jid.JID, p Policy) (o Outcome, again bool) {
	p.Added, p.SubscriptionsStay = r.rec.added(), true
	left := Diff(after, want, p)
	kept := otherSubscriptions(after, want)
	switch {
	case m.err != nil && left.Len()+len(kept) > 0: // else the answer was lost, not the change
		return r.outcome(resultOf(m.err), "%s; %s: %v", m, m.at, m.err), false
	case left.Len() > 0:
		// Somebody else changed the roster, or the server does not do what it says.
		return r.outcome(Forbidden, "%s; the server has accepted the changes, but these are not there: %s", m, list(touched(left))), true
	case len(kept) > 0 && set(m.changes, kept):
		if r.Backends.Observe(b, SubscriptionsStay) {
			return r.outcome(Degraded, "%s", m), true
		}
	case len(kept) == 0 && set(m.changes, nil):
		r.Backends.Observe(b, SetsWork)
	}
	if len(kept) > 0 || len(beyond) > 0 {
		return r.outcome(Degraded, "%s; %s", m, shortfall(b, kept, beyond)), false
	}
	return r.outcome(Applied, "%s", m), false
}

// otherSubscriptions returns the contacts that have another subscription than
// wanted.
func otherSubscriptions(have, want Roster) []Change {
	var all []Change
	for contact, item := range want {
		if old, there := have[contact]; there && old.Subscription != item.Subscription {
			all = append(all, Change{old, item})
		}
	}
	slices.SortFunc(all, func(a, b Change) int { return compare(a.To.JID, b.To.JID) })
	return all
}

// set reports whether the changes set the subscription of one of the contacts in
// of; if of is nil, whether they set any subscription other than none.
func set(c Changes, of []Change) bool {
	one := func(item Item) bool {
		if of == nil {
			return item.Subscription != None
		}
		return slices.ContainsFunc(of, func(k Change) bool { return k.To.JID == item.JID })
	}
	return slices.ContainsFunc(c.Add, one) || slices.ContainsFunc(c.Change, func(ch Change) bool {
		return ch.From.Subscription != ch.To.Subscription && one(ch.To)
	})
}

// shortfall says what the server does not have as wanted.
func shortfall(b Backend, kept []Change, beyond []jid.JID) string {
	var parts []string
	if len(kept) > 0 {
		var texts []string
		for _, k := range kept {
			texts = append(texts, fmt.Sprintf("%s %s instead of %s", k.To.JID, k.From.Subscription, k.To.Subscription))
		}
		parts = append(parts, "the server has kept other subscriptions: "+some(texts))
	}
	if len(beyond) > 0 {
		parts = append(parts, fmt.Sprintf("the backend %s cannot hold these contacts: %s", b.Name(), list(beyond)))
	}
	return strings.Join(parts, "; ")
}

// touched returns the contacts that the changes are about.
func touched(c Changes) []jid.JID {
	var all []jid.JID
	for _, e := range c.Edits() {
		all = append(all, e.JID)
	}
	return all
}

func list(contacts []jid.JID) string {
	all := texts(contacts)
	slices.Sort(all)
	return some(all)
}

// some joins the first few of many texts.
func some(all []string) string {
	const few = 5
	if n := len(all); n > few {
		return strings.Join(all[:few], ", ") + fmt.Sprintf(", and %d more", n-few)
	}
	return strings.Join(all, ", ")
}
