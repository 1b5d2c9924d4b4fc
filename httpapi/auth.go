package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"math"
	"net/http"
	"strings"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// Token is the rights of an API token. The token itself is not stored.
type Token struct {
	Name        string
	Hash        [32]byte           // SHA-256 of the token
	Scopes      []string           // see gateway.ScopeSend
	From        []jid.Glob         // match the bare JID; empty: every address of every component
	DefaultFrom jid.JID            // the first of From without a wildcard; may be zero
	Rooms       []jid.Glob         // that it may use; empty: all
	Endpoint    string             // whose events alone it may pull; empty: those of all
	MaxFile     int64              // bytes of a file that it uploads; 0: as for all
	IsRoom      func(jid.JID) bool // see gateway.Caller; may be nil
}

func (t *Token) identity() Identity {
	return Identity{Caller: gateway.Caller{Name: t.Name, DefaultFrom: t.DefaultFrom, Scopes: t.Scopes, From: t.From, Rooms: t.Rooms, Endpoint: t.Endpoint, MaxFile: t.MaxFile, IsRoom: t.IsRoom}, hash: t.Hash}
}

// authenticate passes requests with known credentials. Without credentials, or with an
// unknown scheme, the answer is 401; with wrong ones 401 or 403, see Mount.Challenge.
func (h *Handler) authenticate(m *Mount, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, f := h.who(r, m)
		if f != nil {
			m.challenge(w.Header(), r, f)
			h.refuse(w, r, f)
			return
		}
		requestOf(r.Context()).who = who
		next.ServeHTTP(w, r)
	})
}

// challenge completes the refusal of credentials.
func (m *Mount) challenge(header http.Header, r *http.Request, f *Fault) {
	m.settle(f)
	if f.Status == http.StatusUnauthorized {
		Challenge(header, r)
	}
}

// settle gives a refusal the status that it has below the mount.
func (m *Mount) settle(f *Fault) {
	if f.Status == http.StatusForbidden && m.Challenge {
		f.Status = http.StatusUnauthorized
	}
}

// Challenge adds WWW-Authenticate (RFC 7617 section 2, RFC 6750 section 3): only Bearer,
// with the error, if the request has a Bearer token.
func Challenge(h http.Header, r *http.Request) {
	for _, v := range challenges(r) {
		h.Add("WWW-Authenticate", v)
	}
}

func challenges(r *http.Request) []string {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return challengeInvalid[:]
	}
	return challengeAny[:]
}

// The values of WWW-Authenticate. Nobody changes them.
var (
	challengeAny     = [...]string{`Basic realm="stanzahook", charset="UTF-8"`, `Bearer realm="stanzahook"`}
	challengeInvalid = [...]string{`Bearer realm="stanzahook", error="invalid_token"`}
)

// anonymous is every caller without authentication.
func anonymous() Identity {
	return Identity{Caller: gateway.Caller{Name: "anonymous", AllScopes: true}}
}

func (h *Handler) who(r *http.Request, m *Mount) (Identity, *Fault) {
	headers := r.Header.Values("Authorization")
	if h.o.NoAuth {
		return anonymous(), nil
	}
	if len(headers) == 0 {
		return Identity{}, &Fault{
			Status: http.StatusUnauthorized,
			Text:   "No credentials provided: send Authorization: Bearer TOKEN, or Basic with the token's name and the token",
		}
	}
	name, token, f := credentials(headers)
	if f != nil {
		return Identity{}, f
	}
	// A token is too long to be guessed, so the right one never has to wait.
	if t := h.find(name, token); t != nil {
		return t.identity(), nil
	}
	if name == "" {
		return Identity{}, unknownToken()
	}
	var who Identity
	ok := false
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
	if wait := h.o.Failures.Wait(key, address); wait > 0 { // also for the right password: it might be a guess
		return Identity{}, TooOften(wait)
	}
	if !ok {
		h.o.Failures.Note(key, address, Wrong)
		return Identity{}, unknownToken()
	}
	h.o.Failures.Note(key, address, Right)
	return who, nil
}

// credentials returns what the header Authorization has: a token, or a name and a token or
// password.
func credentials(headers []string) (name, token string, f *Fault) {
	scheme, credentials, _ := strings.Cut(headers[0], " ")
	token, ok := strings.TrimSpace(credentials), true
	switch {
	case strings.EqualFold(scheme, "Bearer"):
	case strings.EqualFold(scheme, "Basic"):
		name, token, ok = (&http.Request{Header: http.Header{"Authorization": headers}}).BasicAuth()
		ok = ok && name != ""
	default:
		return "", "", &Fault{
			Status: http.StatusUnauthorized,
			Text:   "the authentication scheme is not known here: use Bearer or Basic",
		}
	}
	if !ok || token == "" || len(headers) > 1 {
		return "", "", &Fault{
			Status: http.StatusForbidden,
			Text:   "Credentials malformed: send one Authorization header with Bearer TOKEN, or Basic with the token's name and the token",
		}
	}
	return name, token, nil
}

func unknownToken() *Fault {
	return &Fault{Status: http.StatusForbidden, Text: "Credentials not accepted: the token is not one of http.tokens"}
}

// canonical returns the normal form of a user name: spellings of one domain are equal.
func canonical(name string) string {
	if j, err := jid.Parse(name); err == nil {
		return j.String()
	}
	return name
}

// TooOften returns the refusal of a login after too many failures; see [Failures].
func TooOften(wait time.Duration) *Fault {
	return &Fault{
		Status:     http.StatusTooManyRequests,
		Text:       "too many failed logins for this name or from this address; wait as long as Retry-After says",
		RetryAfter: max(1, int(math.Ceil(wait.Seconds()))),
	}
}

// find compares all tokens, also after a match, so that the time reveals nothing. With
// an empty name any token matches.
func (h *Handler) find(name, token string) *Token {
	hash := sha256.Sum256([]byte(token))
	found := -1
	for i := range h.o.Tokens {
		t := &h.o.Tokens[i]
		same := subtle.ConstantTimeCompare(hash[:], t.Hash[:])
		if name != "" {
			same &= subtle.ConstantTimeCompare([]byte(name), []byte(t.Name))
		}
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return nil
	}
	return &h.o.Tokens[found]
}
