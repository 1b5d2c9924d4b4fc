package config

import (
	"crypto/sha256"
	"fmt"
	"net"
	"strings"
	"unicode"

	"stanzahook/pkg/jid"
)

func (v checker) http() {
	http := &v.c.HTTP
	if v.address("http.listen", http.Listen, "127.0.0.1:5290") && http.InsecureNoAuth {
		if host, _, _ := net.SplitHostPort(http.Listen); !IsLoopback(host) {
			v.add("http.insecure_no_auth", "true is for loopback addresses only, and http.listen is %s; remove it and write tokens", quote(http.Listen))
		}
	}
	if n := http.MaxBodyBytes; n < 1 || n > maxBodyBytes {
		v.add("http.max_body_bytes", "%v is not between 1 and %v", n, maxBodyBytes)
	}
	switch {
	case http.IQTimeout <= 0:
		v.add("http.iq_timeout", "%v is no time to wait; write for example 120s", http.IQTimeout)
	case http.IQMaxTimeout < http.IQTimeout:
		v.add("http.iq_max_timeout", "%v is less than iq_timeout (%v); make it larger, or the other smaller", http.IQMaxTimeout, http.IQTimeout)
	}
}

func (v checker) token(i int) {
	token := &v.c.HTTP.Tokens[i]
	key := fmt.Sprintf("http.tokens[%d]", i)
	switch {
	case token.Name == "":
		v.add(key+".name", "is missing; write who uses the token, for example ops")
	case strings.Contains(token.Name, ":") || HasControl(token.Name):
		v.add(key+".name", "%s has a colon or a control character in it; callers with Basic authentication write name:token", quote(token.Name))
	}
	for before := range i {
		if token.Name != "" && v.c.HTTP.Tokens[before].Name == token.Name {
			v.add(key+".name", "%s is the name of http.tokens[%d] already; write another", quote(token.Name), before)
		}
	}
	v.tokenHash(i)
	v.someOf(key+".scopes", token.Scopes, ScopeSend, ScopeQuery, ScopeRoster, ScopeEvents, ScopeAdmin)
	v.tokenFrom(key+".from", token)
}

// tokenHash checks that exactly one of hash and token_file is set, and hashes
// the token of the latter.
func (v checker) tokenHash(i int) {
	token := &v.c.HTTP.Tokens[i]
	key := fmt.Sprintf("http.tokens[%d]", i)
	hash, file := key+".hash", key+".token_file"
	switch {
	case v.isReported(hash) || v.isReported(file):
		return
	case v.isSet(hash) && v.isSet(file):
		v.add(file, "is here together with hash; keep one of them")
		return
	case v.isSet(file):
		text, path, err := v.files.secret(token.TokenFile)
		if err != nil {
			v.add(file, "%v", err)
			return
		}
		if strings.ContainsFunc(text.Reveal(), func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }) {
			v.add(file, "%s has a space or control character in the token, and no caller can send that; write the token alone in one line", path)
			return
		}
		token.Hash, token.TokenFile = sha256.Sum256([]byte(text.Reveal())), path
	case !v.isSet(hash):
		v.add(hash, "is missing; write hash or token_file; \"stanzahook token new\" prints a token with its hash")
		return
	}
	for before := range i {
		if v.c.HTTP.Tokens[before].Hash == token.Hash {
			key := hash
			if v.isSet(file) {
				key = file
			}
			v.add(key, "is the same token as http.tokens[%d]; its rights would depend on which is found first; make another", before)
		}
	}
}

// tokenFrom checks the patterns of the addresses that a token may send from.
func (v checker) tokenFrom(path string, token *Token) {
	if v.isSet(path) && len(token.From) == 0 {
		v.add(path, "is an empty list; write an address, or remove the key to allow every address of every component")
	}
	for i, text := range token.From {
		key := fmt.Sprintf("%s[%d]", path, i)
		canonical, glob, ok := v.pattern(key, text)
		if !ok {
			continue
		}
		token.From[i] = canonical // it is the sender where a request names none
		if !v.isOfComponent(canonical, "") {
			v.add(key, "%s matches no address of a component, so nothing could be sent with it; write for example *@%s",
				quote(text), v.c.Components[0].Domain)
			continue
		}
		token.FromGlobs = append(token.FromGlobs, glob)
	}
}

// pattern reads a pattern of bare JIDs and returns it in its canonical form too.
func (v checker) pattern(key, text string) (canonical string, glob jid.Glob, ok bool) {
	canonical = strings.ToLower(text)
	if j, err := jid.Parse(text); err == nil && !strings.ContainsAny(text, "*?") {
		canonical = j.String()
	}
	glob, err := jid.ParseGlob(canonical)
	if err != nil {
		v.add(key, "%s is no pattern of bare JIDs; write for example bot.example.com or *@bot.example.com", quote(text))
		return "", jid.Glob{}, false
	}
	return canonical, glob, true
}

// isOfComponent reports whether a pattern matches any bare JID of a component,
// of that domain or of any if it is empty, or whether that cannot be told: a
// component's domain is wrong itself, or the pattern has an internationalised
// domain in its ASCII form.
func (v checker) isOfComponent(pattern, component string) bool {
	if strings.Contains(pattern, "xn--") {
		return true
	}
	for i := range v.c.Components {
		if v.isReported(fmt.Sprintf("components[%d].domain", i)) {
			return true
		}
		domain := v.c.Components[i].Domain
		if component != "" && component != domain {
			continue
		}
		if overlap(pattern, domain) || overlap(pattern, "?*@"+domain) {
			return true
		}
	}
	return len(v.c.Components) == 0
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
