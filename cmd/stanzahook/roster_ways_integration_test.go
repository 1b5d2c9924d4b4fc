//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// rosterWay is a way to the rosters of a server, with users of its own.
type rosterWay struct {
	title   string // of its column
	backend string
	api     bool
}

func rosterWays(kind lab.Kind) []rosterWay {
	if kind == lab.Prosody {
		return []rosterWay{{"privilege", "privilege", false}}
	}
	return []rosterWay{
		{"auto with ejabberd_api", "auto", true},
		{"ejabberd-api", "ejabberd-api", true},
		{"privilege", "privilege", false},
	}
}

// rosterStep is a change of what a web application wants, and a row of the table.
type rosterStep struct {
	row   string
	do    func(contacts) // to the contacts that were wanted before
	force bool
}

func set(jid string, c contact) func(contacts) {
	return func(all contacts) { all[jid] = c }
}

const marie = "marie@localhost"

var rosterSteps = []rosterStep{
	{row: "a contact is added", do: set(marie, contact{"Marie", []string{"Friends"}, "both"})},
	{row: "nothing has changed", do: func(contacts) {}},
	{row: "renamed", do: set(marie, contact{"Marie C.", []string{"Friends"}, "both"})},
	{row: "in several groups", do: set(marie, contact{"Marie C.", []string{"Friends", "Physics", "Paris"}, "both"})},
	{row: "Unicode and \"&<>' in name and groups", do: set(marie, contact{`Zoë "&<>' 日本 😀`, []string{`"&<>'`, "日本 😀", "two words"}, "both"})},
	{row: "subscription from both to `to`", do: set(marie, contact{"Marie", nil, "to"})},
	{row: "to `from`", do: set(marie, contact{"Marie", nil, "from"})},
	{row: "to `none`", do: set(marie, contact{"Marie", nil, "none"})},
	{row: "to `both`", do: set(marie, contact{"Marie", nil, "both"})},
	{row: "added with `to`, `from` and `none`", do: func(all contacts) {
		for _, s := range []string{"to", "from", "none"} {
			all[s+"@localhost"] = contact{Name: s, Subscription: s}
		}
	}},
	{row: "a domain is a contact", do: set("news.localhost", contact{Name: "News", Subscription: "both"})},
	{row: "a group with a semicolon", do: set(marie, contact{"Marie", []string{"a;b"}, "both"})},
	{row: "a contact is removed", do: func(all contacts) { delete(all, marie) }},
	{row: "50 contacts are added", do: func(all contacts) {
		for i := range 50 {
			all[fmt.Sprintf("c%02d@localhost", i)] = contact{fmt.Sprintf("Contact %d", i), []string{"Many"}, "both"}
		}
	}},
	{row: "nearly all are gone at once", do: withoutMany},
	{row: "the same with force", do: func(contacts) {}, force: true},
}

func withoutMany(all contacts) {
	for jid := range all {
		if strings.HasPrefix(jid, "c") {
			delete(all, jid)
		}
	}
}

// What each server does in each way with the rosters of its users: the table of
// the operator's guide.
func TestRosterWays(t *testing.T) {
	table := rosterTable{cells: make(map[string]map[string]string)}
	t.Run("on", func(t *testing.T) {
		onServers(t, func(t *testing.T, kind lab.Kind) {
			ways := rosterWays(kind)
			var users []string
			var components []lab.Component
			for i := range ways {
				users = append(users, fmt.Sprintf("ann%d", i), fmt.Sprintf("ben%d", i), fmt.Sprintf("off%d", i))
				components = append(components, granted(fmt.Sprintf("way%d", i)))
			}
			s := startServer(t, rosterOptions(kind, users, components...))
			for i, way := range ways {
				t.Run(way.backend, func(t *testing.T) {
					app := newContactsApp(t)
					setup := rosterSetup{component: fmt.Sprintf("way%d", i), backend: way.backend, api: way.api, more: "refresh_on_login: false"}
					w := &wayTest{t: t, s: s, app: app, p: setup.keeper(t, s, app), suffix: fmt.Sprint(i)}
					w.note = func(row, cell string) { table.note(serverVersion(t, s)+", "+way.title, row, cell) }
					w.steps()
					w.others()
					w.presence()
					w.advice(kind, way)
				})
			}
		})
	})
	table.compare(t)
}

// advice: where ejabberd does not do what it is asked for, the operator is told of
// the other way.
func (w *wayTest) advice(kind lab.Kind, way rosterWay) {
	w.t.Helper()
	if kind == lab.Prosody || way.api {
		return
	}
	w.app.wantAll(w.t, "ann"+w.suffix, contacts{marie: {Name: "Advice", Subscription: "both"}})
	r := w.p.refresh("ann"+w.suffix, false)
	if r.Result == "forbidden" && !strings.Contains(r.Detail, "write rosters[].ejabberd_api") || !strings.Contains(w.p.log.String(), "set rosters[].ejabberd_api") {
		w.t.Errorf("%s: neither the result nor the log says what to do", r.Detail)
	}
}

// wayTest goes through the steps with one way.
type wayTest struct {
	t      *testing.T
	s      *lab.Server
	app    *contactsApp
	p      *program
	suffix string
	note   func(row, cell string)
}

// rosterView is what the API shows of a roster.
type rosterView struct {
	Backend        *string
	Wanted, Actual contacts
	ActualError    *string `json:"actual_error"`
	Last           *struct{ Result string }
}

// rosterDiff is what a refresh would change.
type rosterDiff struct {
	Add, Change, Remove []struct{ JID string }
}

func (d rosterDiff) String() string {
	return fmt.Sprintf("%d to add, %d to change, %d to remove", len(d.Add), len(d.Change), len(d.Remove))
}

// rosterResult is what came of a refresh.
type rosterResult struct{ User, Result, Detail string }

func (p *program) rosterOf(user string) (v rosterView) {
	p.t.Helper()
	p.rosterCall("GET", "/v1/rosters/"+user, "", 200, &v)
	return v
}

func (p *program) diffOf(user string) (d rosterDiff) {
	p.t.Helper()
	p.rosterCall("GET", "/v1/rosters/"+user+"/diff", "", 200, &d)
	return d
}

func (p *program) refresh(user string, force bool) (r rosterResult) {
	p.t.Helper()
	path := "/v1/rosters/" + user + "/refresh"
	if force {
		path += "?force=1"
	}
	p.rosterCall("POST", path, "", 200, &r)
	return r
}

func (a *contactsApp) wantAll(t *testing.T, user string, all contacts) {
	t.Helper()
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	a.want(user, string(text))
}

// steps does the steps with a user who is online.
func (w *wayTest) steps() {
	ann := online(w.t, w.s, "ann"+w.suffix)
	defer ann.Close()
	want := make(contacts)
	for _, step := range rosterSteps {
		step.do(want)
		cell, detail := w.step(ann, want, step)
		w.note(step.row, cell)
		w.t.Logf("%s: %s (%s)", step.row, cell, detail)
	}
}

// step does one step, and returns its cell. What the API shows and what the
// client has must be what the server has, whatever that is.
func (w *wayTest) step(ann *rosterClient, want contacts, step rosterStep) (cell, detail string) {
	w.t.Helper()
	user := "ann" + w.suffix
	w.app.wantAll(w.t, user, want)
	before := w.p.rosterOf(user).Actual
	if d := w.p.diffOf(user); !d.plausible(before, want) {
		w.t.Errorf("%s: the difference is %s", step.row, d)
	}
	if n := ann.takePushes(); n > 0 {
		w.t.Errorf("%s: %d pushes before the refresh", step.row, n)
	}
	r := w.p.refresh(user, step.force)
	pushes := ann.takePushes()
	v := w.p.rosterOf(user)
	if v.Last == nil || v.Last.Result != r.Result || v.ActualError != nil || v.Wanted.String() != want.String() {
		w.t.Errorf("%s: %+v: the API shows %+v", step.row, r, v)
	}
	if ann.have.String() != v.Actual.String() {
		w.t.Errorf("%s: the client has %s, and the server %s", step.row, ann.have, v.Actual)
	}
	switch r.Result {
	case "applied", "unchanged":
		if d := w.p.diffOf(user); v.Actual.String() != want.String() || !d.plausible(want, want) {
			w.t.Errorf("%s: %s, but the server has %s, and the difference is %s", step.row, r.Result, v.Actual, d)
		}
	case "degraded":
		if got, asked := v.Actual.withoutSubscriptions(), want.withoutSubscriptions(); got != asked {
			w.t.Errorf("%s: degraded, but the server has %s", step.row, v.Actual)
		}
		return fmt.Sprintf("degraded: stays %s, %s", v.Actual.keptSubscriptions(want), pushed(pushes)), r.Detail
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

// plausible reports whether a difference is that between two rosters. Where only
// subscriptions differ, a server that is known to keep them has none.
func (d rosterDiff) plausible(have, want contacts) bool {
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

func (c contacts) withoutSubscriptions() string {
	all := make(contacts)
	for jid, one := range c {
		one.Subscription = ""
		all[jid] = one
	}
	return all.String()
}

// keptSubscriptions says which subscriptions contacts have that others should.
func (c contacts) keptSubscriptions(want contacts) string {
	var all []string
	for jid, one := range c {
		if one.Subscription != want[jid].Subscription {
			all = append(all, "`"+one.Subscription+"`")
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}
