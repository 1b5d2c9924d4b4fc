package config

import (
	"slices"
	"strings"

	"stanzahook/pkg/jid"
)

// ServerHosts are the hosts of the server, besides the one that a component is a
// subdomain of: what they say about privileges counts.
func (cfg *Config) ServerHosts(component string) []string {
	hosts := slices.Clone(cfg.HTTP.Basic.Accounts.Hosts)
	for _, c := range cfg.Rosters {
		if c.Component == component {
			hosts = append(hosts, c.Host)
		}
	}
	return hosts
}

// HostsBehind are the hosts of the server that matter to a component: those of
// the users whose rosters and passwords it has, and the domain above its own, unless that
// is one under which anybody may have a domain, such as com. A host
// of two components matters to the first only.
func (cfg *Config) HostsBehind(domain string) []jid.JID {
	seen := make(map[string]bool)
	for i := range cfg.Components {
		c := cfg.Components[i].Domain
		own := cfg.hostsOf(c, seen)
		if c == domain {
			return own
		}
	}
	return nil
}

// AllHostsBehind are the hosts behind a component, also those that matter to another one.
func (cfg *Config) AllHostsBehind(domain string) []jid.JID {
	return cfg.hostsOf(domain, make(map[string]bool))
}

// hostsOf are the hosts behind a component that were not seen before.
func (cfg *Config) hostsOf(component string, seen map[string]bool) []jid.JID {
	var own []jid.JID
	hosts := cfg.ServerHosts(component)
	if parent := Parent(component); !jid.IsSuffix(parent) {
		hosts = append(hosts, parent)
	}
	for _, host := range hosts {
		if j, err := jid.Parse(host); err == nil && !seen[j.Domain()] {
			seen[j.Domain()] = true
			own = append(own, j)
		}
	}
	return own
}

// Parent is the domain above another; empty if there is none.
func Parent(domain string) string {
	_, parent, _ := strings.Cut(domain, ".")
	return parent
}

// OwnHosts are the domains whose users count one by one: those of the configuration
// and the components' parents. A parent under which anybody may have a domain, such
// as com or co.uk, is none of ours.
func (cfg *Config) OwnHosts() []string {
	hosts := slices.Clone(cfg.HTTP.Basic.Accounts.Hosts)
	for _, c := range cfg.Rosters {
		hosts = append(hosts, c.Host)
	}
	for _, c := range cfg.Components {
		hosts = append(hosts, c.Domain)
		if parent := Parent(c.Domain); parent != "" && !jid.IsSuffix(parent) {
			hosts = append(hosts, parent)
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}
