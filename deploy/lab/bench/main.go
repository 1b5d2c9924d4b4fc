//go:build linux

// Command bench measures how fast stanzahook is on real servers, beside others that do
// the same: see "make bench". Its arguments are what to measure (path, nats, post, roster,
// endpoints, rooms, start; all of them by default), or "figures" for the tables of what was measured.
package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

func main() {
	if slices.Equal(os.Args[1:], []string{"figures"}) {
		exit(harness.Measure("figures", func(m *harness.Measurement) { figures(m) }))
	}
	exit(harness.Measure("bench", func(m *harness.Measurement) {
		harness.WithoutRace(m)
		onServers(m, "post", postSpeed)
		onServers(m, "path", pathSpeed)
		onServers(m, "nats", natsSpeed)
		onServers(m, "roster", rosterSpeed)
		if wanted("endpoints") {
			m.Run("endpoints", func(m *harness.Measurement) { endpointsSpeed(m) })
		}
		if wanted("rooms") {
			m.Run("rooms", func(m *harness.Measurement) { roomsCost(m) })
		}
		onServers(m, "rooms", roomsSpeed)
		for _, n := range []int{0, 100_000, 1_000_000} {
			if wanted("start") {
				m.Run("start/"+strconv.Itoa(n), func(m *harness.Measurement) { startSpeed(m, n) })
			}
		}
	}))
}

// onServers measures on one server after the other.
func onServers(m *harness.Measurement, name string, measure func(t testing.TB, kind lab.Kind)) {
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		if wanted(name) {
			m.Run(name+"/"+string(kind), func(m *harness.Measurement) { measure(m, kind) })
		}
	}
}

func wanted(name string) bool { return len(os.Args) == 1 || slices.Contains(os.Args[1:], name) }

func exit(ok bool) {
	if !ok {
		os.Exit(1)
	}
	os.Exit(0)
}

// others are the modules of MODULES that do the same; nil if that is not set.
type others struct{ *harness.Modules }

func modulesAtHand(t testing.TB) *others {
	t.Helper()
	if os.Getenv("MODULES") == "" {
		t.Log("MODULES names no directory with the Prosody modules: ours is measured alone")
		return nil
	}
	return &others{harness.FindModules(t, "mod_rest", "mod_component_http", "mod_post_msg", "mod_http_roster_admin", "mod_block_subscriptions")}
}

// join puts the modules into the options of a Prosody: mod_rest at modrest.localhost and
// mod_component_http at modhttp.localhost, with a bot, and mod_post_msg at the users' host.
func (m *others) join(o *lab.Options, bot string) {
	o.Modules, o.PluginPath = append(o.Modules, "post_msg"), m.Own
	o.Edit = func(config []byte) ([]byte, error) {
		return fmt.Appendf(nil, `%s
%s	rest_callback_url = %[3]q
	rest_callback_content_type = "application/json"
Component "modhttp.localhost" "component_http"
	component_post_url = %[3]q
`, m.WithHTTP(config, ""), m.Rest("modrest.localhost"), bot), nil
	}
}
