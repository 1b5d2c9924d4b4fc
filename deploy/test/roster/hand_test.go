//go:build integration

package roster

import (
	"fmt"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A user renames, removes and adds contacts himself. The web application wins at
// the next refresh; whether it takes away what it does not know depends on the
// mode.
func TestRosterByHand(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.RosterOptions(kind, []string{"ann0", "ann1"}, harness.Privileged("authority"), harness.Privileged("addition")))
		for i, mode := range []string{"authoritative", "additive"} {
			t.Run(mode, func(t *testing.T) {
				app := harness.NewContactsApp(t)
				setup := harness.RosterSetup{Component: []string{"authority", "addition"}[i], API: kind == lab.Ejabberd, More: "refresh_on_login: false\n    mode: " + mode}
				file := setup.Write(t, t.TempDir(), s, app)
				p := harness.LaunchLinked(t, file)
				ann := harness.Online(t, s, fmt.Sprintf("ann%d", i))
				edited(t, p, ann, app, setup.Component, mode)
				if mode == "additive" {
					remembered(t, p, ann, app, file)
				}
			})
		}
	})
}

// edited does a user's changes, and refreshes.
func edited(t *testing.T, p *harness.Program, ann *harness.RosterClient, app *harness.ContactsApp, component, mode string) {
	t.Helper()
	user := ann.Name()
	want := harness.Contacts{marie: {Name: "Marie", Groups: []string{"Friends"}, Subscription: "both"}, "pierre@localhost": {Name: "Pierre", Groups: nil, Subscription: "both"}}
	app.WantAll(t, user, want)
	if r := p.RefreshRoster(user, false); r.Result != "applied" {
		t.Fatalf("%+v", r)
	}
	ann.AwaitRoster(want)

	bot := "bot@" + component + ".localhost"
	ann.ByHand("jid='" + marie + "' name='My own name'")
	ann.ByHand("jid='pierre@localhost' subscription='remove'")
	ann.ByHand("jid='own@localhost' name='Own'")
	ann.ByHand("jid='" + bot + "' name='Bot'")
	if ann.Have[marie].Name != "My own name" || len(ann.Have) != 3 {
		t.Fatalf("the user has %s", ann.Have)
	}

	if r := p.RefreshRoster(user, false); r.Result != "applied" {
		t.Errorf("%+v", r)
	}
	ann.Settle()
	// Contacts at our own component are kept by default.
	want[bot] = harness.Contact{Name: "Bot", Groups: nil, Subscription: "none"}
	if mode == "additive" {
		want["own@localhost"] = harness.Contact{Name: "Own", Groups: nil, Subscription: "none"}
	}
	if ann.Have.String() != want.String() {
		t.Errorf("after the refresh the user has %s, want %s", ann.Have, want)
	}
	ann.Pushes = 0
	if r, n := p.RefreshRoster(user, false), ann.TakePushes(); r.Result != "unchanged" || n > 0 {
		t.Errorf("once more: %+v, %d pushes", r, n)
	}
}

// remembered: which contacts are the web application's is known after a restart,
// and also that one was the user's own before the application named it.
func remembered(t *testing.T, p *harness.Program, ann *harness.RosterClient, app *harness.ContactsApp, file string) {
	t.Helper()
	user := ann.Name()
	app.WantAll(t, user, harness.Contacts{"own@localhost": {Name: "Named by both", Subscription: "both"}, marie: {Name: "Marie", Subscription: "both"}, "pierre@localhost": {Name: "Pierre", Subscription: "both"}})
	if r := p.RefreshRoster(user, false); r.Result != "applied" {
		t.Errorf("%+v", r)
	}
	p.StopWell()
	p = harness.LaunchLinked(t, file)
	app.Want(user, "{}")
	if d := p.RosterDiff(user); len(d.Add) > 0 || len(d.Change) > 0 || len(d.Remove) != 2 {
		t.Errorf("after the restart the difference is %s", d)
	}
	if r := p.RefreshRoster(user, false); r.Result != "applied" {
		t.Errorf("%+v", r)
	}
	ann.Settle()
	if _, bot := ann.Have["bot@addition.localhost"]; len(ann.Have) != 2 || !bot || ann.Have["own@localhost"].Name != "Named by both" {
		t.Errorf("when the application wants nobody, the user has %s", ann.Have)
	}
}
