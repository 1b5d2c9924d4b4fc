//go:build linux

package harness

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// RosterJob is a job as the API shows it.
type RosterJob struct {
	ID, State                             string
	Total, Done, Updated, Errors, LeftOut int
	Results                               []RosterResult
}

// AwaitJob asks for a job until it is as it should be.
func (p *Program) AwaitJob(id, what string, as func(RosterJob) bool) (j RosterJob) {
	p.T.Helper()
	Eventually(p.T, what, func() bool {
		j = RosterJob{}
		p.RosterCall("GET", "/v1/jobs/"+id, "", 200, &j)
		return as(j)
	})
	return j
}

func JobEnded(j RosterJob) bool { return j.State != "running" }

// BeginRefresh starts a job over the surface of the module.
func (p *Program) BeginRefresh(users ...string) (j RosterJob) {
	p.T.Helper()
	r, err := p.Call("POST", "/roster_admin/refresh?async=1", RosterToken, AsJSON, JSONNames(users))
	if err != nil || r.Status != 202 || !strings.HasPrefix(r.Header.Get("Location"), "/v1/jobs/job_") {
		p.T.Fatalf("a job: %d %v %s %v", r.Status, r.Header, r.Body, err)
	}
	p.RosterCall("GET", r.Header.Get("Location"), "", 200, &j)
	return j
}

func JSONNames(users []string) string { return `["` + strings.Join(users, `","`) + `"]` }

// RosterAdmin is the account that may use ejabberd's API, and its password,
// which no log may have in it.
const (
	RosterAdmin    = "roster-admin"
	RosterPassword = Secret + " of the admin"
)

// RosterOptions describe a server with components named after the rights that
// they have to rosters: no right is an unprivileged component.
func RosterOptions(kind lab.Kind, users []string, components ...lab.Component) lab.Options {
	o := lab.Options{Kind: kind, Users: make(map[string]string), Components: components}
	for _, u := range users {
		o.Users[u] = Password
	}
	if kind == lab.Ejabberd {
		o.API, o.Admin = true, RosterAdmin
		o.Users[RosterAdmin] = RosterPassword
	}
	return o
}

// Privileged is a component with all privileges.
func Privileged(name string) lab.Component {
	return lab.Component{Domain: name + ".localhost", Secret: Secret, Privileged: true}
}

// RosterSetup is what the configurations of these tests differ in. Fields that
// are empty have the default.
type RosterSetup struct {
	Component string // its name, in front of .localhost
	Backend   string
	API       bool // ejabberd's
	More      string
}

const rosterConfig = `
components:
  - {domain: %s.localhost, server: "%s", secret: %s}
endpoints:
  - {name: none, url: "http://127.0.0.1:9/"}
rosters:
  - host: localhost
    url: "%s/contacts/%%s"
    backend: %s
%s
http:
  listen: 127.0.0.1:0
  tokens:
    - {name: roster, hash: "sha256:%x", scopes: [roster]}
    - {name: all, hash: "sha256:%x", scopes: [send, query]}
store: {dir: store}
drain: 1s
`

const RosterToken = "token-for-rosters"

// Write puts the configuration into a directory, where the store will be too.
func (c RosterSetup) Write(t testing.TB, dir string, s *lab.Server, a *ContactsApp) string {
	t.Helper()
	var keys []string
	if c.API {
		keys = append(keys, fmt.Sprintf(`ejabberd_api: {url: "%s", user: %s@localhost, password: %s}`, s.APIURL(), RosterAdmin, RosterPassword))
	}
	if c.More != "" {
		keys = append(keys, c.More)
	}
	for i := range keys {
		keys[i] = "    " + keys[i]
	}
	backend := c.Backend
	if backend == "" {
		backend = "auto"
	}
	text := fmt.Sprintf(rosterConfig, c.Component, s.ComponentAddr(), Secret, a.Server.URL, backend, strings.Join(keys, "\n"),
		sha256.Sum256([]byte(RosterToken)), sha256.Sum256([]byte("token-all")))
	return WriteConfig(t, dir, text)
}

// Launch starts the program, and waits for its connection.
func (c RosterSetup) Launch(t testing.TB, s *lab.Server, a *ContactsApp) *Program {
	t.Helper()
	return LaunchLinked(t, c.Write(t, t.TempDir(), s, a))
}

// RosterCall makes a request that has to be answered with JSON.
func (p *Program) RosterCall(method, path, body string, status int, into any) {
	p.T.Helper()
	r, err := p.Call(method, path, RosterToken, AsJSON, body)
	if err != nil || r.Status != status {
		p.T.Fatalf("%s %s: %d %s %v, want %d", method, path, r.Status, r.Body, err, status)
	}
	if err := json.Unmarshal([]byte(r.Body), into); err != nil {
		p.T.Fatalf("%s %s: %s: %v", method, path, r.Body, err)
	}
}

// IQsSent are the IQs that the program has written to the XMPP server.
func (p *Program) IQsSent() int {
	p.T.Helper()
	r, err := p.Call("GET", "/metrics", "", AsJSON, "")
	if err != nil || r.Status != 200 {
		p.T.Fatalf("the metrics: %d %v", r.Status, err)
	}
	_, rest, _ := strings.Cut(r.Body, `direction="out",kind="iq"} `)
	number, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		p.T.Fatalf("the metrics: %v", err)
	}
	return int(n)
}

// rosterView is what the API shows of a roster.
type rosterView struct {
	Backend        *string
	Wanted, Actual Contacts
	ActualError    *string `json:"actual_error"`
	Last           *struct{ Result string }
}

// RosterDiff is what a refresh would change.
type RosterDiff struct {
	Add, Change, Remove []struct{ JID string }
}

func (d RosterDiff) String() string {
	return fmt.Sprintf("%d to add, %d to change, %d to remove", len(d.Add), len(d.Change), len(d.Remove))
}

// RosterResult is what came of a refresh.
type RosterResult struct{ User, Result, Detail string }

func (p *Program) Roster(user string) (v rosterView) {
	p.T.Helper()
	p.RosterCall("GET", "/v1/rosters/"+user, "", 200, &v)
	return v
}

func (p *Program) RosterDiff(user string) (d RosterDiff) {
	p.T.Helper()
	p.RosterCall("GET", "/v1/rosters/"+user+"/diff", "", 200, &d)
	return d
}

func (p *Program) RefreshRoster(user string, force bool) (r RosterResult) {
	p.T.Helper()
	path := "/v1/rosters/" + user + "/refresh"
	if force {
		path += "?force=1"
	}
	p.RosterCall("POST", path, "", 200, &r)
	return r
}

// Plausible reports whether a difference is that between two rosters. Where only
// subscriptions differ, a server that is known to keep them has none.
func (d RosterDiff) Plausible(have, want Contacts) bool {
	var add, change, least, remove int
	for jid, c := range want {
		old, there := have[jid]
		switch {
		case !there:
			add++
		case old.String() != c.String():
			change++
			if old.Subscription = c.Subscription; old.String() != c.String() {
				least++
			}
		}
	}
	for jid := range have {
		if _, wanted := want[jid]; !wanted {
			remove++
		}
	}
	return len(d.Add) == add && len(d.Remove) == remove && len(d.Change) >= least && len(d.Change) <= change
}
