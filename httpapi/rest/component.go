package rest

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// component authenticates callers with the credentials of a component, its domain and the
// secret that it shares with the XMPP server, as in mod_rest. They may send and ask from
// all addresses at that domain.
func (h handler) component(_ *http.Request, user, password string) (httpapi.Identity, *httpapi.Fault, bool) {
	domain, err := jid.Parse(user)
	if err != nil || !domain.IsDomain() {
		return httpapi.Identity{}, nil, false
	}
	// A domain that does not exist takes the same path, so that the time does not tell.
	right := h.Secrets[domain.String()]
	pattern, err := jid.ParseGlob(domain.String())
	// Hashes have one length, so that the time does not tell that of the secret.
	want, got := sha256.Sum256([]byte(right.Reveal())), sha256.Sum256([]byte(password))
	if err != nil || right.IsZero() || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return httpapi.Identity{}, nil, false // the handler counts the failure
	}
	scopes := []string{gateway.ScopeSend, gateway.ScopeQuery}
	return httpapi.Identity{Caller: gateway.Caller{Name: domain.String(), DefaultFrom: domain, Scopes: scopes, From: []jid.Glob{pattern}}}, nil, true
}
