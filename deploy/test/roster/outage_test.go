//go:build integration

package roster

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// Servers and stanzahook itself go down in the middle of large refreshes. What the
// answers say adds up, and a second refresh does the rest.
func TestRosterOutages(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		many := 1000
		if !harness.FullFaults() {
			many = 300 // ejabberd takes its time to make accounts
		}
		users := harness.NumberedUsers(many)
		s := harness.StartServer(t, harness.RosterOptions(kind, users, harness.Privileged("outage"), harness.Privileged("kill")))
		t.Run("server", func(t *testing.T) { serverRestart(t, s, users) })
		t.Run("stanzahook", func(t *testing.T) { stanzahookKilled(t, s, users[:many/2]) })
	})
}

func serverRestart(t *testing.T, s *lab.Server, users []string) {
	app := harness.NewContactsApp(t)
	g := app.Held(t, len(users)/3, `{"marie@localhost": {"name": "Marie"}}`)
	p := harness.RosterSetup{Component: "outage", API: s.Kind() == lab.Ejabberd, More: "refresh_on_login: false"}.Launch(t, s, app)

	type outcome struct {
		moduleAnswer
		status int
		err    error
	}
	refresh := func() <-chan outcome {
		answered := make(chan outcome, 1)
		go func() {
			var o outcome
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+p.Addr+"/roster_admin/refresh", strings.NewReader(harness.JSONNames(users)))
			if err != nil {
				answered <- outcome{err: err}
				return
			}
			req.Header.Set("Authorization", "Bearer "+harness.RosterToken)
			r, err := http.DefaultClient.Do(req)
			if err != nil {
				answered <- outcome{err: err}
				return
			}
			defer r.Body.Close()
			o.status = r.StatusCode
			o.err = json.NewDecoder(r.Body).Decode(&o.moduleAnswer)
			answered <- o
		}()
		return answered
	}
	await := func(answered <-chan outcome) (o outcome) {
		t.Helper()
		select {
		case o = <-answered:
		case <-time.After(4 * harness.Patience):
			t.Fatal("the refresh does not end")
		}
		if o.err != nil || o.status != 200 || o.Updated+o.Errors != len(users) || len(o.failed()) != o.Errors || len(o.Failed) != o.Errors {
			t.Fatalf("%d, %v: %d updated, %d errors, %d failed: %s", o.status, o.err, o.Updated, o.Errors, len(o.Failed), o.Message)
		}
		return o
	}

	answered := refresh()
	harness.Eventually(t, "the refresh is under way", func() bool { return app.AskedAll() > len(users)/4 })
	require.NoError(t, s.Kill())
	g.Release()
	require.NoError(t, s.Restart(t.Context()))
	first := await(answered)
	if first.Status != "ok" || first.Updated == 0 || first.Errors == 0 {
		t.Errorf("%s: %d updated, %d errors: %s", first.Status, first.Updated, first.Errors, first.Message)
	}
	for user, r := range first.failed() {
		if r.Result != "timeout" || r.Detail == "" {
			t.Errorf("%s: %+v", user, r)
		}
	}
	p.AwaitLinks(2)
	second := await(refresh())
	if second.Updated != len(users) || second.Message != "roster update complete" {
		t.Errorf("the second refresh: %d updated, %d errors: %s", second.Updated, second.Errors, second.Message)
	}
	t.Logf("%d were updated, %d lost; then all", first.Updated, first.Errors)
}

func stanzahookKilled(t *testing.T, s *lab.Server, users []string) {
	app := harness.NewContactsApp(t)
	setup := harness.RosterSetup{Component: "kill", API: s.Kind() == lab.Ejabberd, More: "refresh_on_login: false\n    mode: additive"}
	file := setup.Write(t, t.TempDir(), s, app)
	start := func() *harness.Program {
		p := harness.LaunchLinked(t, file)
		return p
	}
	const wanted = `{"pierre@localhost": {"name": "Pierre"}}`

	// Asked to end, it does so in time.
	g := app.Held(t, 100, wanted)
	p := start()
	first := p.BeginRefresh(users...)
	harness.Eventually(t, "the job is under way", func() bool { return app.AskedAll() > 100 })
	p.StopWell()
	g.Release()
	p = start()
	interrupted(t, p, first.ID, len(users))

	// Killed, it remembers what it has added, and what it was about to.
	asked := app.AskedAll()
	g = app.Held(t, len(users)*3/4, wanted)
	second := p.BeginRefresh(users...)
	harness.Eventually(t, "the job is under way", func() bool { return app.AskedAll() > asked+len(users)/3 })
	p.Kill()
	g.Release()
	p = start()
	interrupted(t, p, second.ID, len(users))

	third := p.BeginRefresh(users...)
	third = p.AwaitJob(third.ID, "the job is done", harness.JobEnded)
	if third.State != "done" || third.Updated != len(users) || third.Errors != 0 {
		t.Errorf("the job after the kill: %+v", third)
	}
	// All that was added goes when the application has it no more.
	app.Rest(harness.Says("{}"))
	last := p.BeginRefresh(users...)
	last = p.AwaitJob(last.ID, "the last job is done", harness.JobEnded)
	left := 0
	for _, r := range last.Results {
		if r.Result != "applied" || r.Detail != "1 removed" {
			left++
		}
	}
	if last.Updated != len(users) || left > 0 {
		t.Errorf("%d of %d rosters still have what was added; %d updated", left, len(users), last.Updated)
	}
}

// interrupted checks what a job says whose process has ended.
func interrupted(t *testing.T, p *harness.Program, id string, total int) {
	t.Helper()
	j := p.AwaitJob(id, "the job is known", harness.JobEnded)
	if j.State != "interrupted" || j.Total != total || j.Done >= total || j.Updated+j.Errors != j.Done || len(j.Results) != j.Done {
		t.Errorf("the job is %s: %d of %d done, %d updated, %d errors, %d results", j.State, j.Done, j.Total, j.Updated, j.Errors, len(j.Results))
	}
}
