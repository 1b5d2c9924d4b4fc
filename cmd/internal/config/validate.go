package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
)

// The largest values that are accepted. What is beyond them is a slip in the unit, or
// would let one stanza or request fill the memory.
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

// scope is a section whose check reports problems by the names of its keys. A check
// reads the files that the section names, and brings names to their canonical form:
// checks that compare two keys rely on that, so they come after those of single keys.
type scope struct {
	*report
	c     *Config
	files fileReader
	path  string // of the section; "" for the whole file
}

// key is the path of a key of the section; "" is the section itself.
func (s scope) key(name string) string {
	if name == "" {
		return s.path
	}
	return join(s.path, name)
}

func (s scope) in(name string) scope {
	s.path = s.key(name)
	return s
}

func (s scope) element(name string, i int) scope { return s.in(at(name, i)) }

// at is the name of an element of a list.
func at(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

func (s scope) add(name, format string, args ...any) { s.report.add(s.key(name), format, args...) }
func (s scope) isSet(name string) bool               { return s.report.isSet(s.key(name)) }
func (s scope) isReported(name string) bool          { return s.report.isReported(s.key(name)) }

func validate(r *report, c *Config, files fileReader) {
	s := scope{r, c, files, ""}
	if len(c.Components) == 0 {
		s.add("components", "at least one is needed; write its domain, and secret or secret_file")
	}
	for i := range c.Components {
		c.Components[i].check(s.element("components", i), c.Components[:i])
	}
	c.Outbound.check(s.in("outbound")) // before the endpoints, whose addresses it allows
	for i := range c.Endpoints {
		c.Endpoints[i].check(s.element("endpoints", i), c.Endpoints[:i])
	}
	for i := range c.Rosters {
		c.Rosters[i].check(s.element("rosters", i), c.Rosters[:i])
	}
	for i := range c.Rooms {
		c.Rooms[i].check(s.element("rooms", i), c.Rooms[:i])
	}
	c.RoomPolicy.check(s.in("room_policy"))
	c.checkBots(s)
	c.checkCommands(s)
	c.HTTP.check(s.in("http"))
	c.MCP.check(s.in("mcp"))
	for i := range c.Hooks { // behind the listener, on which depends whether they need a secret
		c.Hooks[i].check(s.element("hooks", i), c.Hooks[:i])
	}
	c.Outbox.check(s.in("outbox"))
	c.Deliveries.check(s.in("deliveries"))
	c.DeadLetters.check(s.in("dead_letters"))
	c.Store.check(s.in("store"))
	c.Replica.check(s.in("replica"))
	c.Traces.check(s.in("traces"))
	if c.Drain < 0 {
		s.add("drain", "%v is less than nothing; write for example 20s, or 0s to stop at once", c.Drain)
	}
	s.oneOf("log.level", c.Log.Level, LevelDebug, LevelInfo, LevelWarn, LevelError)
	s.oneOf("log.format", c.Log.Format, LogAuto, LogJSON, LogConsole)
	s.contradictions()
}

// oneOf checks a word that is chosen from a few.
func (s scope) oneOf(name, value string, words ...string) {
	if !slices.Contains(words, value) {
		s.add(name, "%s is not known; write %s", quote(value), Alternatives(words))
	}
}

// someOf checks a list of words that are chosen from a few.
func (s scope) someOf(name string, values []string, words ...string) {
	if len(values) == 0 {
		s.add(name, "is empty; write at least one of %s", strings.Join(words, ", "))
	}
	for i, value := range values {
		s.oneOf(at(name, i), value, words...)
		s.once(name, values, i)
	}
}

// once checks that an element of a list is not in it before.
func (s scope) once(name string, values []string, i int) {
	if slices.Contains(values[:i], values[i]) {
		s.add(at(name, i), "%s is in the list twice; keep one", quote(values[i]))
	}
}

// unique checks that no element before this one has the same value. The text has the
// place of the other behind the value.
func unique[T any](s scope, name string, before []T, same func(*T) bool, value, text string) {
	for i := range before {
		if same(&before[i]) {
			s.add(name, "%s "+text, quote(value), i)
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
func (s scope) address(name, value, example string) bool {
	host, port, err := net.SplitHostPort(value)
	if err != nil || strings.ContainsAny(host, " /@") || HasControl(host) {
		s.add(name, "%s is not host:port; write for example %s", quote(value), example)
		return false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		s.add(name, "%s has no port number from 0 to 65535; write for example %s", quote(value), example)
		return false
	}
	return true
}

// domain brings a domain to its canonical form, and reports whether it is one.
func (s scope) domain(name string, value *string, example string) bool {
	j, err := jid.Parse(*value)
	if err != nil || !j.IsDomain() {
		s.add(name, "%s is not a domain; write for example %s", quote(*value), example)
		return false
	}
	*value = j.Domain()
	return true
}

// component brings the domain of a component to its canonical form, and returns all
// domains that it may be; none if a component has a wrong domain, which may be the one
// that is meant.
func (s scope) component(value *string) (domains []string) {
	if j, err := jid.Parse(*value); err == nil && j.IsDomain() {
		*value = j.Domain()
	}
	for i := range s.c.Components {
		if s.report.isReported(at("components", i) + ".domain") {
			return nil
		}
		domains = append(domains, s.c.Components[i].Domain)
	}
	return domains
}

// requests checks how requests to a web server are made.
func (s scope) requests(timeout time.Duration, concurrency int, example string) {
	if timeout <= 0 || timeout > maxTimeout {
		s.add("timeout", "%v is out of range; write more than 0s and at most %v, for example %s", timeout, maxTimeout, example)
	}
	if concurrency < 1 || concurrency > maxConcurrency {
		s.add("concurrency", "%d is not between 1 and %d", concurrency, maxConcurrency)
	}
}

// HasControl reports whether a text has a control character in it.
func HasControl(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }

// contradictions checks keys of several sections that are right by themselves and wrong
// together.
func (s scope) contradictions() {
	for i := range s.c.Components {
		component, key := &s.c.Components[i], at("components", i)
		if host, port, err := net.SplitHostPort(component.Server); err == nil && s.c.HTTP.isOurs(host, port) {
			s.add("http.listen", "%s is the address of %s.server; give one of them another port", quote(s.c.HTTP.Listen), key)
		}
		forwarded := slices.ContainsFunc(s.c.Endpoints, func(e Endpoint) bool {
			return (e.Component == "" || e.Component == component.Domain) && slices.Contains(e.Stanzas, StanzaPresence)
		})
		if component.Presence == PresenceForward && !forwarded && !s.isReported("endpoints") {
			s.add(key+".presence", "forward needs an endpoint of this component with presence in its stanzas; add it there, or write auto")
		}
	}
	for i := range s.c.Endpoints {
		s.element("endpoints", i).elsewhere(s.c.Endpoints[i].Address)
	}
	for i := range s.c.Rosters {
		if s.c.HTTP.isOurAddress(s.c.Rosters[i].Address) {
			s.add(at("rosters", i)+".url", "is the address of http.listen: stanzahook would ask itself; write the address of the web application")
		}
	}
}

// elsewhere checks that the events of an endpoint would not come to us.
func (s scope) elsewhere(a *outbound.Address) {
	if s.c.HTTP.isOurAddress(a) {
		s.add("url", "is the address of http.listen: stanzahook would get its own events; write the address of the bot")
	}
}

// isOurAddress reports whether requests to an address would come to us.
func (h *HTTP) isOurAddress(a *outbound.Address) bool {
	return a != nil && a.Socket() == "" && h.isOurs(a.Base().Hostname(), portOf(a.Base()))
}

// isOurs reports whether an address is the one that the HTTP server listens on. It asks
// no DNS: it does not find a name that leads to us.
func (h *HTTP) isOurs(host, port string) bool {
	ourHost, ourPort, err := net.SplitHostPort(h.Listen)
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
