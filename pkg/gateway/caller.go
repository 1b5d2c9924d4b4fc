package gateway

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// The scopes: what a caller may do. No scope implies another, but who has admin or roster
// may see what read shows.
const (
	ScopeSend   = "send"   // messages and presence
	ScopeQuery  = "query"  // IQs
	ScopeRoster = "roster" // reading and refreshing rosters
	ScopeRooms  = "rooms"  // joining, leaving and changing rooms
	ScopeEvents = "events" // pulling events
	ScopeRead   = "read"   // seeing what happens, without messages and secrets; what admin sees, with less in it
	ScopeAdmin  = "admin"  // also stanzas that act with the component's own privileges
)

// Scopes returns all scopes.
func Scopes() []string {
	return []string{ScopeSend, ScopeQuery, ScopeRoster, ScopeRooms, ScopeEvents, ScopeRead, ScopeAdmin}
}

// Caller is a sender of stanzas through stanzahook: an HTTP client with a token or other
// credentials, or an endpoint that replies to an event. The zero Caller may do nothing.
type Caller struct {
	Name        string
	Scopes      []string
	AllScopes   bool
	Account     jid.JID    // the XMPP account that has logged in, and the only address it sends from; may be zero
	DefaultFrom jid.JID    // the sender if a request has none; may be zero
	From        []jid.Glob // the bare addresses that it may send from; empty: all
	Rooms       []jid.Glob // the rooms that it may use; empty: all
	Endpoint    string     // whose events alone it may pull; empty: those of all
	MaxFile     int64      // bytes of a file that it uploads; 0: as for all
	// IsRoom reports whether a bare address is a room that one of our bots is in; nil: none
	// is known. It is asked only if Rooms limits the caller.
	IsRoom func(jid.JID) bool
}

// Can reports whether the caller has a scope.
func (c Caller) Can(scope string) bool { return c.AllScopes || slices.Contains(c.Scopes, scope) }

// MaySend returns why the caller may not send a stanza over the components of these
// domains; nil if it may. The error is a [*Refusal].
func (c Caller) MaySend(s *stanza.Stanza, domains []jid.JID) error {
	if err := c.MaySendKind(s.Kind); err != nil {
		return err
	}
	if _, err := c.Sender(s.From, domains); err != nil {
		return err
	}
	return c.MayContain(s)
}

// MaySendKind is the part of [Caller.MaySend] about the scope, which needs no stanza.
func (c Caller) MaySendKind(k stanza.Kind) error {
	scope := ScopeSend
	if k == stanza.IQ {
		scope = ScopeQuery
	}
	if !c.Can(scope) {
		return Lacks(scope)
	}
	return nil
}

// Lacks returns the refusal of a caller without one of some scopes.
func Lacks(anyOf ...string) *Refusal {
	var names []string
	for _, scope := range anyOf {
		names = append(names, strconv.Quote(scope))
	}
	return &Refusal{text: "the token lacks the scope " + strings.Join(names, " or ")}
}

// MayContain is the part of [Caller.MaySend] about the content of a stanza and the room that
// it is for: by XEP-0356 and XEP-0321 a component can act for users of its server, which
// needs [ScopeAdmin].
func (c Caller) MayContain(s *stanza.Stanza) error {
	if len(c.Rooms) > 0 && c.isForRoom(s) {
		if err := c.MayUseRoom(s.To); err != nil {
			return err
		}
	}
	if s.ClaimsPrivilege() && !c.Can(ScopeAdmin) {
		return &Refusal{text: fmt.Sprintf("the stanza would act with the component's own privileges at the server; that needs the scope %q", ScopeAdmin)}
	}
	return nil
}

// MayRead returns why the caller may not pull the events of an endpoint; nil if it may. The
// error is a [*Refusal].
func (c Caller) MayRead(endpoint string) error {
	if c.Endpoint != "" && endpoint != c.Endpoint {
		return &Refusal{text: fmt.Sprintf("the token reads the endpoint %q alone", c.Endpoint)}
	}
	return nil
}

// Sender returns the address that a stanza of the caller leaves from, given the address
// that the caller asks for and the domains of our components. If it asks for none, that
// is its default, or the only component. The error is a [*Refusal].
func (c Caller) Sender(from jid.JID, domains []jid.JID) (jid.JID, error) {
	if !c.Account.IsZero() {
		if from.IsZero() {
			from = c.Account
		}
		if from.Bare() != c.Account {
			return from, &Refusal{Address: true, text: fmt.Sprintf("%s is not the account that has logged in, %s", from, c.Account)}
		}
		return from, nil
	}
	if from.IsZero() {
		from = c.DefaultFrom
	}
	if from.IsZero() {
		if len(domains) != 1 {
			return from, &Refusal{Address: true, Missing: true, text: "is missing, and there is not exactly one component; write an address at " + list(domains)}
		}
		from = domains[0]
	}
	if !slices.ContainsFunc(domains, func(d jid.JID) bool { return InDomain(from, d.Domain()) }) {
		return from, &Refusal{Address: true, text: fmt.Sprintf("%s is not at a component; allowed are addresses at %s", from, list(domains))}
	}
	if len(c.From) > 0 && !slices.ContainsFunc(c.From, func(g jid.Glob) bool { return g.Match(from.Bare()) }) {
		return from, &Refusal{Address: true, text: fmt.Sprintf("the token may not use %s; allowed are %s", from, patterns(c.From))}
	}
	return from, nil
}

// IsOnly reports whether the caller may send messages from one bot, a bare address, and from no
// other address: a token of that bot.
func (c Caller) IsOnly(bot jid.JID) bool {
	return c.Can(ScopeSend) && len(c.From) == 1 && !strings.ContainsAny(c.From[0].String(), "*?") && c.From[0].Match(bot)
}

// InDomain reports whether an address is at a domain. A component sends nothing from an
// address outside its domain: neither for HTTP clients, nor for endpoints that reply,
// nor for itself.
func InDomain(from jid.JID, domain string) bool { return from.Domain() == domain }

// Refusal is why a caller may not send something.
type Refusal struct {
	Address bool // the sender's address is why
	Missing bool // there is no such address; with Address
	text    string
}

func (r *Refusal) Error() string {
	if r.Address {
		return "from: " + r.text
	}
	return r.text
}

// Text returns the reason without the name of the field.
func (r *Refusal) Text() string { return r.text }

func patterns(globs []jid.Glob) string {
	texts := make([]string, len(globs))
	for i, g := range globs {
		texts[i] = g.String()
	}
	return strings.Join(texts, ", ")
}

func list(domains []jid.JID) string {
	names := make([]string, len(domains))
	for i, d := range domains {
		names[i] = d.Domain()
	}
	return strings.Join(names, ", ")
}
