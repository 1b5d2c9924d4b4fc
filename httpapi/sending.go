package httpapi

import (
	"net/http"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Refused is how /v1 and /msg answer to a refusal by the rules of package gateway.
func Refused(err error) *Fault {
	f := &Fault{Status: http.StatusForbidden, Text: err.Error()}
	if r, ok := err.(*gateway.Refusal); ok && r.Missing {
		f.Status = http.StatusBadRequest
	}
	return f
}

// Lacks is the refusal of a caller without a scope.
func Lacks(scope string) *Fault { return Refused(gateway.Lacks(scope)) }

// Needs is the may of [Hold] for what takes one scope.
func Needs(scope string) func(Identity) *Fault {
	return func(id Identity) *Fault {
		if id.Can(scope) {
			return nil
		}
		return Lacks(scope)
	}
}

// MaySend is the may of [Hold] for a stanza that waits.
func MaySend(s *stanza.Stanza, domains []jid.JID) func(Identity) *Fault {
	return func(id Identity) *Fault {
		if err := id.MaySend(s, domains); err != nil {
			return Refused(err)
		}
		return nil
	}
}
