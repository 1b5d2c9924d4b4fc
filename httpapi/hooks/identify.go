package hooks

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/hook"
)

// hookKey is the context key of *match.
type hookKey struct{}

// match is the hook that a request is for.
type match struct {
	*known
	rest string     // of the path, behind the address of the hook
	api  *slackCall // nil: it is no call of Slack's API
}

func matchOf(ctx context.Context) *match {
	m, _ := ctx.Value(hookKey{}).(*match)
	return m
}

// identified makes Mount.Identify of a way to find the hook; nil is: no hook, or not with
// this secret.
func (h *handler) identified(find func(*http.Request) (*known, string)) func(*http.Request) (*http.Request, httpapi.Identity, int64, *httpapi.Fault) {
	return func(r *http.Request) (*http.Request, httpapi.Identity, int64, *httpapi.Fault) {
		k, rest := find(r)
		if k == nil {
			return nil, httpapi.Identity{}, 0, unauthorized()
		}
		who := httpapi.Identity{Caller: gateway.Caller{Name: Caller(k.Name)}, Group: "hooks"}
		return r.WithContext(context.WithValue(r.Context(), hookKey{}, &match{known: k, rest: rest})), who, k.MaxBody, nil
	}
}

// Caller is the name of a hook among the callers of the server.
func Caller(name string) string { return "hook " + name }

// unauthorized is the answer to a wrong secret: one for all hooks, whether there are any,
// with what clients of Slack, ntfy and Gotify look for.
func unauthorized() *httpapi.Fault {
	return &httpapi.Fault{
		Status: http.StatusUnauthorized, Text: "there is no hook with this name and secret, or the signature is wrong",
		Members: map[string]any{"ok": false, "error": "invalid_auth", "code": 40101, "http": 401, "errorCode": 401, "errorDescription": "no hook has this name and secret, or the signature is wrong"},
	}
}

// byPath finds the hook of /hooks/{name}: the secret is the next element of the path, or
// elsewhere. Without a name that is known the first element may be the secret itself.
func (h *handler) byPath(r *http.Request) (*known, string) {
	name, rest := mux.Vars(r)["name"], mux.Vars(r)["rest"]
	first, behind, _ := strings.Cut(rest, "/")
	k, there := h.byName[name]
	if !there {
		k = h.unknown
	}
	elsewhere, inPath := 0, k.has(first)
	for _, s := range hook.Secrets(r) {
		elsewhere |= k.has(s)
	}
	alone := h.bySecret[sha256.Sum256([]byte(name))]
	switch {
	case there && inPath == 1:
		return k, behind
	case there && (elsewhere == 1 || len(k.Hashes) == 0):
		return k, rest
	case !there && alone != nil:
		return alone, rest
	}
	return nil, ""
}

// byLastElement finds the hook of /services/…: the last element is the secret.
func (h *handler) byLastElement(r *http.Request) (*known, string) {
	rest := strings.TrimSuffix(mux.Vars(r)["rest"], "/")
	return h.bySecret[sha256.Sum256([]byte(rest[strings.LastIndexByte(rest, '/')+1:]))], ""
}

// byToken finds the hook for Slack's API by its token.
func (h *handler) byToken(r *http.Request) (*known, string) {
	for _, s := range hook.Secrets(r) {
		if k := h.bySecret[sha256.Sum256([]byte(s))]; k != nil && k.Adapter == "slack" {
			return k, ""
		}
	}
	return nil, ""
}

// has returns 1 if a text is one of the hook's secrets. All are compared.
func (k *known) has(secret string) int {
	hash := sha256.Sum256([]byte(secret))
	found := 0
	for i := range k.Hashes {
		found |= subtle.ConstantTimeCompare(hash[:], k.Hashes[i][:])
	}
	return found
}
