package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
)

// Token is what one API token may do. The token itself is not known.
type Token struct {
	Name        string
	Hash        [32]byte   // SHA-256 of the token
	Scopes      []string   // see ScopeSend
	From        []jid.Glob // on the bare JID; none: every address of every component
	DefaultFrom jid.JID    // the first of From without a wildcard; zero if there is none
}

func (t *Token) identity() Identity {
	return Identity{Name: t.Name, DefaultFrom: t.DefaultFrom, scopes: t.Scopes, from: t.From}
}

// authenticate lets requests pass whose token is known. No credentials, and
// schemes we do not speak, are 401. Credentials that are not accepted are 401 or
// 403, see Mount.Challenge.
func (s *Server) authenticate(m *Mount, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() { // a Basic of a mount may ask somebody else, and wait
			s.refuse(w, r, overloaded())
			return
		}
		who, f := s.who(r, m.Basic)
		s.leave()
		if f != nil {
			if f.Status == http.StatusForbidden && m.Challenge {
				f.Status = http.StatusUnauthorized
			}
			if f.Status == http.StatusUnauthorized {
				challenge(w, r)
			}
			s.refuse(w, r, f)
			return
		}
		requestOf(r.Context()).who = who
		next.ServeHTTP(w, r)
	})
}

// challenge says which credentials are taken (RFC 7617 section 2, RFC 6750 section
// 3): Bearer alone, and that it was wrong, to who has sent one.
func challenge(w http.ResponseWriter, r *http.Request) {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		w.Header().Add("WWW-Authenticate", `Bearer realm="stanzahook", error="invalid_token"`)
		return
	}
	w.Header().Add("WWW-Authenticate", `Basic realm="stanzahook", charset="UTF-8"`)
	w.Header().Add("WWW-Authenticate", `Bearer realm="stanzahook"`)
}

type basicAuth func(r *http.Request, user, password string) (Identity, *Fault, bool)

func (s *Server) who(r *http.Request, basic basicAuth) (Identity, *Fault) {
	headers := r.Header.Values("Authorization")
	if s.o.NoAuth {
		return Identity{Name: "anonymous", anyScope: true}, nil
	}
	if len(headers) == 0 {
		return Identity{}, &Fault{
			Status: http.StatusUnauthorized,
			Text:   "No credentials provided: send Authorization: Bearer TOKEN, or Basic with the token's name and the token",
		}
	}
	scheme, credentials, _ := strings.Cut(headers[0], " ")
	name, token, ok := "", strings.TrimSpace(credentials), true
	switch {
	case strings.EqualFold(scheme, "Bearer"):
	case strings.EqualFold(scheme, "Basic"):
		name, token, ok = (&http.Request{Header: http.Header{"Authorization": headers}}).BasicAuth()
		ok = ok && name != ""
	default:
		return Identity{}, &Fault{
			Status: http.StatusUnauthorized,
			Text:   "the authentication scheme is not known here: use Bearer or Basic",
		}
	}
	if !ok || token == "" || len(headers) > 1 {
		return Identity{}, &Fault{
			Status: http.StatusForbidden,
			Text:   "Credentials malformed: send one Authorization header with Bearer TOKEN, or Basic with the token's name and the token",
		}
	}
	if t := s.find(name, token); t != nil {
		return t.identity(), nil
	}
	if basic != nil && name != "" {
		if who, f, known := basic(r, name, token); known {
			return who, f
		}
	}
	return Identity{}, &Fault{Status: http.StatusForbidden, Text: "Credentials not accepted: the token is not one of http.tokens"}
}

// find looks through all tokens, whether or not one was found already, so that
// the time tells nothing. An empty name is any.
func (s *Server) find(name, token string) *Token {
	hash := sha256.Sum256([]byte(token))
	tokens := *s.tokens.Load()
	found := -1
	for i := range tokens {
		t := &tokens[i]
		same := subtle.ConstantTimeCompare(hash[:], t.Hash[:])
		if name != "" {
			same &= subtle.ConstantTimeCompare([]byte(name), []byte(t.Name))
		}
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return nil
	}
	return &tokens[found]
}

// SetTokens replaces the tokens, for requests that come after.
func (s *Server) SetTokens(tokens []Token) {
	tokens = slices.Clone(tokens)
	s.tokens.Store(&tokens)
}

// SetRateLimit replaces the rate limit; everybody begins anew.
func (s *Server) SetRateLimit(limit RateLimit) { s.rate.set(limit) }
