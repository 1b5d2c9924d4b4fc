package httpapi

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Sender returns the address that a stanza of the caller leaves from, given the
// one he asks for and the domains of our components. Where he asks for none it
// is his own, else the only component's.
func (id Identity) Sender(from jid.JID, domains []jid.JID) (jid.JID, *Fault) {
	if from.IsZero() {
		from = id.DefaultFrom
	}
	if from.IsZero() {
		if len(domains) != 1 {
			return from, &Fault{Status: http.StatusBadRequest, Text: fmt.Sprintf("from: is missing, and there is not one component alone; write an address at %s", names(domains))}
		}
		from = domains[0]
	}
	if !slices.ContainsFunc(domains, func(d jid.JID) bool { return d.Domain() == from.Domain() }) {
		return from, &Fault{Status: http.StatusForbidden, Text: fmt.Sprintf("from: %s is not at a component; allowed are addresses at %s", from, names(domains))}
	}
	if !id.MaySendFrom(from) {
		return from, &Fault{Status: http.StatusForbidden, Text: fmt.Sprintf("from: the token may not use %s; allowed are %s", from, id.Patterns())}
	}
	return from, nil
}

// MaySend returns why the caller may not send a stanza, whoever it is from: he
// lacks the scope of its kind, or it would act with the component's privileges.
func (id Identity) MaySend(s *stanza.Stanza) *Fault {
	scope := ScopeSend
	if s.Kind == stanza.IQ {
		scope = ScopeQuery
	}
	if !id.Can(scope) {
		return Lacks(scope)
	}
	if s.ClaimsPrivilege() && !id.Can(ScopeAdmin) {
		return &Fault{Status: http.StatusForbidden, Text: fmt.Sprintf("the stanza would act with the component's own privileges at the server; that needs the scope %q", ScopeAdmin)}
	}
	return nil
}

// Lacks is the refusal of a caller without a scope.
func Lacks(scope string) *Fault {
	return &Fault{Status: http.StatusForbidden, Text: fmt.Sprintf("the token lacks the scope %q", scope)}
}

func names(domains []jid.JID) string {
	all := make([]string, len(domains))
	for i, d := range domains {
		all[i] = d.Domain()
	}
	return strings.Join(all, ", ")
}
