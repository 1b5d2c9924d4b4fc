package rest

import (
	"crypto/rand"
	"slices"
	"strings"

	"stanzahook/httpapi"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// check makes the stanza of a draft, if the caller may send it. What it returns
// goes from one of our domains to somebody (an echo's: to nobody), and has an id.
// The order of the
// checks is mod_rest's.
func (h handler) check(d *draft, who httpapi.Identity) (*stanza.Stanza, *fault) {
	hd := d.Header
	if f := validAddress(&hd.To, badTo); f != nil {
		return nil, f
	}
	if hd.To.IsZero() && !d.self && !d.nowhere {
		return nil, badTo.because("to is missing; write the address that the stanza goes to")
	}
	if f := validAddress(&hd.From, badFrom); f != nil {
		return nil, f
	}
	scope := httpapi.ScopeSend
	if hd.Kind == stanza.IQ {
		scope = httpapi.ScopeQuery
	}
	if !who.Can(scope) {
		return nil, forbidden.because("the token lacks the scope %q, which %s stanzas need", scope, hd.Kind)
	}
	if f := h.sender(&hd.From, who); f != nil {
		return nil, f
	}
	if hd.To.IsZero() && d.self && !d.nowhere {
		hd.To = hd.From.Bare()
	}
	if hd.ID == "" {
		hd.ID = rand.Text()[:24]
	}
	s, err := d.build(hd)
	if err != nil {
		// the caller's part was fine; with our attributes it is over a limit
		return nil, tooLarge.because("%s", err)
	}
	if s.ClaimsPrivilege() && !who.Can(httpapi.ScopeAdmin) {
		return nil, forbidden.because("the stanza would act with the component's own privileges at the server; that needs the scope %q", httpapi.ScopeAdmin)
	}
	if s.Kind == stanza.IQ {
		if !s.NeedsAnswer() {
			return nil, badIQType.because("type is %q", s.Type)
		}
		if n := len(s.Children()); n != 1 {
			return nil, badIQContent.because("there are %d; write the query and nothing else", n)
		}
	}
	return s, nil
}

// validAddress holds an address of the caller to RFC 7622; stanza.Parse takes
// any, because it also reads what servers send.
func validAddress(j *jid.JID, wrong fault) *fault {
	if j.IsZero() {
		return nil
	}
	valid, err := jid.Parse(j.String())
	if err != nil {
		return wrong.because("%s", err)
	}
	*j = valid
	return nil
}

// sender fills in the address a stanza leaves from, and checks that it is one of
// our components' and one the caller may use.
func (h handler) sender(from *jid.JID, who httpapi.Identity) *fault {
	domains := h.Domains()
	if from.IsZero() {
		*from = who.DefaultFrom
	}
	if from.IsZero() {
		if len(domains) != 1 {
			return badFrom.because("from is missing, and there is not one component alone; write an address at %s", list(domains))
		}
		*from = domains[0].Bare()
	}
	if !slices.ContainsFunc(domains, func(d jid.JID) bool { return d.Domain() == from.Domain() }) {
		return foreignFrom.because("from is %s; allowed are addresses at %s", from, list(domains))
	}
	if !who.MaySendFrom(*from) {
		return foreignFrom.because("from is %s; allowed are %s", from, who.Patterns())
	}
	return nil
}

func list(domains []jid.JID) string {
	names := make([]string, len(domains))
	for i, d := range domains {
		names[i] = d.Domain()
	}
	return strings.Join(names, ", ")
}
