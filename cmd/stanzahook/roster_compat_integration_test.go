//go:build integration && compat

package main

import (
	"os"
	"path/filepath"
	"testing"

	"stanzahook/deploy/lab"
)

// TestRosterCompat refreshes rosters by Prosody's mod_remote_roster, which Debian
// does not have: MODULES is a directory with it. Without privileges it reaches the
// component's own contacts; with them it must not be in the way.
func TestRosterCompat(t *testing.T) {
	modules := os.Getenv("MODULES")
	if _, err := os.Stat(filepath.Join(modules, "mod_remote_roster", "mod_remote_roster.lua")); modules == "" || err != nil {
		t.Fatalf("MODULES=%q: name a directory that has mod_remote_roster/mod_remote_roster.lua in it", modules)
	}
	bot := contact{Name: "Bot", Groups: []string{"Bots", "日本"}, Subscription: "both"}
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
			comp := lab.Component{Domain: c.component + ".localhost", Secret: testSecret, Privileged: c.beyond}
			o := rosterOptions(lab.Prosody, []string{c.user}, comp)
			o.Modules, o.PluginPath = []string{"remote_roster"}, modules
			s := startServer(t, o)
			app := newContactsApp(t)
			own := "bot@" + c.component + ".localhost"
			app.wantAll(t, c.user, contacts{marie: {Name: "Marie", Subscription: "both"}, own: bot})
			p := rosterSetup{component: c.component, backend: c.backend, more: "refresh_on_login: false\n    keep: []"}.keeper(t, s, app)
			client := online(t, s, c.user)
			want := contacts{own: bot}
			if c.beyond {
				want[marie] = contact{Name: "Marie", Subscription: "both"}
			}
			r := p.refresh(c.user, false)
			if v := p.rosterOf(c.user); r.Result != c.result || v.Backend == nil || *v.Backend != c.chosen {
				t.Errorf("%+v by %+v", r, v)
			}
			client.awaitRoster(want)
			client.pushes = 0
			if r := p.refresh(c.user, false); r.Result != map[bool]string{true: "unchanged", false: "degraded"}[c.beyond] || client.takePushes() > 0 {
				t.Errorf("once more: %+v", r)
			}
			app.want(c.user, "{}")
			if r := p.refresh(c.user, false); r.Result != "applied" {
				t.Errorf("removed: %+v", r)
			}
			client.awaitRoster(contacts{})
			t.Logf("%s: %+v", c.chosen, r)
		})
	}
}
