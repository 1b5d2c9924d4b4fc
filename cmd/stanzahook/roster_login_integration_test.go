//go:build integration

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
)

// Who comes online has his roster refreshed: once, whatever he does right after.
func TestRosterAtLogin(t *testing.T) {
	onServers(t, func(t *testing.T, kind lab.Kind) {
		s := startServer(t, rosterOptions(kind, []string{"john", "aaron", "marie"}, granted("logins")))
		app := newContactsApp(t)
		app.rest(says("{}"))
		app.want("john", johnsContacts)
		p := rosterSetup{component: "logins", api: kind == lab.Ejabberd}.keeper(t, s, app)
		eventually(t, "privileges granted", func() bool {
			return strings.Contains(p.log.String(), "privileges granted")
		})

		john := online(t, s, "john")
		john.awaitRoster(readmeContacts)
		if n := app.asked("john"); n != 1 {
			t.Errorf("one login, %d requests", n)
		}

		// A new status is no login.
		for range 5 {
			john.send("<presence><show>away</show></presence><presence/>")
		}
		john.settle()
		// What is behind it in the queue is done later than it would be.
		aaron := online(t, s, "aaron")
		eventually(t, "aaron's roster is fetched", func() bool { return app.asked("aaron") == 1 })
		if n := app.asked("john"); n != 1 {
			t.Errorf("one login and ten times another status, %d requests", n)
		}

		// Logins in close succession are one.
		aaron.send("%s", strings.Repeat("<presence type='unavailable'/><presence/>", 10))
		eventually(t, "aaron's roster is fetched again", func() bool { return app.asked("aaron") >= 2 })
		online(t, s, "marie")
		eventually(t, "marie's roster is fetched", func() bool { return app.asked("marie") == 1 })
		if n := app.asked("aaron"); n != 2 {
			t.Errorf("ten logins at once after one, %d requests", n)
		}
	})
}

// Prosody repeats the presence of all users when the component connects. That is
// no reason to ask the web application for all of them.
func TestRosterReplay(t *testing.T) {
	const crowd = 200
	users := []string{"late"}
	for i := range crowd {
		users = append(users, fmt.Sprintf("user%d", i))
	}
	s := startServer(t, rosterOptions(lab.Prosody, users, granted("replay")))
	var wg sync.WaitGroup
	names := make(chan string)
	for range 8 {
		wg.Go(func() {
			for name := range names {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
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

	app := newContactsApp(t)
	app.rest(says("{}"))
	p := rosterSetup{component: "replay"}.keeper(t, s, app)
	for restart := range 2 {
		// The server does things in order: when this login is seen, all that was
		// repeated has been seen, and would have been refreshed before.
		late := online(t, s, "late")
		eventually(t, "the roster of who comes later is fetched", func() bool { return app.asked("late") == restart+1 })
		if n := app.askedAll(); n != restart+1 {
			t.Errorf("%d users were online, and one came: %d requests", crowd, n)
		}
		if err := late.Close(); err != nil {
			t.Error(err)
		}
		if restart == 0 {
			lost := p.connects()
			if code := p.stop(); code != 0 || lost != 1 {
				t.Errorf("exit code %d, %d connections", code, lost)
			}
			p = rosterSetup{component: "replay"}.keeper(t, s, app)
		}
	}
}
