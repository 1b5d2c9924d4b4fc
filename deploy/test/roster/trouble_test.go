//go:build integration

package roster

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// moduleAnswer is what POST /roster_admin/refresh answers.
type moduleAnswer struct {
	Status, Message string
	Updated, Errors int
	Failed          []harness.RosterResult
}

// failed are the results of those who failed, by user.
func (a moduleAnswer) failed() map[string]harness.RosterResult {
	all := make(map[string]harness.RosterResult)
	for _, r := range a.Failed {
		all[r.User] = r
	}
	return all
}

// What a web application can do wrong, what rights a component may lack, and a
// server that is not there: the answers say so, and what to do.
func TestRosterTrouble(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		right := func(name, right string) lab.Component {
			c := harness.Privileged(name)
			c.Roster = right
			return c
		}
		plain := lab.Component{Domain: "plain.localhost", Secret: harness.Secret}
		s := harness.StartServer(t, harness.RosterOptions(kind, harness.NumberedUsers(100), harness.Privileged("trouble"), right("nothing", lab.RosterNone), right("reader", lab.RosterGet), plain))
		t.Run("the web application", func(t *testing.T) { wrongSource(t, s) })
		t.Run("no rights", func(t *testing.T) { noRights(t, s) })
		t.Run("the server is away", func(t *testing.T) { serverAway(t, s) })
	})
}

func wrongSource(t *testing.T, s *lab.Server) {
	users := harness.NumberedUsers(100)
	app := harness.NewContactsApp(t)
	app.Rest(harness.Says(`{"marie@localhost": {"name": "Marie"}}`))
	p := harness.RosterSetup{Component: "trouble", API: s.Kind() == lab.Ejabberd, More: "refresh_on_login: false\n    timeout: 2s"}.Launch(t, s, app)
	var all moduleAnswer
	p.RosterCall("POST", "/roster_admin/refresh", harness.JSONNames(users), 200, &all)
	if all.Status != "ok" || all.Updated != 100 || all.Errors != 0 {
		t.Fatalf("%+v", all)
	}

	renamed := harness.Says(`{"marie@localhost": {"name": "Maria"}}`)
	app.Rest(renamed)
	slow := harness.NewGate(t, renamed)
	wrong := map[string]struct {
		answer http.HandlerFunc
		text   string
	}{
		"user10": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", 500) }, "500 Internal Server Error"},
		"user20": {slow.ServeHTTP, "it took longer than 2s"},
		"user30": {harness.Says(`<html>`), "it is not JSON"},
		"user40": {harness.Says(`["marie@localhost"]`), "it is a list"},
		"user50": {harness.Says(`{"marie@localhost": {"name": 1}}`), `contact "marie@localhost"`},
		"user60": {harness.Says(`{"no address@@": {}}`), `contact "no address@@"`},
		"user70": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "gave no answer"},
		"user80": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/contacts/user1", http.StatusFound) }, "302 Found"},
		"user90": {http.NotFound, "does not know this user"},
	}
	for user, w := range wrong {
		app.Answer(user, w.answer)
	}
	p.RosterCall("POST", "/roster_admin/refresh", harness.JSONNames(users), 200, &all)
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
		if have := p.Roster(user).Actual; have[marie].Name != "Marie" {
			t.Errorf("%s has %s, though his roster could not be fetched", user, have)
		}
		app.Answer(user, renamed)
	}

	// The second refresh does what is left, and nothing else.
	slow.Release()
	j := p.BeginRefresh(users...)
	j = p.AwaitJob(j.ID, "the second refresh is done", harness.JobEnded)
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

	app.Server.Close()
	all = moduleAnswer{}
	p.RosterCall("POST", "/roster_admin/refresh", harness.JSONNames(users[:2]), 200, &all)
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
			app := harness.NewContactsApp(t)
			app.Rest(harness.Says(`{"marie@localhost": {"name": "Somebody else"}}`))
			p := harness.RosterSetup{Component: c.component, Backend: c.backend, More: "refresh_on_login: false\n    timeout: 2s"}.Launch(t, s, app)
			before := p.Roster("user1").Actual
			var all moduleAnswer
			p.RosterCall("POST", "/roster_admin/refresh", harness.JSONNames([]string{"user1", "user2"}), 200, &all)
			r := all.failed()["user1"]
			if all.Status != "error" || all.Updated != 0 || all.Errors != 2 || r.Result != "forbidden" || !strings.Contains(r.Detail, c.text) || !strings.Contains(all.Message, "forbidden") {
				t.Errorf("%+v", all)
			}
			if after := p.Roster("user1").Actual; after.String() != before.String() {
				t.Errorf("the roster was %s, and is %s", before, after)
			}
			if !strings.Contains(p.Log.String(), c.text) {
				t.Error("the log does not say it")
			}
		})
	}
}

// serverAway: the server stops, and comes back with rights withdrawn.
func serverAway(t *testing.T, s *lab.Server) {
	app := harness.NewContactsApp(t)
	app.Rest(harness.Says(`{"marie@localhost": {"name": "Marie"}}`))
	setup := harness.RosterSetup{Component: "trouble", More: "refresh_on_login: false\n    timeout: 2s"}
	p := setup.Launch(t, s, app)
	const withdrawn = "grants the component no access to the rosters of localhost"
	if r := p.RefreshRoster("user1", false); strings.Contains(r.Detail, withdrawn) {
		t.Errorf("before: %+v", r)
	}
	known := p.Roster("user1").Actual

	require.NoError(t, s.Stop(t.Context()))
	harness.Eventually(t, "the connection is lost", func() bool {
		r, err := p.Call("POST", "/roster_admin/refresh", harness.RosterToken, harness.AsJSON, harness.JSONNames([]string{"user1", "user2"}))
		want := `{"status":"error","message":"there is no connection to the XMPP server; nothing was refreshed, try again later","updated":0,"errors":2}`
		return err == nil && r.Status == http.StatusServiceUnavailable && r.Header.Get("Retry-After") != "" && strings.TrimSpace(r.Body) == want
	})
	if v := p.Roster("user1"); v.ActualError == nil || v.Actual.String() != known.String() {
		t.Errorf("without a connection the roster is shown as %+v", v)
	}
	var no struct{ Detail string }
	p.RosterCall("POST", "/v1/rosters/user1/refresh", "", http.StatusServiceUnavailable, &no)
	p.RosterCall("GET", "/v1/rosters/user1/diff", "", http.StatusServiceUnavailable, &no)

	c := harness.Privileged("trouble")
	c.Roster = lab.RosterNone
	require.NoError(t, s.SetComponents(c))
	require.NoError(t, s.Restart(t.Context()))
	p.AwaitLinks(2)
	if r := p.RefreshRoster("user1", false); r.Result != "forbidden" || !strings.Contains(r.Detail, withdrawn) || !strings.Contains(r.Detail, "see the operator's guide") {
		t.Errorf("the right is withdrawn: %+v", r)
	}
	p.RosterCall("GET", "/v1/rosters/user1/diff", "", http.StatusUnprocessableEntity, &no)
	if !strings.Contains(no.Detail, withdrawn) {
		t.Errorf("the difference: %+v", no)
	}
	if s.Kind() == lab.Prosody {
		return
	}
	// ejabberd's API does not depend on what the component may do.
	p.Stop()
	setup.API = true
	p = setup.Launch(t, s, app)
	if r := p.RefreshRoster("user1", false); !slices.Contains([]string{"applied", "unchanged"}, r.Result) {
		t.Errorf("by the API: %+v", r)
	}
}
