//go:build integration && compat

package roster

import (
	"os"
	"path/filepath"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// TestRosterCompat refreshes rosters by Prosody's mod_remote_roster, which Debian
// does not have: MODULES is a directory with it. Without privileges it reaches the
// component's own contacts; with them it must not be in the way.
func TestRosterCompat(t *testing.T) {
	modules := os.Getenv("MODULES")
	if _, err := os.Stat(filepath.Join(modules, "mod_remote_roster", "mod_remote_roster.lua")); modules == "" || err != nil {
		t.Fatalf("MODULES=%q: name a directory that has mod_remote_roster/mod_remote_roster.lua in it", modules)
	}
	bot := harness.Contact{Name: "Bot", Groups: []string{"Bots", "日本"}, Subscription: "both"}
	for _, c := range []struct {
		component, backend, user, chosen, result string
		beyond                                   bool // contacts elsewhere are set too
	}{
		{"plain", "auto", "ann", "remote-roster", "degraded", false},
		{"plain", "remote-roster", "ann", "remote-roster", "degraded", false},
		{"both", "auto", "ben", "privilege", "applied", true},
	} {
		t.Run(c.component+" "+c.backend, func(t *testing.T) {
			// Where mod_privilege is loaded, it may be the one that answers, and
			// refuses: who has no privileges needs a server without it.
			comp := lab.Component{Domain: c.component + ".localhost", Secret: harness.Secret, Privileged: c.beyond}
			o := harness.RosterOptions(lab.Prosody, []string{c.user}, comp)
			o.Modules, o.PluginPath = []string{"remote_roster"}, modules
			s := harness.StartServer(t, o)
			app := harness.NewContactsApp(t)
			own := "bot@" + c.component + ".localhost"
			app.WantAll(t, c.user, harness.Contacts{marie: {Name: "Marie", Subscription: "both"}, own: bot})
			p := harness.RosterSetup{Component: c.component, Backend: c.backend, More: "refresh_on_login: false\n    keep: []"}.Launch(t, s, app)
			client := harness.Online(t, s, c.user)
			want := harness.Contacts{own: bot}
			if c.beyond {
				want[marie] = harness.Contact{Name: "Marie", Subscription: "both"}
			}
			r := p.RefreshRoster(c.user, false)
			if v := p.Roster(c.user); r.Result != c.result || v.Backend == nil || *v.Backend != c.chosen {
				t.Errorf("%+v by %+v", r, v)
			}
			client.AwaitRoster(want)
			client.Pushes = 0
			if r := p.RefreshRoster(c.user, false); r.Result != map[bool]string{true: "unchanged", false: "degraded"}[c.beyond] || client.TakePushes() > 0 {
				t.Errorf("once more: %+v", r)
			}
			app.Want(c.user, "{}")
			if r := p.RefreshRoster(c.user, false); r.Result != "applied" {
				t.Errorf("removed: %+v", r)
			}
			client.AwaitRoster(harness.Contacts{})
			t.Logf("%s: %+v", c.chosen, r)
		})
	}
}
