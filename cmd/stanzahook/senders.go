package main

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"stanzahook/cmd/internal/config"
)

// ownHosts are the domains whose users count one by one: those of the configuration
// and the components' parents. A parent under which anybody may have a domain, such
// as com or co.uk, is none of ours.
func ownHosts(cfg *config.Config) []string {
	hosts := slices.Clone(cfg.HTTP.Basic.Accounts.Hosts)
	for _, c := range cfg.Rosters {
		hosts = append(hosts, c.Host)
	}
	for _, c := range cfg.Components {
		hosts = append(hosts, c.Domain)
		if _, parent, _ := strings.Cut(c.Domain, "."); parent != "" && !isSuffix(parent) {
			hosts = append(hosts, parent)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// isSuffix reports whether a domain is one under which others are registered.
func isSuffix(domain string) bool {
	suffix, registered := publicsuffix.PublicSuffix(domain)
	return suffix == domain && (registered || strings.Contains(domain, "."))
}
