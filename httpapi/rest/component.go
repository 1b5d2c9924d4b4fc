package rest

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// component knows the callers who have the credentials of a component, its
// domain and the secret it shares with the XMPP server, as in mod_rest. They may
// send and ask for all addresses in that domain.
func (h handler) component(_ *http.Request, user, password string) (httpapi.Identity, *httpapi.Fault, bool) {
	domain, err := jid.Parse(user)
	if err != nil || !domain.IsDomain() {
		return httpapi.Identity{}, nil, false
	}
	// One that does not exist takes the same way, so that the answer does not tell.
	right := h.Secrets[domain.String()]
	pattern, err := jid.ParseGlob(domain.String())
	// Hashes are of one length, so that the time does not tell the secret's.
	want, got := sha256.Sum256([]byte(right.Reveal())), sha256.Sum256([]byte(password))
	if err != nil || right.IsZero() || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return httpapi.Identity{}, nil, false // the server counts it
	}
	scopes := []string{gateway.ScopeSend, gateway.ScopeQuery}
	return httpapi.Identity{Caller: gateway.Caller{Name: domain.String(), DefaultFrom: domain, Scopes: scopes, From: []jid.Glob{pattern}}}, nil, true
}
