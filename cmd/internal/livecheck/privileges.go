package livecheck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"stanzahook/cmd/internal/config"
	"stanzahook/component"
	"stanzahook/component/privilege"
	"stanzahook/httpapi/v1"
)

// privileges checks what hosts of the server grant a component (XEP-0356), and
// what of the configuration does not work without it.
func (i *Inspection) privileges(ctx context.Context, link *component.Link, domain string) []v1.Check {
	grants := i.Grants[domain]
	// The server tells a new connection its grants a moment later.
	if host := i.serverOf(domain); host != "" {
		grants.GrantedSoon(ctx, link, host)
	}
	var all []v1.Check
	seen := make(map[string]bool)
	for n := range i.Config.Rosters {
		if c := &i.Config.Rosters[n]; c.Component == domain {
			seen[c.Host] = true
			all = append(all, rosterPrivileges(c, grants.GrantedSoon(ctx, link, c.Host)))
		}
	}
	for _, host := range i.Config.HTTP.Basic.Accounts.Hosts {
		if seen[host] {
			continue
		}
		seen[host] = true
		found := "messages: /msg sends as users of " + host
		if !grants.GrantedSoon(ctx, link, host).MaySend() {
			found = "none: /msg sends as users of " + host + " over logins of their own"
		}
		all = append(all, fine("privileges", domain, found))
	}
	granted := grants.All()
	for _, host := range slices.Sorted(maps.Keys(granted)) {
		if !seen[host] {
			all = append(all, fine("privileges", domain, fmt.Sprintf("%s grants %s; the configuration uses none of it", host, granted[host])))
		}
	}
	if len(all) == 0 {
		all = append(all, fine("privileges", domain, "none granted, and none needed"))
	}
	return all
}

// rosterPrivileges says what of a host's rosters does not work with what the
// host grants.
func rosterPrivileges(c *config.Roster, g privilege.Grants) v1.Check {
	var inactive []string
	verdict := warning
	byAPI := c.EjabberdAPI.URL != "" || c.Backend == config.BackendEjabberdAPI
	switch {
	case byAPI || g.Roster == "both":
	case c.Backend == config.BackendPrivilege:
		verdict, inactive = failing, append(inactive, "rosters cannot be changed")
	case c.Backend == config.BackendAuto && g.Roster == "":
		inactive = append(inactive, "of rosters, at most the component's own contacts can be changed (where the server has XEP-0321)")
	case c.Backend == config.BackendAuto:
		inactive = append(inactive, "rosters cannot be changed, with "+g.Roster+" alone")
	}
	if c.RefreshOnLogin && g.Presence == "" {
		inactive = append(inactive, "logins are not seen, so they refresh no roster (refresh_on_login)")
	}
	found := c.Host + " grants " + g.String()
	if len(inactive) == 0 {
		return fine("privileges", c.Component, found)
	}
	return verdict("privileges", c.Component, found+": "+strings.Join(inactive, ", and "), fmt.Sprintf(
		"Prosody: \"privilege\" in modules_enabled of VirtualHost %q and of Component %q, and in the first privileged_entities = { [%[2]q] = { roster = \"both\"; message = \"outgoing\"; presence = \"managed_entity\" } }; ejabberd: mod_privilege with these for %[2]s; \"stanzahook init --host\" prints them in full",
		c.Host, c.Component))
}
