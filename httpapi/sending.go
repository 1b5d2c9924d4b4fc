package httpapi

import (
	"net/http"
	"slices"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Refused returns how /v1 and /msg answer a refusal of package gateway.
func Refused(err error) *Fault {
	f := &Fault{Status: http.StatusForbidden, Text: err.Error()}
	if r, ok := err.(*gateway.Refusal); ok && r.Missing {
		f.Status = http.StatusBadRequest
	}
	return f
}

// Lacks returns the refusal of a caller without a scope.
func Lacks(anyOf ...string) *Fault { return Refused(gateway.Lacks(anyOf...)) }

// Needs returns the may of [Hold] for callers with one of some scopes.
func Needs(anyOf ...string) func(Identity) *Fault {
	return func(id Identity) *Fault {
		if slices.ContainsFunc(anyOf, id.Can) {
			return nil
		}
		return Lacks(anyOf...)
	}
}

// MaySend returns the may of [Hold] for a stanza that waits.
func MaySend(s *stanza.Stanza, domains []jid.JID) func(Identity) *Fault {
	return func(id Identity) *Fault {
		if err := id.MaySend(s, domains); err != nil {
			return Refused(err)
		}
		return nil
	}
}
