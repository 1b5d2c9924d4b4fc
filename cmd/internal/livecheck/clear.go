package livecheck

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
)

// inTheClear warns of secrets and messages that a configuration sends through a
// network without encryption. Loopback is no network.
func inTheClear(cfg *config.Config) []v1.Check {
	var all []v1.Check
	warn := func(what, subject, found, advice string) { all = append(all, warning(what, subject, found, advice)) }
	for i := range cfg.Components {
		c := &cfg.Components[i]
		if host, _, _ := net.SplitHostPort(c.Server); c.TLS.Mode == config.TLSNone && !config.IsLoopback(host) {
			warn("component", c.Domain, "the link to "+c.Server+" is not encrypted: everybody on the way can read and change messages",
				"ejabberd: \"tls: true\" in the listener and tls: {mode: direct} here; Prosody has no TLS for components: run stanzahook on its machine, or keep the link in a network of your own (VPN, tunnel)")
		}
	}
	for i := range cfg.Endpoints {
		e := &cfg.Endpoints[i]
		if name := credential(e.Headers); name != "" && inClear(e.Address) {
			warn("endpoint", e.Name, fmt.Sprintf("the header %s goes to %s without encryption", name, e.Address.Host()), "write an https URL, or let the bot check signing_secrets instead of the header")
		}
	}
	for i := range cfg.Rosters {
		r := &cfg.Rosters[i]
		if inClear(r.Address) {
			if name := credential(r.Headers); name != "" {
				warn("roster", r.Host, fmt.Sprintf("the header %s goes to %s without encryption", name, r.Address.Host()), "write an https URL in rosters[].url")
			}
		}
		if api := r.EjabberdAPI.Address; inClear(api) {
			warn("roster", r.Host, "the password of "+r.EjabberdAPI.User+" goes to "+api.Host()+" without encryption",
				"ejabberd: \"tls: true\" in the listener with mod_http_api, and an https URL in ejabberd_api.url; or run stanzahook on its machine")
		}
	}
	h := &cfg.HTTP
	if host, _, err := net.SplitHostPort(h.Listen); err == nil && h.TLS.CertFile == "" && !config.IsLoopback(host) {
		warn("http", h.Listen, "tokens and messages of callers on other machines are not encrypted", "write http.tls, or listen at 127.0.0.1 behind a reverse proxy that has TLS")
	}
	if a := &h.Basic.Accounts; a.AllowPlain {
		warn("accounts", a.Server, "where the server offers no SCRAM, passwords go to it as they are (allow_plain): who listens there while it is away gets them",
			"let the server have SCRAM and remove http.basic.accounts.allow_plain, or write tls: starttls")
	}
	if p := cfg.Outbound.ProxyURL(); p != nil && p.User != nil && unencrypted(p) {
		warn("outbound", p.Host, "the password of the proxy is not encrypted on the way to it", "write an https URL in outbound.proxy")
	}
	return all
}

// inClear is unencrypted for an address, which may be none. A socket is of this
// machine.
func inClear(a *outbound.Address) bool { return a != nil && unencrypted(a.Base()) }

// unencrypted reports whether requests to a URL leave this machine without encryption.
func unencrypted(u *url.URL) bool { return u.Scheme == "http" && !config.IsLoopback(u.Hostname()) }

// credential is the name of the first header that authenticates the caller; empty if
// there is none.
func credential(headers map[string]secret.String) string {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		lower := strings.ToLower(name)
		for _, word := range [...]string{"auth", "cookie", "token", "key", "secret", "password"} {
			if strings.Contains(lower, word) {
				return name
			}
		}
	}
	return ""
}
