package roster

import (
	"fmt"
	"slices"

	"stanzahook/pkg/jid"
)

// Subscription says who of owner and contact sees whose presence (RFC 6121
// section 2.1.2.5).
type Subscription string

// The subscriptions of a contact. The zero value stands for a contact that is
// not in the roster.
const (
	None Subscription = "none"
	To   Subscription = "to"   // the owner sees the contact's presence
	From Subscription = "from" // the contact sees the owner's
	Both Subscription = "both"
)

// Valid reports whether s is one of the four.
func (s Subscription) Valid() bool {
	return s == None || s == To || s == From || s == Both
}

// Item is a contact in a roster (RFC 6121 section 2.1.2).
type Item struct {
	JID          jid.JID // bare
	Name         string
	Groups       []string // sorted, each once
	Subscription Subscription
}

// Equal reports whether both items are the same.
func (i Item) Equal(other Item) bool {
	return i.JID == other.JID && i.Name == other.Name && i.Subscription == other.Subscription && slices.Equal(i.Groups, other.Groups)
}

// NewItem returns an item with sorted groups.
func NewItem(contact jid.JID, name string, groups []string, s Subscription) Item {
	if !slices.IsSorted(groups) {
		slices.Sort(groups)
	}
	return Item{JID: contact, Name: name, Groups: slices.Compact(groups), Subscription: s}
}

// String describes the item for people.
func (i Item) String() string {
	return fmt.Sprintf("%s (%q, groups %q, subscription %s)", i.JID, i.Name, i.Groups, i.Subscription)
}

// Roster holds the contacts of one owner.
type Roster map[jid.JID]Item

// Equal reports whether both rosters have the same contacts.
func (r Roster) Equal(other Roster) bool {
	if len(r) != len(other) {
		return false
	}
	for contact, item := range r {
		if o, ok := other[contact]; !ok || !item.Equal(o) {
			return false
		}
	}
	return true
}
