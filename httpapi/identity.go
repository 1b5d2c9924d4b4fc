package httpapi

import (
	"context"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
)

// What a token may do.
const (
	ScopeSend   = "send"   // messages and presence
	ScopeQuery  = "query"  // IQs
	ScopeRoster = "roster" // reading and refreshing rosters
	ScopeEvents = "events" // pulling events
	ScopeAdmin  = "admin"  // also what acts with the component's own privileges
)

// Identity is who calls, and what he may do. The zero Identity may do nothing.
type Identity struct {
	Name        string
	DefaultFrom jid.JID // who sends where a request does not say; may be zero
	scopes      []string
	from        []jid.Glob
	anyScope    bool
	hash        [32]byte // of the token
	mount       string   // whose Basic knows him; empty for a token
	group       string   // see Within
}

// NewIdentity returns who has shown other credentials than a token: may do what
// the scopes say, from the addresses that the patterns match (none: all).
func NewIdentity(name string, defaultFrom jid.JID, scopes []string, from []jid.Glob) Identity {
	return Identity{Name: name, DefaultFrom: defaultFrom, scopes: scopes, from: from}
}

// Within returns the same identity as one of many of a group, such as "accounts",
// which share what one token may take.
func (id Identity) Within(group string) Identity {
	id.group = group
	return id
}

// Can reports whether the caller has a scope. No scope implies another.
func (id Identity) Can(scope string) bool {
	return id.anyScope || slices.Contains(id.scopes, scope)
}

// MaySendFrom reports whether the caller may use an address, as far as the token
// says; a token without patterns says nothing. That the address is one of a
// component is for the surface to check.
func (id Identity) MaySendFrom(from jid.JID) bool {
	return len(id.from) == 0 || slices.ContainsFunc(id.from, func(g jid.Glob) bool { return g.Match(from.Bare()) })
}

// Patterns returns the addresses the caller is bound to, for a message to him;
// empty if he is not.
func (id Identity) Patterns() string {
	texts := make([]string, len(id.from))
	for i, g := range id.from {
		texts[i] = g.String()
	}
	return strings.Join(texts, ", ")
}

// IdentityOf returns who made the request with this context.
func IdentityOf(ctx context.Context) Identity { return requestOf(ctx).who }
