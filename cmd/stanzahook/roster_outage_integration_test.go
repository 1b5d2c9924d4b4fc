//go:build integration

package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// held is an answer for everybody: the first n get it at once, the others when the
// gate opens. So what is to happen in the middle of a refresh does.
func (a *contactsApp) held(t *testing.T, n int, contacts string) *gate {
	g := newGate(t, says(contacts))
	begin := a.askedAll()
	a.rest(func(w http.ResponseWriter, r *http.Request) {
		if a.askedAll() <= begin+n {
			g.then(w, r)
			return
		}
		g.ServeHTTP(w, r)
	})
	return g
}

// Servers and stanzahook itself go down in the middle of large refreshes. What the
// answers say adds up, and a second refresh does the rest.
func TestRosterOutages(t *testing.T) {
	onServers(t, func(t *testing.T, kind lab.Kind) {
		many := 1000
		if kind == lab.Ejabberd && !fullFaults() {
			many = 400 // it takes its time to make accounts
		}
		users := numberedUsers(many)
		s := startServer(t, rosterOptions(kind, users, granted("outage"), granted("kill")))
		t.Run("server", func(t *testing.T) { serverRestart(t, s, users) })
		t.Run("stanzahook", func(t *testing.T) { stanzahookKilled(t, s, users[:many/2]) })
	})
}

func serverRestart(t *testing.T, s *lab.Server, users []string) {
	app := newContactsApp(t)
	g := app.held(t, len(users)/3, `{"marie@localhost": {"name": "Marie"}}`)
	p := rosterSetup{component: "outage", api: s.Kind() == lab.Ejabberd, more: "refresh_on_login: false"}.keeper(t, s, app)

	type outcome struct {
		moduleAnswer
		status int
		err    error
	}
	refresh := func() <-chan outcome {
		answered := make(chan outcome, 1)
		go func() {
			var o outcome
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+p.addr+"/roster_admin/refresh", strings.NewReader(jsonNames(users)))
			if err != nil {
				answered <- outcome{err: err}
				return
			}
			req.Header.Set("Authorization", "Bearer "+rosterToken)
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
		case <-time.After(4 * patience):
			t.Fatal("the refresh does not end")
		}
		if o.err != nil || o.status != 200 || o.Updated+o.Errors != len(users) || len(o.failed()) != o.Errors || len(o.Failed) != o.Errors {
			t.Fatalf("%d, %v: %d updated, %d errors, %d failed: %s", o.status, o.err, o.Updated, o.Errors, len(o.Failed), o.Message)
		}
		return o
	}

	answered := refresh()
	eventually(t, "the refresh is under way", func() bool { return app.askedAll() > len(users)/4 })
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	g.release()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := await(answered)
	if first.Status != "ok" || first.Updated == 0 || first.Errors == 0 {
		t.Errorf("%s: %d updated, %d errors: %s", first.Status, first.Updated, first.Errors, first.Message)
	}
	for user, r := range first.failed() {
		if r.Result != "timeout" || r.Detail == "" {
			t.Errorf("%s: %+v", user, r)
		}
	}
	p.awaitLinks(2)
	second := await(refresh())
	if second.Updated != len(users) || second.Message != "roster update complete" {
		t.Errorf("the second refresh: %d updated, %d errors: %s", second.Updated, second.Errors, second.Message)
	}
	t.Logf("%d were updated, %d lost; then all", first.Updated, first.Errors)
}

func stanzahookKilled(t *testing.T, s *lab.Server, users []string) {
	app := newContactsApp(t)
	setup := rosterSetup{component: "kill", api: s.Kind() == lab.Ejabberd, more: "refresh_on_login: false\n    mode: additive"}
	file := setup.write(t, t.TempDir(), s, app)
	start := func() *program {
		p := launchFile(t, file)
		p.awaitLinks(1)
		return p
	}
	const wanted = `{"pierre@localhost": {"name": "Pierre"}}`

	// Asked to end, it does so in time.
	g := app.held(t, 100, wanted)
	p := start()
	first := p.begin(users...)
	eventually(t, "the job is under way", func() bool { return app.askedAll() > 100 })
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	g.release()
	p = start()
	interrupted(t, p, first.ID, len(users))

	// Killed, it remembers what it has added, and what it was about to.
	asked := app.askedAll()
	g = app.held(t, len(users)*3/4, wanted)
	second := p.begin(users...)
	eventually(t, "the job is under way", func() bool { return app.askedAll() > asked+len(users)/3 })
	p.kill()
	g.release()
	p = start()
	interrupted(t, p, second.ID, len(users))

	third := p.begin(users...)
	third = p.job(third.ID, "the job is done", ended)
	if third.State != "done" || third.Updated != len(users) || third.Errors != 0 {
		t.Errorf("the job after the kill: %+v", third)
	}
	// All that was added goes when the application has it no more.
	app.rest(says("{}"))
	last := p.begin(users...)
	last = p.job(last.ID, "the last job is done", ended)
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
func interrupted(t *testing.T, p *program, id string, total int) {
	t.Helper()
	j := p.job(id, "the job is known", ended)
	if j.State != "interrupted" || j.Total != total || j.Done >= total || j.Updated+j.Errors != j.Done || len(j.Results) != j.Done {
		t.Errorf("the job is %s: %d of %d done, %d updated, %d errors, %d results", j.State, j.Done, j.Total, j.Updated, j.Errors, len(j.Results))
	}
}
