//go:build integration

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
)

// What the README of mod_http_roster_admin has a web application answer for john,
// and the same with aaron.
const (
	johnsContacts = `{"marie@localhost": {"name": "Marie"}, "michael@localhost": {"name": "Michael"}}`
	johnsNew      = `{"marie@localhost": {"name": "Marie"}, "michael@localhost": {"name": "Michael"}, "aaron@localhost": {"name": "Aaron"}}`
)

var readmeContacts = contacts{
	"marie@localhost":   {Name: "Marie", Subscription: "both"},
	"michael@localhost": {Name: "Michael", Subscription: "both"},
}

// The README's examples, as they are written: a user connects, and his roster is
// fetched; two users become friends, and the server is told.
func TestRosterREADME(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("this test needs curl; deploy/lab/install.sh tests installs it")
	}
	onServers(t, func(t *testing.T, kind lab.Kind) {
		s := startServer(t, rosterOptions(kind, []string{"john", "aaron", "marie", "michael"}, granted("contacts")))
		app := newContactsApp(t)
		app.want("john", johnsContacts)
		app.want("aaron", "{}")
		p := rosterSetup{component: "contacts", api: kind == lab.Ejabberd}.keeper(t, s, app)

		john, aaron := online(t, s, "john"), online(t, s, "aaron")
		slix := slixmppRoster(t, s, "aaron@localhost/slix")
		john.awaitRoster(readmeContacts)
		eventually(t, "aaron's roster is fetched", func() bool { return app.asked("aaron") >= 1 })
		eventually(t, "what the logins have caused is done", func() bool { return p.refreshing() == 0 })
		settleAll(john, aaron)
		john.presence, aaron.presence = nil, nil

		app.want("john", johnsNew)
		app.want("aaron", `{"john@localhost": {"name": "John"}}`)
		p.curlRosters(`["john", "aaron"]`, `{"status":"ok","message":"roster update complete","updated":2,"errors":0}`)
		john.settle()
		aaron.settle()
		friends := contacts{"john@localhost": {Name: "John", Subscription: "both"}}
		with := contacts{"aaron@localhost": {Name: "Aaron", Subscription: "both"}}
		for j, c := range readmeContacts {
			with[j] = c
		}
		if john.have.String() != with.String() || aaron.have.String() != friends.String() {
			t.Errorf("the clients have %s, and %s", john.have, aaron.have)
		}
		slix.await(t, friends)
		friendsPresence(t, kind, john, aaron)

		app.want("john", johnsContacts)
		app.want("aaron", "{}")
		p.curlRosters(`["john", "aaron"]`, `{"status":"ok","message":"roster update complete","updated":2,"errors":0}`)
		john.settle()
		aaron.settle()
		if john.have.String() != readmeContacts.String() || len(aaron.have) > 0 {
			t.Errorf("the clients have %s, and %s", john.have, aaron.have)
		}
		slix.await(t, contacts{})
		settleAll(john, aaron)
		// The contact is gone; whether the client is told that he is not to be seen
		// any more depends on the server.
		if gone := kind == lab.Ejabberd; john.sees(aaron, "unavailable") != gone || aaron.sees(john, "unavailable") != gone {
			t.Errorf("unavailable presence of a contact that is removed: want %v", gone)
		}

		// The other examples of the README.
		p.curlRosters(`["john"]`, `{"status":"ok","message":"roster update complete","updated":1,"errors":0}`)
		r, err := p.call("GET", "/roster_admin/refresh/john", rosterToken, "", "")
		if err != nil || r.status != 200 || strings.TrimSpace(r.body) != `{"status":"ok","message":"roster update complete","updated":1,"errors":0}` {
			t.Errorf("GET: %d %s %v", r.status, r.body, err)
		}
		john.pushes, aaron.pushes = 0, 0
		p.curlRosters(`["john", "aaron"]`, `{"status":"ok","message":"roster update complete","updated":2,"errors":0}`)
		if n := john.takePushes() + aaron.takePushes(); n > 0 {
			t.Errorf("nothing has changed, and %d pushes came", n)
		}
		wayOf(t, p, kind)
	})
}

// friendsPresence checks what two users who have become each other's contacts see
// of each other.
func friendsPresence(t *testing.T, kind lab.Kind, a, b *rosterClient) {
	t.Helper()
	settleAll(a, b)
	atOnce := kind == lab.Ejabberd
	if a.sees(b, "") != atOnce || b.sees(a, "") != atOnce {
		t.Errorf("presence of a new contact at once: want %v", atOnce)
	}
	for _, c := range []*rosterClient{a, b} {
		c.send("<presence><show>away</show></presence>")
	}
	settleAll(a, b)
	if !a.sees(b, "") || !b.sees(a, "") {
		t.Error("a new contact's next presence was not seen")
	}
}

// wayOf checks which way to the rosters was chosen, and that the log says so.
func wayOf(t *testing.T, p *program, kind lab.Kind) {
	t.Helper()
	var st struct {
		Rosters []struct{ Host, Backend, Reason string }
	}
	p.rosterCall("GET", "/v1/status", "", 200, &st)
	backend, reason := "privilege", "the server grants it"
	if kind == lab.Ejabberd {
		backend, reason = "ejabberd-api", "by XEP-0356, as a refresh showed"
	}
	if len(st.Rosters) != 1 || st.Rosters[0].Backend != backend || !strings.Contains(st.Rosters[0].Reason, reason) {
		t.Errorf("the status says %+v", st.Rosters)
	}
	if !strings.Contains(p.log.String(), `"backend":"`+backend+`"`) || !strings.Contains(p.log.String(), reason) {
		t.Errorf("the log does not say %s, %s", backend, reason)
	}
}

// refreshing is how many refreshes are under way or wait.
func (p *program) refreshing() int {
	p.t.Helper()
	var st struct{ Rosters []struct{ Running int } }
	p.rosterCall("GET", "/v1/status", "", 200, &st)
	return st.Rosters[0].Running
}

// curlRosters posts users with curl, as the README has it, and checks the answer.
func (p *program) curlRosters(users, want string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	line := `curl -sS http://localhost:5280/roster_admin/refresh -d '` + users + `' -H "Authorization: Bearer ` + rosterToken + `"`
	line = strings.Replace(line, "http://localhost:5280", "http://"+p.addr, 1)
	out, err := exec.CommandContext(ctx, "sh", "-c", line).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != want {
		p.t.Errorf("%s\nanswered %s, %v, want %s", line, got, err, want)
	}
}

// slixmpp is a client of other making that shows its roster.
type slixmpp struct {
	mu    sync.Mutex
	lines []string
}

func slixmppRoster(t *testing.T, s *lab.Server, jid string) *slixmpp {
	t.Helper()
	host, port, err := net.SplitHostPort(s.ClientAddr())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", testFile("roster.py"), jid, testPassword, host, port)
	var trouble logbook
	cmd.Stderr = &trouble
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	x := new(slixmpp)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			x.mu.Lock()
			x.lines = append(x.lines, lines.Text())
			x.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = in.Close() // which ends it
		<-read
		if err := cmd.Wait(); t.Failed() {
			t.Logf("the client of slixmpp: %v\n%s", err, trouble.String())
		}
	})
	eventually(t, "slixmpp has a roster", func() bool { return x.last() != "" })
	return x
}

func (x *slixmpp) last() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.lines) == 0 {
		return ""
	}
	return x.lines[len(x.lines)-1]
}

// await waits until the client shows this roster.
func (x *slixmpp) await(t *testing.T, want contacts) {
	t.Helper()
	eventually(t, "slixmpp shows "+want.String(), func() bool {
		var got contacts
		return json.Unmarshal([]byte(x.last()), &got) == nil && got.String() == want.String()
	})
}
