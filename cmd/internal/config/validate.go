package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stanzahook/pkg/outbound"
)

// The largest sizes that are taken. What is beyond them is a slip in the unit,
// or would let one stanza or request fill the memory.
const (
	maxStanzaBytes = 16 * MiB
	maxBodyBytes   = 16 * MiB
	maxTimeout     = 5 * time.Minute
	maxConcurrency = 1000
)

// minStanzaBytes is the least that a server may set as its limit (RFC 6120,
// section 13.12): with less we would refuse what it has a right to send.
const minStanzaBytes = 10000

// minInterval is how often all known rosters may be refreshed at most.
const minInterval = time.Minute

// checker holds a Config against the contract. It reads the files that the
// Config names, and brings names to their canonical form on the way: the checks
// that compare two keys rely on that, so they come after those of single keys.
type checker struct {
	*report
	c     *Config
	files fileReader
}

func validate(r *report, c *Config, files fileReader) {
	v := checker{r, c, files}
	if len(c.Components) == 0 {
		v.add("components", "at least one is needed; write its domain, and secret or secret_file")
	}
	for i := range c.Components {
		v.component(i)
	}
	v.outbound() // before the endpoints, whose addresses it allows
	for i := range c.Endpoints {
		v.endpoint(i)
	}
	for i := range c.Rosters {
		v.roster(i)
	}
	v.http()
	v.httpServer()
	v.accounts()
	for i := range c.HTTP.Tokens {
		v.token(i)
	}
	v.outbox()
	v.deliveries()
	v.deadLetters()
	v.store()
	if c.Drain < 0 {
		v.add("drain", "%v is less than nothing; write for example 20s, or 0s to stop at once", c.Drain)
	}
	v.oneOf("log.level", c.Log.Level, LevelDebug, LevelInfo, LevelWarn, LevelError)
	v.oneOf("log.format", c.Log.Format, LogAuto, LogJSON, LogConsole)
	v.contradictions()
}

// oneOf checks a word that is chosen from a few.
func (v checker) oneOf(key, value string, words ...string) {
	if !slices.Contains(words, value) {
		v.add(key, "%s is not known; write %s", quote(value), Alternatives(words))
	}
}

// someOf checks a list of words that are chosen from a few.
func (v checker) someOf(key string, values []string, words ...string) {
	if len(values) == 0 {
		v.add(key, "is empty; write at least one of %s", strings.Join(words, ", "))
	}
	for i, value := range values {
		element := fmt.Sprintf("%s[%d]", key, i)
		v.oneOf(element, value, words...)
		if slices.Contains(values[:i], value) {
			v.add(element, "%s is in the list twice; keep one", quote(value))
		}
	}
}

// Alternatives joins words as a sentence does.
func Alternatives(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// address checks a host:port and reports whether it is one.
func (v checker) address(key, value, example string) bool {
	host, port, err := net.SplitHostPort(value)
	if err != nil || strings.ContainsAny(host, " /@") || HasControl(host) {
		v.add(key, "%s is not host:port; write for example %s", quote(value), example)
		return false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		v.add(key, "%s has no port number from 0 to 65535; write for example %s", quote(value), example)
		return false
	}
	return true
}

// contradictions checks what is right by itself and wrong together, across
// sections.
func (v checker) contradictions() {
	for i := range v.c.Components {
		component := &v.c.Components[i]
		key := fmt.Sprintf("components[%d]", i)
		if host, port, err := net.SplitHostPort(component.Server); err == nil && v.isOurs(host, port) {
			v.add("http.listen", "%s is the address of %s.server; give one of them another port", quote(v.c.HTTP.Listen), key)
		}
		taken := slices.ContainsFunc(v.c.Endpoints, func(e Endpoint) bool {
			return (e.Component == "" || e.Component == component.Domain) && slices.Contains(e.Stanzas, StanzaPresence)
		})
		if component.Presence == PresenceForward && !taken && !v.isReported("endpoints") {
			v.add(key+".presence", "forward needs an endpoint of this component with presence in its stanzas; add it there, or write auto")
		}
	}
	for i := range v.c.Endpoints {
		if v.isOurAddress(v.c.Endpoints[i].Address) {
			v.add(fmt.Sprintf("endpoints[%d].url", i), "is the address of http.listen: events would come back to us; write the address of the bot")
		}
	}
	for i := range v.c.Rosters {
		if v.isOurAddress(v.c.Rosters[i].Address) {
			v.add(fmt.Sprintf("rosters[%d].url", i), "is the address of http.listen: we would ask ourselves; write the address of the web application")
		}
	}
}

// isOurAddress reports whether requests to an address would come to us.
func (v checker) isOurAddress(a *outbound.Address) bool {
	return a != nil && a.Socket() == "" && v.isOurs(a.Base().Hostname(), portOf(a.Base()))
}

// isOurs reports whether an address is the one we listen on. It does not ask
// the DNS: a name that leads to us unseen is not found.
func (v checker) isOurs(host, port string) bool {
	ourHost, ourPort, err := net.SplitHostPort(v.c.HTTP.Listen)
	if err != nil || port != ourPort || port == "0" {
		return false
	}
	if host, ourHost = withoutNames(host), withoutNames(ourHost); strings.EqualFold(host, ourHost) {
		return true
	}
	ours, err := netip.ParseAddr(ourHost)
	everywhere := ourHost == "" || err == nil && ours.IsUnspecified()
	return everywhere && IsLoopback(host)
}

// withoutNames writes a host with the one name that needs no DNS as an address.
func withoutNames(host string) string {
	if strings.EqualFold(host, "localhost") {
		return "127.0.0.1"
	}
	return host
}

// portOf is the port of a URL, written or not.
func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
