package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
)

func (r *Roster) check(s scope, before []Roster) {
	r.checkHost(s, before)
	r.checkComponent(s)
	if a, err := parseRosterURL(r.URL); err != nil {
		s.add("url", "%v", err)
	} else {
		r.Address = a
		s.reachable("url", a)
	}
	r.TLS.check(s.in("tls"), r.Address)
	s.oneOf("backend", r.Backend, BackendAuto, BackendPrivilege, BackendRemote, BackendEjabberdAPI)
	r.EjabberdAPI.check(s.in("ejabberd_api"), r.Backend)
	s.oneOf("mode", r.Mode, ModeAuthoritative, ModeAdditive)
	r.checkKeep(s)
	if r.Interval < 0 || r.Interval > 0 && r.Interval < minInterval {
		s.add("interval", "%v is too often; write %v or more, or 0s for none", r.Interval, minInterval)
	}
	s.in("headers").headers(r.Headers, "If-None-Match", "User-Agent")
	s.requests(r.Timeout, r.Concurrency, "10s")
}

func (r *Roster) checkHost(s scope, before []Roster) {
	if r.Host == "" {
		s.add("host", "is missing; write the domain of the users, for example example.com")
		return
	}
	if !s.domain("host", &r.Host, "example.com") {
		return
	}
	unique(s, "host", before, func(other *Roster) bool { return other.Host == r.Host }, r.Host,
		"is the host of rosters[%d] already; a roster has one source")
	unique(s, "host", s.c.Components, func(c *Component) bool { return c.Domain == r.Host }, r.Host,
		"is the domain of components[%d], whose addresses have no rosters; write the domain of the users")
}

// checkComponent checks whose privileges are used.
func (r *Roster) checkComponent(s scope) {
	switch domains := s.component(&r.Component); {
	case len(domains) == 0:
	case r.Component == "" && len(domains) == 1:
		r.Component = domains[0]
	case r.Component == "":
		s.add("component", "is missing, and there are several components; write the one that the server lets change rosters, %s", Alternatives(domains))
	case !slices.Contains(domains, r.Component):
		s.add("component", "%s is not the domain of a component; write %s", quote(r.Component), Alternatives(domains))
	}
}

// parseRosterURL checks the address of a web application. Its errors do not
// show it: it may have a password in it.
func parseRosterURL(text string) (*outbound.Address, error) {
	if text == "" {
		return nil, errors.New("is missing; write for example https://app.example.com/contacts/%s")
	}
	if !strings.Contains(text, roster.Placeholder) {
		return nil, errors.New("has no %s in it, where the user's name goes; write for example https://app.example.com/contacts/%s")
	}
	if strings.ContainsAny(text, "{}") {
		return nil, errors.New("has a brace in it; %s is where the user's name goes, and a brace itself is %7B or %7D")
	}
	a, err := outbound.ParseAddress(text, roster.Placeholder)
	switch {
	case errors.Is(err, outbound.ErrNotAddress):
		return nil, fmt.Errorf("%w; write for example https://app.example.com/contacts/%%s", err)
	case errors.Is(err, outbound.ErrPlaceholderHost):
		return nil, errors.New("has %s in the host, which must not come from a user's name; put it into the path or the query")
	case err == nil && !a.HasPlaceholders():
		return nil, errors.New("has no %s in its path or query, where the user's name goes; write for example https://app.example.com/contacts/%s")
	}
	return a, err
}

func (api *EjabberdAPI) check(s scope, backend string) {
	if !s.isSet("") {
		if backend == BackendEjabberdAPI {
			s.add("", "is missing, and backend is ejabberd-api; write its url, user, and password or password_file")
		}
		return
	}
	if backend == BackendPrivilege || backend == BackendRemote {
		s.add("", "has no effect with backend: %s; write auto or ejabberd-api, or remove it", backend)
	}
	api.URL = strings.TrimSuffix(api.URL, "/")
	if strings.HasPrefix(api.URL, "unix:") && strings.Count(api.URL, ":") == 1 {
		api.URL += ":" // the commands follow behind it
	}
	switch a, err := outbound.ParseAddress(api.URL); {
	case api.URL == "":
		s.add("url", "is missing; write for example http://127.0.0.1:5281/api")
	case err != nil || strings.ContainsAny(api.URL, "?{}"):
		s.add("url", "is not an http or https URL without a query; write for example http://127.0.0.1:5281/api")
	default:
		api.Address = a
		s.reachable("url", a)
	}
	api.TLS.check(s.in("tls"), api.Address)
	if j, err := jid.Parse(api.User); err != nil || j.Local() == "" || !j.IsBare() {
		s.add("user", "%s is not the address of an account; write for example admin@example.com", quote(api.User))
	} else {
		api.User = j.String()
	}
	s.secretOrFile("password", &api.Password, &api.PasswordFile)
}

// checkKeep checks the contacts that are never removed. Where there are none, they are
// those at our components: bots that a user has added himself.
func (r *Roster) checkKeep(s scope) {
	given := s.isSet("keep")
	if !given {
		for i := range s.c.Components {
			r.Keep = append(r.Keep, s.c.Components[i].Domain)
		}
	}
	for i, text := range r.Keep {
		g, err := jid.ParseGlob(text)
		if err == nil {
			r.KeepGlobs = append(r.KeepGlobs, g)
		} else if given {
			s.add(at("keep", i), "%s is not a pattern of addresses; write for example *@bot.example.com", quote(text))
		}
	}
}
