package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// Token is what one API token may do. The token itself is not known.
type Token struct {
	Name        string
	Hash        [32]byte   // SHA-256 of the token
	Scopes      []string   // see gateway.ScopeSend
	From        []jid.Glob // on the bare JID; none: every address of every component
	DefaultFrom jid.JID    // the first of From without a wildcard; zero if there is none
}

func (t *Token) identity() Identity {
	return Identity{Caller: gateway.Caller{Name: t.Name, DefaultFrom: t.DefaultFrom, Scopes: t.Scopes, From: t.From}, hash: t.Hash}
}

// authenticate lets requests pass whose token is known. No credentials, and
// schemes we do not speak, are 401. Credentials that are not accepted are 401 or
// 403, see Mount.Challenge.
func (s *Server) authenticate(m *Mount, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, f := s.who(r, m)
		if f != nil {
			if f.Status == http.StatusForbidden && m.Challenge {
				f.Status = http.StatusUnauthorized
			}
			if f.Status == http.StatusUnauthorized {
				Challenge(w.Header(), r)
			}
			s.refuse(w, r, f)
			return
		}
		requestOf(r.Context()).who = who
		next.ServeHTTP(w, r)
	})
}

// Challenge says which credentials are taken (RFC 7617 section 2, RFC 6750 section
// 3): Bearer alone, and that it was wrong, to who has sent one.
func Challenge(h http.Header, r *http.Request) {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		h.Add("WWW-Authenticate", `Bearer realm="stanzahook", error="invalid_token"`)
		return
	}
	h.Add("WWW-Authenticate", `Basic realm="stanzahook", charset="UTF-8"`)
	h.Add("WWW-Authenticate", `Bearer realm="stanzahook"`)
}

// anonymous is everybody, where nobody has to say who he is.
func anonymous() Identity {
	return Identity{Caller: gateway.Caller{Name: "anonymous", AllScopes: true}}
}

func (s *Server) who(r *http.Request, m *Mount) (Identity, *Fault) {
	headers := r.Header.Values("Authorization")
	if s.o.NoAuth {
		return anonymous(), nil
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
	// A token is too long to be guessed, so one that is right is never kept waiting.
	if t := s.find(name, token); t != nil {
		return t.identity(), nil
	}
	if name == "" {
		return Identity{}, unknownToken()
	}
	var who Identity
	ok = false
	if m.Basic != nil {
		var f *Fault
		var known bool
		if who, f, known = m.Basic(r, name, token); known && (f != nil || m.Limits) {
			who.mount = m.Prefix
			return who, f
		}
		ok, who.mount = known, m.Prefix
	}
	key, address := canonical(name), network(requestOf(r.Context()).addr)
	if wait := s.o.Failures.Wait(key, address); wait > 0 { // also of the right one: it might be a guess
		return Identity{}, tooOften(wait)
	}
	if !ok {
		s.o.Failures.Note(key, address, Wrong)
		return Identity{}, unknownToken()
	}
	s.o.Failures.Note(key, address, Right)
	return who, nil
}

func unknownToken() *Fault {
	return &Fault{Status: http.StatusForbidden, Text: "Credentials not accepted: the token is not one of http.tokens"}
}

// canonical is a user name as it counts: spellings of one domain are the same.
func canonical(name string) string {
	if j, err := jid.Parse(name); err == nil {
		return j.String()
	}
	return name
}

// tooOften is the answer to who has guessed too often.
func tooOften(wait time.Duration) *Fault {
	return &Fault{
		Status:     http.StatusTooManyRequests,
		Text:       "too many failed logins for this name or from this address; wait as long as Retry-After says",
		RetryAfter: max(1, int(math.Ceil(wait.Seconds()))),
	}
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

// SetTokens replaces the tokens, for requests that come after, and for those that
// wait: see [Hold].
func (s *Server) SetTokens(tokens []Token) {
	tokens = slices.Clone(tokens)
	s.tokens.Store(&tokens)
	s.live.review()
}

// SetRateLimit replaces the rate limit; everybody begins anew.
func (s *Server) SetRateLimit(limit RateLimit) { s.rate.set(limit) }
