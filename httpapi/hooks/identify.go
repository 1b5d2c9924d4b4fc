package hooks

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

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

// admit makes Mount.Admit of a way to find the hook, given the path behind the prefix; nil
// is: no hook, or not with this secret.
func (h *handler) admit(prefix string, serve http.Handler, find func(r *http.Request, path string) found) func(*http.Request, string) httpapi.Admission {
	return func(r *http.Request, path string) httpapi.Admission {
		f := find(r, strings.TrimPrefix(path[len(prefix):], "/"))
		a := httpapi.Admission{Route: f.route, Unproven: f.unproven}
		if f.unproven { // the same for all of them
			a.MaxBody = h.maxBody
		}
		if f.known == nil {
			return a
		}
		if !f.unproven {
			a.MaxBody = f.MaxBody
		}
		a.Handler, a.Who = serve, httpapi.Identity{Caller: gateway.Caller{Name: Caller(f.Name)}, Group: "hooks"}
		a.Request = r.WithContext(context.WithValue(r.Context(), hookKey{}, &match{known: f.known, rest: f.rest}))
		return a
	}
}

// found is what a request is for.
type found struct {
	*known          // nil: no hook, or not with this secret
	rest     string // of the path
	route    string
	unproven bool // its signature is to be checked, if there is one
}

// Caller is the name of a hook among the callers of the server.
func Caller(name string) string { return "hook " + name }

// stranger is the answer to a wrong secret: one for all hooks, whether there are any, with
// what clients of Slack, ntfy and Gotify look for.
func stranger() *httpapi.Stranger {
	return httpapi.NewStranger("there is no hook with this name and secret, or the signature is wrong", map[string]any{
		"ok": false, "error": "invalid_auth", "code": 40101, "http": 401, "errorCode": 401, "errorDescription": "no hook has this name and secret, or the signature is wrong",
	})
}

// byPath finds the hook of /hooks/{name}: the secret is the next element of the path, or
// elsewhere. Without a name that is known the first element may be the secret itself.
//
// The body of a request with a signature is read also if nothing else about it is right:
// nobody can tell a hook that has only a signature from one that is not there.
func (h *handler) byPath(r *http.Request, path string) found {
	name, rest, more := strings.Cut(path, "/")
	first, behind, _ := strings.Cut(rest, "/")
	k, there := h.byName[name]
	if !there {
		k = h.unknown
	}
	f := found{route: hookRoute}
	if more {
		f.route = hookRoute + hookRest
	}
	elsewhere, inPath := 0, k.has(first)
	for _, s := range hook.Secrets(r) {
		elsewhere |= k.has(s)
	}
	alone := h.bySecret[sha256.Sum256([]byte(name))]
	switch {
	case there && inPath == 1:
		f.known, f.rest = k, behind
	case there && elsewhere == 1:
		f.known, f.rest = k, rest
	case there && len(k.Hashes) == 0:
		f.rest = rest
		h.bySignature(r, k, &f)
	case !there && alone != nil:
		f.known, f.rest = alone, rest
	default:
		f.unproven = hook.Signed(r.Header)
	}
	return f
}

// bySignature finds out what is known before the body about a hook without a secret.
func (h *handler) bySignature(r *http.Request, k *known, f *found) {
	switch {
	case !k.Verify.NeedsBody(): // the header is all there is
		if k.Verify.Verify(&hook.Request{Header: r.Header}) == nil {
			f.known = k
		} else {
			f.unproven = hook.Signed(r.Header)
		}
	case hook.Signed(r.Header):
		f.known, f.unproven = k, true
	}
}

// byLastElement finds the hook of /services/…: the last element is the secret.
func (h *handler) byLastElement(_ *http.Request, path string) found {
	path = strings.TrimSuffix(path, "/")
	return found{known: h.bySecret[sha256.Sum256([]byte(path[strings.LastIndexByte(path, '/')+1:]))], route: servicesRoute}
}

// byToken finds the hook for Slack's API by its token.
func (h *handler) byToken(route string) func(*http.Request, string) found {
	return func(r *http.Request, behind string) found {
		if behind != "" {
			return found{route: route}
		}
		for _, s := range hook.Secrets(r) {
			if k := h.bySecret[sha256.Sum256([]byte(s))]; k != nil && k.Adapter == "slack" {
				return found{known: k, route: route}
			}
		}
		return found{route: route}
	}
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
