//go:build integration

package roster

import (
	"bufio"
	"encoding/json"
	"net"
	"os/exec"
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

// The README's examples, as they are written: a user connects, and his roster is
// fetched; two users become friends, and the server is told.
func TestRosterREADME(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("this test needs curl; deploy/lab/install.sh tests installs it")
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.RosterOptions(kind, []string{"john", "aaron", "marie", "michael"}, harness.Privileged("contacts")))
		app := harness.NewContactsApp(t)
		app.Want("john", johnsContacts)
		app.Want("aaron", "{}")
		p := harness.RosterSetup{Component: "contacts", API: kind == lab.Ejabberd}.Launch(t, s, app)

		john, aaron := harness.Online(t, s, "john"), harness.Online(t, s, "aaron")
		slix := slixmppRoster(t, s, "aaron@localhost/slix")
		john.AwaitRoster(readmeContacts)
		harness.Eventually(t, "aaron's roster is fetched", func() bool { return app.Asked("aaron") >= 1 })
		harness.Eventually(t, "what the logins have caused is done", func() bool { return p.Refreshing() == 0 })
		harness.SettleAll(john, aaron)
		john.Presence, aaron.Presence = nil, nil

		app.Want("john", johnsNew)
		app.Want("aaron", `{"john@localhost": {"name": "John"}}`)
		p.CurlRosters(`["john", "aaron"]`, `{"status":"ok","message":"roster update complete","updated":2,"errors":0}`)
		john.Settle()
		aaron.Settle()
		friends := harness.Contacts{"john@localhost": {Name: "John", Subscription: "both"}}
		with := harness.Contacts{"aaron@localhost": {Name: "Aaron", Subscription: "both"}}
		for j, c := range readmeContacts {
			with[j] = c
		}
		if john.Have.String() != with.String() || aaron.Have.String() != friends.String() {
			t.Errorf("the clients have %s, and %s", john.Have, aaron.Have)
		}
		slix.await(t, friends)
		friendsPresence(t, kind, john, aaron)

		app.Want("john", johnsContacts)
		app.Want("aaron", "{}")
		p.CurlRosters(`["john", "aaron"]`, `{"status":"ok","message":"roster update complete","updated":2,"errors":0}`)
		john.Settle()
		aaron.Settle()
		if john.Have.String() != readmeContacts.String() || len(aaron.Have) > 0 {
			t.Errorf("the clients have %s, and %s", john.Have, aaron.Have)
		}
		slix.await(t, harness.Contacts{})
		harness.SettleAll(john, aaron)
		// The contact is gone; whether the client is told that he is not to be seen
		// any more depends on the server.
		if gone := kind == lab.Ejabberd; john.Sees(aaron, "unavailable") != gone || aaron.Sees(john, "unavailable") != gone {
			t.Errorf("unavailable presence of a contact that is removed: want %v", gone)
		}

		// The other examples of the README.
		p.CurlRosters(`["john"]`, `{"status":"ok","message":"roster update complete","updated":1,"errors":0}`)
		r, err := p.Call("GET", "/roster_admin/refresh/john", harness.RosterToken, "", "")
		if err != nil || r.Status != 200 || strings.TrimSpace(r.Body) != `{"status":"ok","message":"roster update complete","updated":1,"errors":0}` {
			t.Errorf("GET: %d %s %v", r.Status, r.Body, err)
		}
		john.Pushes, aaron.Pushes = 0, 0
		p.CurlRosters(`["john", "aaron"]`, `{"status":"ok","message":"roster update complete","updated":2,"errors":0}`)
		if n := john.TakePushes() + aaron.TakePushes(); n > 0 {
			t.Errorf("nothing has changed, and %d pushes came", n)
		}
		wayOf(t, p, kind)
	})
}

// friendsPresence checks what two users who have become each other's contacts see
// of each other.
func friendsPresence(t *testing.T, kind lab.Kind, a, b *harness.RosterClient) {
	t.Helper()
	harness.SettleAll(a, b)
	atOnce := kind == lab.Ejabberd
	if a.Sees(b, "") != atOnce || b.Sees(a, "") != atOnce {
		t.Errorf("presence of a new contact at once: want %v", atOnce)
	}
	for _, c := range []*harness.RosterClient{a, b} {
		c.Send("<presence><show>away</show></presence>")
	}
	harness.SettleAll(a, b)
	if !a.Sees(b, "") || !b.Sees(a, "") {
		t.Error("a new contact's next presence was not seen")
	}
}

// wayOf checks which way to the rosters was chosen, and that the log says so.
func wayOf(t *testing.T, p *harness.Program, kind lab.Kind) {
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
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/roster.py", jid, harness.Password, host, port)
	var trouble harness.Logbook
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
	harness.Eventually(t, "slixmpp has a roster", func() bool { return x.last() != "" })
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
func (x *slixmpp) await(t *testing.T, want harness.Contacts) {
	t.Helper()
	harness.Eventually(t, "slixmpp shows "+want.String(), func() bool {
		var got harness.Contacts
		return json.Unmarshal([]byte(x.last()), &got) == nil && got.String() == want.String()
	})
}
