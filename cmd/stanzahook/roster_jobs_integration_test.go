//go:build integration

package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// rosterJob is a job as the API shows it.
type rosterJob struct {
	ID, State                             string
	Total, Done, Updated, Errors, LeftOut int
	Results                               []rosterResult
}

// job asks for a job until it is as it should be.
func (p *program) job(id, what string, as func(rosterJob) bool) (j rosterJob) {
	p.t.Helper()
	eventually(p.t, what, func() bool {
		j = rosterJob{}
		p.rosterCall("GET", "/v1/jobs/"+id, "", 200, &j)
		return as(j)
	})
	return j
}

func ended(j rosterJob) bool { return j.State != "running" }

// begin starts a job over the surface of the module.
func (p *program) begin(users ...string) (j rosterJob) {
	p.t.Helper()
	r, err := p.call("POST", "/roster_admin/refresh?async=1", rosterToken, asJSON, jsonNames(users))
	if err != nil || r.status != 202 || !strings.HasPrefix(r.header.Get("Location"), "/v1/jobs/job_") {
		p.t.Fatalf("a job: %d %v %s %v", r.status, r.header, r.body, err)
	}
	p.rosterCall("GET", r.header.Get("Location"), "", 200, &j)
	return j
}

func jsonNames(users []string) string { return `["` + strings.Join(users, `","`) + `"]` }

// A refresh that is asked for during one runs after it, once, however many ask.
func TestRosterCoalescing(t *testing.T) {
	onServers(t, func(t *testing.T, kind lab.Kind) {
		const askers = 5
		users := []string{"john"}
		for i := range askers {
			users = append(users, fmt.Sprintf("other%d", i))
		}
		s := startServer(t, rosterOptions(kind, users, granted("jobs")))
		app := newContactsApp(t)
		app.rest(says("{}"))
		g := newGate(t, says(johnsContacts))
		app.answer("john", g.ServeHTTP)
		p := rosterSetup{component: "jobs", api: kind == lab.Ejabberd, more: "refresh_on_login: false"}.keeper(t, s, app)

		first := p.begin("john")
		eventually(t, "john's roster is asked for", func() bool { return app.asked("john") == 1 })
		var jobs []rosterJob
		for i := range askers {
			j := p.begin("john", fmt.Sprintf("other%d", i), "john@localhost")
			jobs = append(jobs, j)
			j = p.job(j.ID, "the other user of the job is done", func(j rosterJob) bool { return j.Done == 1 })
			if j.State != "running" || j.Total != 2 {
				t.Errorf("%+v", j)
			}
		}
		app.want("john", johnsNew)
		g.release()
		for _, j := range append(jobs, first) {
			j = p.job(j.ID, "the job is done", ended)
			if j.State != "done" || j.Done != j.Total || j.Updated != j.Total || j.Errors != 0 || len(j.Results) != j.Total {
				t.Errorf("%+v", j)
			}
		}
		if n := app.asked("john"); n != 2 {
			t.Errorf("%d requests for john", n)
		}
		if n := len(p.rosterOf("john").Actual); n != 3 {
			t.Errorf("john has %d contacts", n)
		}
		var no struct{ Title string }
		p.rosterCall("GET", "/v1/jobs/job_unknown", "", 404, &no)
		rosterCommands(t, p, app)
	})
}

// rosterCommands: the same by the command line, as an operator does it.
func rosterCommands(t *testing.T, p *program, app *contactsApp) {
	t.Helper()
	run := func(stdin string, args ...string) (out, errs string, code int) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), binary, append([]string{"roster"}, args...)...)
		cmd.Env = append(cmd.Environ(), "STANZAHOOK_API=http://"+p.addr, "STANZAHOOK_TOKEN="+rosterToken, "GORACE=atexit_sleep_ms=0")
		var o, e strings.Builder
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &o, &e
		_ = cmd.Run() // the exit code tells
		return o.String(), e.String(), cmd.ProcessState.ExitCode()
	}
	app.want("john", johnsContacts)
	app.want("nobody", johnsContacts)
	for _, c := range []struct {
		args      []string
		stdin     string
		out, errs string
		code      int
	}{
		{[]string{"diff", "john"}, "", "remove  aaron@localhost  Aaron          both\n0 to add, 0 to change, 1 to remove\n", "", 0},
		{[]string{"refresh", "john", "other0"}, "", "2 rosters: 2 updated, 0 failed\n", "", 0},
		{[]string{"diff", "john@localhost"}, "", "no changes: the server has the wanted roster\n", "", 0},
		{[]string{"show", "john"}, "", "michael@localhost  Michael          both", "", 0},
		{[]string{"refresh", "--file", "-"}, "# of the first floor\njohn\nnobody\n", "2 rosters: 1 updated, 1 failed\n", "nobody@localhost: no-such-user: ", 1},
		{[]string{"refresh", "--all"}, "", "7 rosters: 6 updated, 1 failed\n", "1 of 7 rosters were not updated", 1},
		{[]string{"refresh", "john@elsewhere.example"}, "", "", "no user of a host", 1},
		{[]string{"refresh"}, "", "", "give users", 2},
	} {
		out, errs, code := run(c.stdin, c.args...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
			t.Errorf("roster %s: exit code %d\n%s%s", strings.Join(c.args, " "), code, out, errs)
		}
	}
}
