package roster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
)

// Mode decides what happens to contacts that the source does not have.
type Mode string

// The modes.
const (
	// Authoritative removes them, whoever added them.
	Authoritative Mode = "authoritative"
	// Additive removes only those that came from the source. Contacts that users
	// add themselves stay.
	Additive Mode = "additive"
)

// Policy decides what is removed from a roster.
type Policy struct {
	Mode Mode
	Keep []jid.Glob // contacts that are never removed
	// Added are the contacts that came from the source. Only additive mode uses
	// it.
	Added map[jid.JID]bool
	// SubscriptionsStay is set for a server that does not set subscriptions: a
	// contact that differs only in its subscription is not changed.
	SubscriptionsStay bool
}

// Changes turns one roster into another. Its lists are sorted by contact.
type Changes struct {
	Add    []Item
	Change []Change
	Remove []Item
}

// Change is the change of a contact that stays.
type Change struct{ From, To Item }

// Diff returns the changes that turn have into want, as far as the policy
// allows. It compares names, groups (as a set) and subscriptions.
func Diff(have, want Roster, p Policy) Changes {
	var c Changes
	for contact, item := range want {
		old, there := have[contact]
		switch {
		case !there:
			c.Add = append(c.Add, item)
		case old.Equal(item):
		case p.SubscriptionsStay && old.Name == item.Name && slices.Equal(old.Groups, item.Groups):
		default:
			c.Change = append(c.Change, Change{old, item})
		}
	}
	for contact, item := range have {
		if _, wanted := want[contact]; !wanted && p.removes(contact) {
			c.Remove = append(c.Remove, item)
		}
	}
	inOrder := func(a, b Item) int { return compare(a.JID, b.JID) }
	slices.SortFunc(c.Add, inOrder)
	slices.SortFunc(c.Change, func(a, b Change) int { return inOrder(a.To, b.To) })
	slices.SortFunc(c.Remove, inOrder)
	return c
}

// removes reports whether a contact that the source does not have is removed.
func (p Policy) removes(contact jid.JID) bool {
	if p.Mode == Additive && !p.Added[contact] {
		return false
	}
	return !slices.ContainsFunc(p.Keep, func(g jid.Glob) bool { return g.Match(contact) })
}

// Len returns the number of changes.
func (c Changes) Len() int { return len(c.Add) + len(c.Change) + len(c.Remove) }

// Edits returns the changes in the order in which they are made: additions first.
func (c Changes) Edits() []Edit {
	var all []Edit
	for _, item := range c.Add {
		all = append(all, Edit{Item: item})
	}
	for _, ch := range c.Change {
		all = append(all, Edit{Item: ch.To})
	}
	for _, item := range c.Remove {
		all = append(all, Edit{Item: item, Remove: true})
	}
	return all
}

// String counts the changes, as "2 added, 1 renamed, 3 removed".
func (c Changes) String() string {
	var renamed, regrouped, subscription int
	for _, ch := range c.Change {
		switch {
		case ch.From.Name != ch.To.Name:
			renamed++
		case !slices.Equal(ch.From.Groups, ch.To.Groups):
			regrouped++
		default:
			subscription++
		}
	}
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{len(c.Add), "added"}, {renamed, "renamed"}, {regrouped, "regrouped"}, {subscription, "with another subscription"}, {len(c.Remove), "removed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if len(parts) == 0 {
		return "no changes"
	}
	return strings.Join(parts, ", ")
}

func compare(a, b jid.JID) int { return cmp.Compare(a.String(), b.String()) }
