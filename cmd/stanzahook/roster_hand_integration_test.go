//go:build integration

package main

import (
	"fmt"
	"testing"

	"stanzahook/deploy/lab"
)

// byHand is what a user's own client does with a contact.
func (c *rosterClient) byHand(item string) {
	c.t.Helper()
	c.fences++
	id := fmt.Sprintf("by-hand-%d", c.fences)
	c.send("<iq type='set' id='%s'><query xmlns='jabber:iq:roster'><item %s/></query></iq>", id, item)
	if r := c.next("the answer to a roster set", func(r lab.Received) bool { return r.ID == id }); r.Type != "result" {
		c.t.Fatalf("the server does not take <item %s/>: %+v", item, r)
	}
	c.settle()
}

// A user renames, removes and adds contacts himself. The web application wins at
// the next refresh; whether it takes away what it does not know depends on the
// mode.
func TestRosterByHand(t *testing.T) {
	onServers(t, func(t *testing.T, kind lab.Kind) {
		s := startServer(t, rosterOptions(kind, []string{"ann0", "ann1"}, granted("authority"), granted("addition")))
		for i, mode := range []string{"authoritative", "additive"} {
			t.Run(mode, func(t *testing.T) {
				app := newContactsApp(t)
				setup := rosterSetup{component: []string{"authority", "addition"}[i], api: kind == lab.Ejabberd, more: "refresh_on_login: false\n    mode: " + mode}
				file := setup.write(t, t.TempDir(), s, app)
				p := launchFile(t, file)
				p.awaitLinks(1)
				ann := online(t, s, fmt.Sprintf("ann%d", i))
				edited(t, p, ann, app, setup.component, mode)
				if mode == "additive" {
					remembered(t, p, ann, app, file)
				}
			})
		}
	})
}

// edited does a user's changes, and refreshes.
func edited(t *testing.T, p *program, ann *rosterClient, app *contactsApp, component, mode string) {
	t.Helper()
	user := ann.name()
	want := contacts{marie: {"Marie", []string{"Friends"}, "both"}, "pierre@localhost": {"Pierre", nil, "both"}}
	app.wantAll(t, user, want)
	if r := p.refresh(user, false); r.Result != "applied" {
		t.Fatalf("%+v", r)
	}
	ann.awaitRoster(want)

	bot := "bot@" + component + ".localhost"
	ann.byHand("jid='" + marie + "' name='My own name'")
	ann.byHand("jid='pierre@localhost' subscription='remove'")
	ann.byHand("jid='own@localhost' name='Own'")
	ann.byHand("jid='" + bot + "' name='Bot'")
	if ann.have[marie].Name != "My own name" || len(ann.have) != 3 {
		t.Fatalf("the user has %s", ann.have)
	}

	if r := p.refresh(user, false); r.Result != "applied" {
		t.Errorf("%+v", r)
	}
	ann.settle()
	// Contacts at our own component are kept by default.
	want[bot] = contact{"Bot", nil, "none"}
	if mode == "additive" {
		want["own@localhost"] = contact{"Own", nil, "none"}
	}
	if ann.have.String() != want.String() {
		t.Errorf("after the refresh the user has %s, want %s", ann.have, want)
	}
	ann.pushes = 0
	if r, n := p.refresh(user, false), ann.takePushes(); r.Result != "unchanged" || n > 0 {
		t.Errorf("once more: %+v, %d pushes", r, n)
	}
}

// remembered: which contacts are the web application's is known after a restart,
// and also that one was the user's own before the application named it.
func remembered(t *testing.T, p *program, ann *rosterClient, app *contactsApp, file string) {
	t.Helper()
	user := ann.name()
	app.wantAll(t, user, contacts{"own@localhost": {Name: "Named by both", Subscription: "both"}, marie: {Name: "Marie", Subscription: "both"}, "pierre@localhost": {Name: "Pierre", Subscription: "both"}})
	if r := p.refresh(user, false); r.Result != "applied" {
		t.Errorf("%+v", r)
	}
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	p = launchFile(t, file)
	p.awaitLinks(1)
	app.want(user, "{}")
	if d := p.diffOf(user); len(d.Add) > 0 || len(d.Change) > 0 || len(d.Remove) != 2 {
		t.Errorf("after the restart the difference is %s", d)
	}
	if r := p.refresh(user, false); r.Result != "applied" {
		t.Errorf("%+v", r)
	}
	ann.settle()
	if _, bot := ann.have["bot@addition.localhost"]; len(ann.have) != 2 || !bot || ann.have["own@localhost"].Name != "Named by both" {
		t.Errorf("when the application wants nobody, the user has %s", ann.have)
	}
}
