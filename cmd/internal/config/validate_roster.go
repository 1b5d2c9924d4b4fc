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

// roster checks one host's rosters.
func (v checker) roster(i int) {
	r := &v.c.Rosters[i]
	key := fmt.Sprintf("rosters[%d]", i)

	v.rosterHost(i)
	v.rosterComponent(i)
	if a, err := parseRosterURL(r.URL); err != nil {
		v.add(key+".url", "%v", err)
	} else {
		r.Address = a
		v.reachable(key+".url", a)
	}
	v.clientTLS(key+".tls", &r.TLS, r.Address)
	v.oneOf(key+".backend", r.Backend, BackendAuto, BackendPrivilege, BackendRemote, BackendEjabberdAPI)
	v.ejabberdAPI(key, r)
	v.oneOf(key+".mode", r.Mode, ModeAuthoritative, ModeAdditive)
	v.kept(key+".keep", r)
	if r.Interval < 0 || r.Interval > 0 && r.Interval < minInterval {
		v.add(key+".interval", "%v is too often; write %v or more, or 0s for none", r.Interval, minInterval)
	}
	v.headers(key+".headers", r.Headers, "If-None-Match", "User-Agent")
	if t := r.Timeout; t <= 0 || t > maxTimeout {
		v.add(key+".timeout", "%v is out of range; write more than 0s and at most %v, for example 10s", t, maxTimeout)
	}
	if n := r.Concurrency; n < 1 || n > maxConcurrency {
		v.add(key+".concurrency", "%d is not between 1 and %d", n, maxConcurrency)
	}
}

// rosterHost checks the host, and brings it to its canonical form.
func (v checker) rosterHost(i int) {
	r := &v.c.Rosters[i]
	key := fmt.Sprintf("rosters[%d].host", i)
	if r.Host == "" {
		v.add(key, "is missing; write the domain of the users, for example example.com")
		return
	}
	j, err := jid.Parse(r.Host)
	if err != nil || !j.IsDomain() {
		v.add(key, "%s is not a domain; write for example example.com", quote(r.Host))
		return
	}
	r.Host = j.Domain()
	for before := range i {
		if v.c.Rosters[before].Host == r.Host {
			v.add(key, "%s is the host of rosters[%d] already; a roster has one source", quote(r.Host), before)
		}
	}
	for c := range v.c.Components {
		if v.c.Components[c].Domain == r.Host {
			v.add(key, "%s is the domain of components[%d], whose addresses have no rosters; write the domain of the users", quote(r.Host), c)
		}
	}
}

// rosterComponent checks whose privileges are used.
func (v checker) rosterComponent(i int) {
	r := &v.c.Rosters[i]
	key := fmt.Sprintf("rosters[%d].component", i)
	if j, err := jid.Parse(r.Component); err == nil && j.IsDomain() {
		r.Component = j.Domain()
	}
	var domains []string
	for c := range v.c.Components {
		if v.isReported(fmt.Sprintf("components[%d].domain", c)) {
			return // it may be the one that is meant
		}
		domains = append(domains, v.c.Components[c].Domain)
	}
	switch {
	case len(domains) == 0:
	case r.Component == "" && len(domains) == 1:
		r.Component = domains[0]
	case r.Component == "":
		v.add(key, "is missing, and there are several components; write the one that the server lets change rosters, %s", Alternatives(domains))
	case !slices.Contains(domains, r.Component):
		v.add(key, "%s is not the domain of a component; write %s", quote(r.Component), Alternatives(domains))
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

// ejabberdAPI checks the section of ejabberd's HTTP API.
func (v checker) ejabberdAPI(rosterKey string, r *Roster) {
	key, api := rosterKey+".ejabberd_api", &r.EjabberdAPI
	if !v.isSet(key) {
		if r.Backend == BackendEjabberdAPI {
			v.add(key, "is missing, and backend is ejabberd-api; write its url, user, and password or password_file")
		}
		return
	}
	if r.Backend == BackendPrivilege || r.Backend == BackendRemote {
		v.add(key, "has no effect with backend: %s; write auto or ejabberd-api, or remove it", r.Backend)
	}
	api.URL = strings.TrimSuffix(api.URL, "/")
	if strings.HasPrefix(api.URL, "unix:") && strings.Count(api.URL, ":") == 1 {
		api.URL += ":" // the commands follow behind it
	}
	switch a, err := outbound.ParseAddress(api.URL); {
	case api.URL == "":
		v.add(key+".url", "is missing; write for example http://127.0.0.1:5280/api")
	case err != nil || strings.ContainsAny(api.URL, "?{}"):
		v.add(key+".url", "is not an http or https URL without a query; write for example http://127.0.0.1:5280/api")
	default:
		api.Address = a
		v.reachable(key+".url", a)
	}
	v.clientTLS(key+".tls", &api.TLS, api.Address)
	if j, err := jid.Parse(api.User); err != nil || j.Local() == "" || !j.IsBare() {
		v.add(key+".user", "%s is not the address of an account; write for example admin@example.com", quote(api.User))
	} else {
		api.User = j.String()
	}
	if s, path, ok := v.secretOrFile(key, "password", api.Password, api.PasswordFile); ok {
		api.Password, api.PasswordFile = s, path
	}
}

// kept checks the contacts that are never removed. Where there are none, they
// are those at our components: bots that a user has added himself.
func (v checker) kept(key string, r *Roster) {
	if !v.isSet(key) {
		for c := range v.c.Components {
			r.Keep = append(r.Keep, v.c.Components[c].Domain)
		}
	}
	for i, text := range r.Keep {
		g, err := jid.ParseGlob(text)
		if err != nil {
			if v.isSet(key) {
				v.add(fmt.Sprintf("%s[%d]", key, i), "%s is not a pattern of addresses; write for example *@bot.example.com", quote(text))
			}
			continue
		}
		r.KeepGlobs = append(r.KeepGlobs, g)
	}
}
