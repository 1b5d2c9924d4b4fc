package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"stanzahook/pkg/form"
	"stanzahook/pkg/stanza"
)

// maxCommands bounds the commands of the file.
const maxCommands = 1000

func (c *Command) check(s scope, before []Command) {
	switch {
	case c.Node == "":
		s.add("node", "is missing; write a short name, as deploy")
	case !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`).MatchString(c.Node):
		s.add("node", "%s is not a name; write up to 63 letters, digits and . _ -, beginning with a letter or digit", quote(c.Node))
	default:
		unique(s, "node", before, func(o *Command) bool { return o.Node == c.Node }, c.Node, "is the node of commands[%d] already; write another")
	}
	if c.Name == "" {
		c.Name = c.Node
	}
	if HasControl(c.Name) || stanza.CheckText(c.Name) >= 0 {
		s.add("name", "has a line break or another control character in it; write one line of text")
	}
	if len(c.Bots) == 0 {
		s.add("bots", "is missing; write which bots have the command, for example [echo@%s]", s.exampleDomain())
	}
	c.BotGlobs = s.patterns("bots", c.Bots, func(name, text, canonical string) {
		if !s.isOfComponent(canonical, "") {
			s.add(name, "%s matches no address of a component; write for example echo@%s", quote(text), s.exampleDomain())
		}
	})
	c.Allowed = s.patterns("allow", c.Allow, func(string, string, string) {})
	c.checkTarget(s)
	c.checkChat(s, before)
	if c.Form != "" {
		c.First = s.readForm("form", string(c.Form))
	}
	c.Others = make(map[string]*form.Form, len(c.Forms))
	for _, name := range slices.Sorted(maps.Keys(c.Forms)) {
		c.Others[name] = s.readForm("forms."+printable(name), c.Forms[name])
	}
}

// checkTarget checks who is asked: an endpoint, which can answer at once, or an address.
func (c *Command) checkTarget(s scope) {
	if c.Timeout <= 0 || c.Timeout > maxTimeout {
		s.add("timeout", "%v is out of range; write more than 0s and at most %v, for example 15s", c.Timeout, maxTimeout)
	}
	switch {
	case s.isSet("url") && s.isSet("endpoint"):
		s.add("url", "does not go with endpoint; remove one of them")
		return
	case s.isSet("url"):
		a, err := parseEndpointURL(c.URL)
		if err != nil {
			s.add("url", "%v", err)
			return
		}
		c.Address = a
		s.reachable("url", a)
		s.elsewhere(a)
		return
	case c.Endpoint == "":
		s.add("endpoint", "is missing; write the name of the endpoint that is asked, or url")
		return
	}
	i := slices.IndexFunc(s.c.Endpoints, func(e Endpoint) bool { return e.Name == c.Endpoint })
	if i < 0 {
		if !s.report.isReported("endpoints") {
			s.add("endpoint", "%s is the name of no endpoint; add one to endpoints, or write url", quote(c.Endpoint))
		}
		return
	}
	switch e := &s.c.Endpoints[i]; {
	case e.URL == "":
		s.add("endpoint", "%s has no url, so it cannot answer at once; write another, or url", quote(c.Endpoint))
	case e.Format != FormatEvent:
		s.add("endpoint", "%s has format %s; commands need format: event", quote(c.Endpoint), e.Format)
	case e.Copy:
		s.add("endpoint", "%s gets copies, and never answers; write another, or url", quote(c.Endpoint))
	case c.Timeout > e.Timeout && s.isSet("timeout"):
		s.add("timeout", "%v is longer than that of the endpoint, %v; write no more, or make that longer", c.Timeout, e.Timeout)
	}
}

func (c *Command) checkChat(s scope, before []Command) {
	switch {
	case c.Chat == "" && !s.isSet("chat"):
	case !regexp.MustCompile(`^/[a-z0-9][a-z0-9_-]{0,30}$`).MatchString(c.Chat):
		s.add("chat", "%s is not the word of a command; write for example /deploy, in small letters", quote(c.Chat))
	case c.Chat == "/help" || c.Chat == "/cancel":
		s.add("chat", "%s has a meaning of its own; write another", c.Chat)
	default:
		// By its node: who makes one by the API sees no list.
		if i := slices.IndexFunc(before, func(o Command) bool { return strings.EqualFold(o.Chat, c.Chat) }); i >= 0 {
			s.add("chat", "%s is the word of the command %s already; write another", quote(c.Chat), quote(before[i].Node))
		}
	}
}

func (cfg *Config) checkCommands(s scope) {
	if n := len(cfg.Commands); n > maxCommands {
		s.add("commands", "has %d elements; write at most %d", n, maxCommands)
		return
	}
	for i := range cfg.Commands {
		cfg.Commands[i].check(s.element("commands", i), cfg.Commands[:i])
	}
}
