//go:build integration

package roster

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// What the README of mod_http_roster_admin has a web application answer for john,
// and the same with aaron.
const (
	johnsContacts = `{"marie@localhost": {"name": "Marie"}, "michael@localhost": {"name": "Michael"}}`
	johnsNew      = `{"marie@localhost": {"name": "Marie"}, "michael@localhost": {"name": "Michael"}, "aaron@localhost": {"name": "Aaron"}}`
)

var readmeContacts = harness.Contacts{
	"marie@localhost":   {Name: "Marie", Subscription: "both"},
	"michael@localhost": {Name: "Michael", Subscription: "both"},
}

// Who comes online has his roster refreshed: once, whatever he does right after.
func TestRosterAtLogin(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.RosterOptions(kind, []string{"john", "aaron", "marie"}, harness.Privileged("logins")))
		app := harness.NewContactsApp(t)
		app.Rest(harness.Says("{}"))
		app.Want("john", johnsContacts)
		p := harness.RosterSetup{Component: "logins", API: kind == lab.Ejabberd}.Launch(t, s, app)
		harness.Eventually(t, "privileges granted", func() bool {
			return strings.Contains(p.Log.String(), "privileges granted")
		})

		john := harness.Online(t, s, "john")
		john.AwaitRoster(readmeContacts)
		if n := app.Asked("john"); n != 1 {
			t.Errorf("one login, %d requests", n)
		}

		// A new status is no login.
		for range 5 {
			john.Send("<presence><show>away</show></presence><presence/>")
		}
		john.Settle()
		// What is behind it in the queue is done later than it would be.
		aaron := harness.Online(t, s, "aaron")
		harness.Eventually(t, "aaron's roster is fetched", func() bool { return app.Asked("aaron") == 1 })
		if n := app.Asked("john"); n != 1 {
			t.Errorf("one login and ten times another status, %d requests", n)
		}

		// Logins in close succession are one.
		aaron.Send("%s", strings.Repeat("<presence type='unavailable'/><presence/>", 10))
		harness.Eventually(t, "aaron's roster is fetched again", func() bool { return app.Asked("aaron") >= 2 })
		harness.Online(t, s, "marie")
		harness.Eventually(t, "marie's roster is fetched", func() bool { return app.Asked("marie") == 1 })
		if n := app.Asked("aaron"); n != 2 {
			t.Errorf("ten logins at once after one, %d requests", n)
		}
		checkBackend(t, p, kind)
	})
}

// checkBackend checks which backend was selected, and that the log says so.
func checkBackend(t *testing.T, p *harness.Program, kind lab.Kind) {
	t.Helper()
	var st struct {
		Rosters []struct{ Host, Backend, Reason string }
	}
	p.RosterCall("GET", "/v1/status", "", 200, &st)
	backend, reason := "privilege", "the server grants it"
	if kind == lab.Ejabberd {
		backend, reason = "ejabberd-api", "by XEP-0356, as a refresh showed"
	}
	if len(st.Rosters) != 1 || st.Rosters[0].Backend != backend || !strings.Contains(st.Rosters[0].Reason, reason) {
		t.Errorf("the status says %+v", st.Rosters)
	}
	if !strings.Contains(p.Log.String(), `"backend":"`+backend+`"`) || !strings.Contains(p.Log.String(), reason) {
		t.Errorf("the log does not say %s, %s", backend, reason)
	}
}

// Prosody repeats the presence of all users when the component connects. That is
// no reason to ask the web application for all of them.
func TestRosterReplay(t *testing.T) {
	const crowd = 100
	users := []string{"late"}
	for i := range crowd {
		users = append(users, fmt.Sprintf("user%d", i))
	}
	s := harness.StartServer(t, harness.RosterOptions(lab.Prosody, users, harness.Privileged("replay")))
	var wg sync.WaitGroup
	names := make(chan string)
	for range 8 {
		wg.Go(func() {
			for name := range names {
				ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
				c, err := s.Login(ctx, name, "test")
				cancel()
				if err != nil {
					t.Error(err)
					continue
				}
				t.Cleanup(func() { _ = c.Close() })
			}
		})
	}
	for _, name := range users[1:] {
		names <- name
	}
	close(names)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}

	app := harness.NewContactsApp(t)
	app.Rest(harness.Says("{}"))
	p := harness.RosterSetup{Component: "replay"}.Launch(t, s, app)
	for restart := range 2 {
		// The server does things in order: when this login is seen, all that was
		// repeated has been seen, and would have been refreshed before.
		late := harness.Online(t, s, "late")
		harness.Eventually(t, "the roster of who comes later is fetched", func() bool { return app.Asked("late") == restart+1 })
		if n := app.AskedAll(); n != restart+1 {
			t.Errorf("%d users were online, and one came: %d requests", crowd, n)
		}
		if err := late.Close(); err != nil {
			t.Error(err)
		}
		if restart == 0 {
			lost := p.Connects()
			if code := p.Stop(); code != 0 || lost != 1 {
				t.Errorf("exit code %d, %d connections", code, lost)
			}
			p = harness.RosterSetup{Component: "replay"}.Launch(t, s, app)
		}
	}
}
