package config

import (
	"crypto/sha256"
	"net"
	"slices"
	"strings"
	"unicode"

	"stanzahook/pkg/jid"
)

func (h *HTTP) check(s scope) {
	if s.address("listen", h.Listen, "127.0.0.1:5290") && h.InsecureNoAuth {
		if host, _, _ := net.SplitHostPort(h.Listen); !IsLoopback(host) {
			s.add("insecure_no_auth", "true is for loopback addresses only, and http.listen is %s; remove it and write tokens", quote(h.Listen))
		}
	}
	if n := h.MaxBodyBytes; n < 1 || n > maxBodyBytes {
		s.add("max_body_bytes", "%v is not between 1 and %v", n, maxBodyBytes)
	}
	switch {
	case h.IQTimeout <= 0:
		s.add("iq_timeout", "%v is no time to wait; write for example 120s", h.IQTimeout)
	case h.IQMaxTimeout < h.IQTimeout:
		s.add("iq_max_timeout", "%v is less than iq_timeout (%v); make it larger, or the other smaller", h.IQMaxTimeout, h.IQTimeout)
	}
	s.oneOf("console", h.Console, ConsoleAuto, ConsoleOn, ConsoleOff)
	h.checkServer(s)
	h.Basic.Accounts.check(s.in("basic.accounts"))
	for i := range h.Tokens {
		h.Tokens[i].check(s.element("tokens", i), h.Tokens[:i])
	}
}

func (t *Token) check(s scope, before []Token) {
	switch {
	case t.Name == "":
		s.add("name", "is missing; write who uses the token, for example ops")
	case strings.Contains(t.Name, ":") || HasControl(t.Name):
		s.add("name", "%s has a colon or a control character in it; callers with Basic authentication write name:token", quote(t.Name))
	default:
		unique(s, "name", before, func(other *Token) bool { return other.Name == t.Name }, t.Name, "is the name of http.tokens[%d] already; write another")
	}
	t.checkHash(s, before)
	s.someOf("scopes", t.Scopes, ScopeSend, ScopeQuery, ScopeRoster, ScopeRooms, ScopeEvents, ScopeRead, ScopeAdmin)
	t.checkFrom(s)
	t.checkRooms(s)
	t.checkEndpoint(s)
	switch {
	case !s.isSet("max_bytes") || s.isReported("max_bytes"):
	case !slices.Contains(t.Scopes, ScopeSend):
		s.add("max_bytes", "is for tokens with the scope %s; add it to scopes, or remove the key", ScopeSend)
	case t.MaxBytes < 1 || t.MaxBytes > maxUploadBytes:
		s.add("max_bytes", "%v is not between 1 and %v", t.MaxBytes, maxUploadBytes)
	}
}

// checkEndpoint checks the endpoint whose events a token may pull. It may be one that is made
// by the API.
func (t *Token) checkEndpoint(s scope) {
	if !s.isSet("endpoint") {
		return
	}
	if !slices.Contains(t.Scopes, ScopeEvents) {
		s.add("endpoint", "is for tokens with the scope %s; add it to scopes, or remove the key", ScopeEvents)
	}
	for i := range s.c.Endpoints {
		if e := &s.c.Endpoints[i]; e.Name == t.Endpoint && e.URL != "" {
			s.add("endpoint", "%s has a url, and its events are sent there; write the name of an endpoint without url", quote(t.Endpoint))
		}
	}
	if t.Endpoint == "" {
		s.add("endpoint", "is empty; write the name of an endpoint without url, or remove the key")
	}
}

// checkHash checks that exactly one of hash and token_file is set, and hashes the
// token of the latter.
func (t *Token) checkHash(s scope, before []Token) {
	name := "hash"
	switch {
	case s.isReported("hash") || s.isReported("token_file"):
		return
	case s.isSet("hash") && s.isSet("token_file"):
		s.add("token_file", "is here together with hash; keep one of them")
		return
	case s.isSet("token_file"):
		text, path, err := s.files.secret(t.TokenFile)
		if err != nil {
			s.add("token_file", "%v", err)
			return
		}
		if strings.ContainsFunc(text.Reveal(), func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }) {
			s.add("token_file", "%s has a space or control character in the token, and no caller can send that; write the token alone in one line", path)
			return
		}
		name, t.Hash, t.TokenFile = "token_file", sha256.Sum256([]byte(text.Reveal())), path
	case !s.isSet("hash"):
		s.add("hash", "is missing; write hash or token_file; \"stanzahook token new\" prints a token with its hash")
		return
	}
	for i := range before {
		if before[i].Hash == t.Hash {
			s.add(name, "is the same token as http.tokens[%d]; its rights would depend on which is found first; make another", i)
		}
	}
}

// checkFrom checks the patterns of the addresses that a token may send from.
func (t *Token) checkFrom(s scope) {
	if s.isSet("from") && len(t.From) == 0 {
		s.add("from", "is an empty list; write an address, or remove the key to allow every address of every component")
	}
	for i, text := range t.From {
		canonical, glob, ok := s.pattern(at("from", i), text)
		if !ok {
			continue
		}
		t.From[i] = canonical // it is the sender where a request names none
		if !s.isOfComponent(canonical, "") {
			s.add(at("from", i), "%s matches no address of a component, so nothing could be sent with it; write for example *@%s", quote(text), s.c.Components[0].Domain)
			continue
		}
		t.FromGlobs = append(t.FromGlobs, glob)
	}
}

// checkRooms checks the patterns of the rooms that a token may use.
func (t *Token) checkRooms(s scope) {
	if s.isSet("rooms") && len(t.Rooms) == 0 {
		s.add("rooms", "is an empty list; write a pattern, as *@rooms.example.com, or remove the key to allow every room")
	}
	for i, text := range t.Rooms {
		canonical, glob, ok := s.pattern(at("rooms", i), text)
		switch {
		case !ok:
		case !strings.ContainsAny(canonical, "@*"):
			s.add(at("rooms", i), "%s matches no room, which has a name before an @; write for example *@%s", quote(text), canonical)
		default:
			t.RoomGlobs = append(t.RoomGlobs, glob)
		}
	}
}

// pattern reads a pattern of bare JIDs and returns it in its canonical form too.
func (s scope) pattern(name, text string) (canonical string, glob jid.Glob, ok bool) {
	canonical = strings.ToLower(text)
	if j, err := jid.Parse(text); err == nil && !strings.ContainsAny(text, "*?") {
		canonical = j.String()
	}
	glob, err := jid.ParseGlob(canonical)
	if err != nil {
		s.add(name, "%s is no pattern of bare JIDs; write for example bot.example.com or *@bot.example.com", quote(text))
		return "", jid.Glob{}, false
	}
	return canonical, glob, true
}

// isOfComponent reports whether a pattern matches any bare JID of a component,
// of that domain or of any if it is empty, or whether that is unknown: a
// component's domain is wrong itself, or the pattern has an internationalised
// domain in its ASCII form.
func (s scope) isOfComponent(pattern, component string) bool {
	if strings.Contains(pattern, "xn--") {
		return true
	}
	for i := range s.c.Components {
		if s.report.isReported(at("components", i) + ".domain") {
			return true
		}
		domain := s.c.Components[i].Domain
		if component != "" && component != domain {
			continue
		}
		if overlap(pattern, domain) || overlap(pattern, "?*@"+domain) {
			return true
		}
	}
	return len(s.c.Components) == 0
}

// overlap reports whether any text matches both patterns, of which * is any
// characters and ? is one.
func overlap(a, b string) bool {
	x, y := []rune(a), []rune(b)
	// common[i][j]: x[i:] and y[j:] overlap. Filled from the end.
	common := make([][]bool, len(x)+1)
	for i := range common {
		common[i] = make([]bool, len(y)+1)
	}
	for i := len(x); i >= 0; i-- {
		for j := len(y); j >= 0; j-- {
			inX, inY := i < len(x), j < len(y)
			switch {
			case !inX && !inY:
				common[i][j] = true
			case inX && x[i] == '*':
				common[i][j] = common[i+1][j] || inY && common[i][j+1]
			case inY && y[j] == '*':
				common[i][j] = common[i][j+1] || inX && common[i+1][j]
			case inX && inY && (x[i] == y[j] || x[i] == '?' || y[j] == '?'):
				common[i][j] = common[i+1][j+1]
			}
		}
	}
	return common[0][0]
}
