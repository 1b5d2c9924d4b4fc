//go:build integration

package roster

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// rosterBackend is a backend for the rosters of a server, with users of its own.
type rosterBackend struct {
	title   string // of its column
	backend string
	api     bool
}

func backendsOf(kind lab.Kind) []rosterBackend {
	if kind == lab.Prosody {
		return []rosterBackend{{"privilege", "privilege", false}}
	}
	return []rosterBackend{
		{"auto with ejabberd_api", "auto", true},
		{"ejabberd-api", "ejabberd-api", true},
		{"privilege", "privilege", false},
	}
}

// rosterStep is a change of what a web application wants, and a row of the table.
type rosterStep struct {
	row   string
	do    func(harness.Contacts) // to the contacts that were wanted before
	force bool
}

func set(jid string, c harness.Contact) func(harness.Contacts) {
	return func(all harness.Contacts) { all[jid] = c }
}

const marie = "marie@localhost"

var rosterSteps = []rosterStep{
	{row: "a contact is added", do: set(marie, harness.Contact{Name: "Marie", Groups: []string{"Friends"}, Subscription: "both"})},
	{row: "nothing has changed", do: func(harness.Contacts) {}},
	{row: "renamed", do: set(marie, harness.Contact{Name: "Marie C.", Groups: []string{"Friends"}, Subscription: "both"})},
	{row: "in several groups", do: set(marie, harness.Contact{Name: "Marie C.", Groups: []string{"Friends", "Physics", "Paris"}, Subscription: "both"})},
	{row: "Unicode and \"&<>' in name and groups", do: set(marie, harness.Contact{Name: `Zoë "&<>' 日本 😀`, Groups: []string{`"&<>'`, "日本 😀", "two words"}, Subscription: "both"})},
	{row: "subscription from both to `to`", do: set(marie, harness.Contact{Name: "Marie", Groups: nil, Subscription: "to"})},
	{row: "to `from`", do: set(marie, harness.Contact{Name: "Marie", Groups: nil, Subscription: "from"})},
	{row: "to `none`", do: set(marie, harness.Contact{Name: "Marie", Groups: nil, Subscription: "none"})},
	{row: "to `both`", do: set(marie, harness.Contact{Name: "Marie", Groups: nil, Subscription: "both"})},
	{row: "added with `to`, `from` and `none`", do: func(all harness.Contacts) {
		for _, s := range []string{"to", "from", "none"} {
			all[s+"@localhost"] = harness.Contact{Name: s, Subscription: s}
		}
	}},
	{row: "a domain is a contact", do: set("news.localhost", harness.Contact{Name: "News", Subscription: "both"})},
	{row: "a group with a semicolon", do: set(marie, harness.Contact{Name: "Marie", Groups: []string{"a;b"}, Subscription: "both"})},
	{row: "a contact is removed", do: func(all harness.Contacts) { delete(all, marie) }},
	{row: "50 contacts are added", do: func(all harness.Contacts) {
		for i := range 50 {
			all[fmt.Sprintf("c%02d@localhost", i)] = harness.Contact{Name: fmt.Sprintf("Contact %d", i), Groups: []string{"Many"}, Subscription: "both"}
		}
	}},
	{row: "nearly all are gone at once", do: withoutMany},
	{row: "the same with force", do: func(harness.Contacts) {}, force: true},
}

func withoutMany(all harness.Contacts) {
	for jid := range all {
		if strings.HasPrefix(jid, "c") {
			delete(all, jid)
		}
	}
}

// What each server does with each backend to the rosters of its users: the table of
// the operator's guide.
func TestRosterBackends(t *testing.T) {
	table := rosterTable{cells: make(map[string]map[string]string)}
	t.Run("on", func(t *testing.T) {
		harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
			backends := backendsOf(kind)
			var users []string
			var components []lab.Component
			for i := range backends {
				users = append(users, fmt.Sprintf("ann%d", i), fmt.Sprintf("ben%d", i), fmt.Sprintf("off%d", i))
				components = append(components, harness.Privileged(fmt.Sprintf("backend%d", i)))
			}
			s := harness.StartServer(t, harness.RosterOptions(kind, users, components...))
			for i, b := range backends {
				t.Run(b.backend, func(t *testing.T) {
					app := harness.NewContactsApp(t)
					setup := harness.RosterSetup{Component: fmt.Sprintf("backend%d", i), Backend: b.backend, API: b.api, More: "refresh_on_login: false"}
					w := &backendTest{t: t, s: s, app: app, p: setup.Launch(t, s, app), suffix: fmt.Sprint(i)}
					w.note = func(row, cell string) { table.note(serverVersion(t, s)+", "+b.title, row, cell) }
					w.steps()
					w.others()
					w.presence()
					w.advice(kind, b)
				})
			}
		})
	})
	table.compare(t)
}

// advice: where ejabberd does not do what it is asked for, the operator is told of
// the other backend.
func (w *backendTest) advice(kind lab.Kind, b rosterBackend) {
	w.t.Helper()
	if kind == lab.Prosody || b.api {
		return
	}
	w.app.WantAll(w.t, "ann"+w.suffix, harness.Contacts{marie: {Name: "Advice", Subscription: "both"}})
	r := w.p.RefreshRoster("ann"+w.suffix, false)
	if r.Result == "forbidden" && !strings.Contains(r.Detail, "set rosters[].ejabberd_api") || !strings.Contains(w.p.Log.String(), "set rosters[].ejabberd_api") {
		w.t.Errorf("%s: neither the result nor the log says what to do", r.Detail)
	}
}

// backendTest goes through the steps with one backend.
type backendTest struct {
	t      *testing.T
	s      *lab.Server
	app    *harness.ContactsApp
	p      *harness.Program
	suffix string
	note   func(row, cell string)
}

// steps does the steps with a user who is online.
func (w *backendTest) steps() {
	ann := harness.Online(w.t, w.s, "ann"+w.suffix)
	defer ann.Close()
	want := make(harness.Contacts)
	for _, step := range rosterSteps {
		step.do(want)
		cell, detail := w.step(ann, want, step)
		w.note(step.row, cell)
		w.t.Logf("%s: %s (%s)", step.row, cell, detail)
	}
}

// step does one step, and returns its cell. What the API shows and what the
// client has must be what the server has, whatever that is.
func (w *backendTest) step(ann *harness.RosterClient, want harness.Contacts, step rosterStep) (cell, detail string) {
	w.t.Helper()
	user := "ann" + w.suffix
	w.app.WantAll(w.t, user, want)
	before := w.p.Roster(user).Actual
	if d := w.p.RosterDiff(user); !d.Plausible(before, want) {
		w.t.Errorf("%s: the difference is %s", step.row, d)
	}
	if n := ann.TakePushes(); n > 0 {
		w.t.Errorf("%s: %d pushes before the refresh", step.row, n)
	}
	r := w.p.RefreshRoster(user, step.force)
	pushes := ann.TakePushes()
	v := w.p.Roster(user)
	if v.Last == nil || v.Last.Result != r.Result || v.ActualError != nil || v.Wanted.String() != want.String() {
		w.t.Errorf("%s: %+v: the API shows %+v", step.row, r, v)
	}
	if ann.Have.String() != v.Actual.String() {
		w.t.Errorf("%s: the client has %s, and the server %s", step.row, ann.Have, v.Actual)
	}
	switch r.Result {
	case "applied", "unchanged":
		if d := w.p.RosterDiff(user); v.Actual.String() != want.String() || !d.Plausible(want, want) {
			w.t.Errorf("%s: %s, but the server has %s, and the difference is %s", step.row, r.Result, v.Actual, d)
		}
	case "degraded":
		if got, asked := v.Actual.WithoutSubscriptions(), want.WithoutSubscriptions(); got != asked {
			w.t.Errorf("%s: degraded, but the server has %s", step.row, v.Actual)
		}
		return fmt.Sprintf("degraded: stays %s, %s", v.Actual.KeptSubscriptions(want), pushed(pushes)), r.Detail
	default:
		if v.Actual.String() != before.String() && r.Result == "source-error" || r.Detail == "" {
			w.t.Errorf("%s: %s (%s), but the server has %s", step.row, r.Result, r.Detail, v.Actual)
		}
	}
	return r.Result + ", " + pushed(pushes), r.Detail
}

func pushed(n int) string {
	switch n {
	case 0:
		return "no push"
	case 1:
		return "1 push"
	}
	return fmt.Sprintf("%d pushes", n)
}
