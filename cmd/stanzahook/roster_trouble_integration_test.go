//go:build integration

package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// moduleAnswer is what POST /roster_admin/refresh answers.
type moduleAnswer struct {
	Status, Message string
	Updated, Errors int
	Failed          []rosterResult
}

// failed are the results of those who failed, by user.
func (a moduleAnswer) failed() map[string]rosterResult {
	all := make(map[string]rosterResult)
	for _, r := range a.Failed {
		all[r.User] = r
	}
	return all
}

func numberedUsers(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("user%d", i))
	}
	return all
}

// What a web application can do wrong, what rights a component may lack, and a
// server that is not there: the answers say so, and what to do.
func TestRosterTrouble(t *testing.T) {
	onServers(t, func(t *testing.T, kind lab.Kind) {
		right := func(name, right string) lab.Component {
			c := granted(name)
			c.Roster = right
			return c
		}
		plain := lab.Component{Domain: "plain.localhost", Secret: testSecret}
		s := startServer(t, rosterOptions(kind, numberedUsers(100), granted("trouble"), right("nothing", lab.RosterNone), right("reader", lab.RosterGet), plain))
		t.Run("the web application", func(t *testing.T) { wrongSource(t, s) })
		t.Run("no rights", func(t *testing.T) { noRights(t, s) })
		t.Run("the server is away", func(t *testing.T) { serverAway(t, s) })
	})
}

func wrongSource(t *testing.T, s *lab.Server) {
	users := numberedUsers(100)
	app := newContactsApp(t)
	app.rest(says(`{"marie@localhost": {"name": "Marie"}}`))
	p := rosterSetup{component: "trouble", api: s.Kind() == lab.Ejabberd, more: "refresh_on_login: false\n    timeout: 2s"}.keeper(t, s, app)
	var all moduleAnswer
	p.rosterCall("POST", "/roster_admin/refresh", jsonNames(users), 200, &all)
	if all.Status != "ok" || all.Updated != 100 || all.Errors != 0 {
		t.Fatalf("%+v", all)
	}

	renamed := says(`{"marie@localhost": {"name": "Maria"}}`)
	app.rest(renamed)
	slow := newGate(t, renamed)
	wrong := map[string]struct {
		answer http.HandlerFunc
		text   string
	}{
		"user10": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", 500) }, "500 Internal Server Error"},
		"user20": {slow.ServeHTTP, "it took longer than 2s"},
		"user30": {says(`<html>`), "it is not JSON"},
		"user40": {says(`["marie@localhost"]`), "it is a list"},
		"user50": {says(`{"marie@localhost": {"name": 1}}`), `contact "marie@localhost"`},
		"user60": {says(`{"no address@@": {}}`), `contact "no address@@"`},
		"user70": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "gave no answer"},
		"user80": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/contacts/user1", http.StatusFound) }, "302 Found"},
		"user90": {http.NotFound, "does not know this user"},
	}
	for user, w := range wrong {
		app.answer(user, w.answer)
	}
	p.rosterCall("POST", "/roster_admin/refresh", jsonNames(users), 200, &all)
	failed := all.failed()
	if all.Status != "ok" || all.Updated != 100-len(wrong) || all.Errors != len(wrong) || len(failed) != len(wrong) || !strings.HasPrefix(all.Message, "9 of 100 rosters: failed: ") {
		t.Errorf("%+v", all)
	}
	for user, w := range wrong {
		result := "source-error"
		if user == "user90" {
			result = "unknown"
		}
		if r := failed[user]; r.Result != result || !strings.Contains(r.Detail, w.text) {
			t.Errorf("%s: %+v, want %q", user, r, w.text)
		}
		if have := p.rosterOf(user).Actual; have[marie].Name != "Marie" {
			t.Errorf("%s has %s, though his roster could not be fetched", user, have)
		}
		app.answer(user, renamed)
	}

	// The second refresh does what is left, and nothing else.
	slow.release()
	j := p.begin(users...)
	j = p.job(j.ID, "the second refresh is done", ended)
	var applied []string
	for _, r := range j.Results {
		if user, _, _ := strings.Cut(r.User, "@"); r.Result == "applied" {
			applied = append(applied, user)
			if _, was := wrong[user]; !was {
				t.Errorf("%s had his roster already", user)
			}
		}
	}
	if j.Updated != 100 || j.Errors != 0 || len(applied) != len(wrong) {
		t.Errorf("the second refresh: %d updated, %d failed, applied %q", j.Updated, j.Errors, applied)
	}

	app.server.Close()
	all = moduleAnswer{}
	p.rosterCall("POST", "/roster_admin/refresh", jsonNames(users[:2]), 200, &all)
	if r := all.failed()["user1"]; all.Status != "error" || all.Updated != 0 || all.Errors != 2 || r.Result != "source-error" || !strings.Contains(r.Detail, "refused") {
		t.Errorf("the web application is down: %+v", all)
	}
}

// noRights: the result says what the server does not grant, and where to read
// which setting it takes.
func noRights(t *testing.T, s *lab.Server) {
	for _, c := range []struct{ component, backend, text string }{
		{"plain", "auto", "see the operator's guide"},
		{"plain", "privilege", "see the operator's guide"},
		{"nothing", "auto", "see the operator's guide"},
		{"nothing", "privilege", "see the operator's guide"},
		{"reader", "privilege", "see the operator's guide"},
	} {
		t.Run(c.component+" "+c.backend, func(t *testing.T) {
			app := newContactsApp(t)
			app.rest(says(`{"marie@localhost": {"name": "Somebody else"}}`))
			p := rosterSetup{component: c.component, backend: c.backend, more: "refresh_on_login: false\n    timeout: 2s"}.keeper(t, s, app)
			before := p.rosterOf("user1").Actual
			var all moduleAnswer
			p.rosterCall("POST", "/roster_admin/refresh", jsonNames([]string{"user1", "user2"}), 200, &all)
			r := all.failed()["user1"]
			if all.Status != "error" || all.Updated != 0 || all.Errors != 2 || r.Result != "forbidden" || !strings.Contains(r.Detail, c.text) || !strings.Contains(all.Message, "forbidden") {
				t.Errorf("%+v", all)
			}
			if after := p.rosterOf("user1").Actual; after.String() != before.String() {
				t.Errorf("the roster was %s, and is %s", before, after)
			}
			if !strings.Contains(p.log.String(), c.text) {
				t.Error("the log does not say it")
			}
		})
	}
}

// serverAway: the server stops, and comes back with rights withdrawn.
func serverAway(t *testing.T, s *lab.Server) {
	app := newContactsApp(t)
	app.rest(says(`{"marie@localhost": {"name": "Marie"}}`))
	setup := rosterSetup{component: "trouble", more: "refresh_on_login: false\n    timeout: 2s"}
	p := setup.keeper(t, s, app)
	const withdrawn = "grants the component no access to the rosters of localhost"
	if r := p.refresh("user1", false); strings.Contains(r.Detail, withdrawn) {
		t.Errorf("before: %+v", r)
	}
	known := p.rosterOf("user1").Actual

	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection is lost", func() bool {
		r, err := p.call("POST", "/roster_admin/refresh", rosterToken, asJSON, jsonNames([]string{"user1", "user2"}))
		want := `{"status":"error","message":"there is no connection to the XMPP server; nothing was refreshed, try again later","updated":0,"errors":2}`
		return err == nil && r.status == http.StatusServiceUnavailable && r.header.Get("Retry-After") != "" && strings.TrimSpace(r.body) == want
	})
	if v := p.rosterOf("user1"); v.ActualError == nil || v.Actual.String() != known.String() {
		t.Errorf("without a connection the roster is shown as %+v", v)
	}
	var no struct{ Detail string }
	p.rosterCall("POST", "/v1/rosters/user1/refresh", "", http.StatusServiceUnavailable, &no)
	p.rosterCall("GET", "/v1/rosters/user1/diff", "", http.StatusServiceUnavailable, &no)

	c := granted("trouble")
	c.Roster = lab.RosterNone
	if err := s.SetComponents(c); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.awaitLinks(2)
	if r := p.refresh("user1", false); r.Result != "forbidden" || !strings.Contains(r.Detail, withdrawn) || !strings.Contains(r.Detail, "see the operator's guide") {
		t.Errorf("the right is withdrawn: %+v", r)
	}
	p.rosterCall("GET", "/v1/rosters/user1/diff", "", http.StatusUnprocessableEntity, &no)
	if !strings.Contains(no.Detail, withdrawn) {
		t.Errorf("the difference: %+v", no)
	}
	if s.Kind() == lab.Prosody {
		return
	}
	// ejabberd's API does not depend on what the component may do.
	p.stop()
	setup.api = true
	p = setup.keeper(t, s, app)
	if r := p.refresh("user1", false); !slices.Contains([]string{"applied", "unchanged"}, r.Result) {
		t.Errorf("by the API: %+v", r)
	}
}
