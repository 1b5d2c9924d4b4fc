//go:build integration

package roster

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A refresh that is asked for during one runs after it, once, however many ask.
func TestRosterCoalescing(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const askers = 5
		users := []string{"john"}
		for i := range askers {
			users = append(users, fmt.Sprintf("other%d", i))
		}
		s := harness.StartServer(t, harness.RosterOptions(kind, users, harness.Privileged("jobs")))
		app := harness.NewContactsApp(t)
		app.Rest(harness.Says("{}"))
		g := harness.NewGate(t, harness.Says(johnsContacts))
		app.Answer("john", g.ServeHTTP)
		p := harness.RosterSetup{Component: "jobs", API: kind == lab.Ejabberd, More: "refresh_on_login: false"}.Launch(t, s, app)

		first := p.BeginRefresh("john")
		harness.Eventually(t, "john's roster is asked for", func() bool { return app.Asked("john") == 1 })
		var jobs []harness.RosterJob
		for i := range askers {
			j := p.BeginRefresh("john", fmt.Sprintf("other%d", i), "john@localhost")
			jobs = append(jobs, j)
			j = p.AwaitJob(j.ID, "the other user of the job is done", func(j harness.RosterJob) bool { return j.Done == 1 })
			if j.State != "running" || j.Total != 2 {
				t.Errorf("%+v", j)
			}
		}
		app.Want("john", johnsNew)
		g.Release()
		for _, j := range append(jobs, first) {
			j = p.AwaitJob(j.ID, "the job is done", harness.JobEnded)
			if j.State != "done" || j.Done != j.Total || j.Updated != j.Total || j.Errors != 0 || len(j.Results) != j.Total {
				t.Errorf("%+v", j)
			}
		}
		if n := app.Asked("john"); n != 2 {
			t.Errorf("%d requests for john", n)
		}
		if n := len(p.Roster("john").Actual); n != 3 {
			t.Errorf("john has %d contacts", n)
		}
		var no struct{ Title string }
		p.RosterCall("GET", "/v1/jobs/job_unknown", "", 404, &no)
		rosterCommands(t, p, app)
	})
}

// rosterCommands: the same by the command line, as an operator does it.
func rosterCommands(t *testing.T, p *harness.Program, app *harness.ContactsApp) {
	t.Helper()
	run := func(stdin string, args ...string) (out, errs string, code int) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), harness.Binary, append([]string{"roster"}, args...)...)
		cmd.Env = append(cmd.Environ(), "STANZAHOOK_API=http://"+p.Addr, "STANZAHOOK_TOKEN="+harness.RosterToken, "GORACE=atexit_sleep_ms=0")
		var o, e strings.Builder
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &o, &e
		_ = cmd.Run() // the exit code tells
		return o.String(), e.String(), cmd.ProcessState.ExitCode()
	}
	app.Want("john", johnsContacts)
	app.Want("nobody", johnsContacts)
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
		{[]string{"refresh", "--all"}, "", "7 rosters: 6 updated, 1 failed\n", "not updated: 1 of 7 rosters", 1},
		{[]string{"refresh", "john@elsewhere.example"}, "", "", "not a user of a host", 1},
		{[]string{"refresh"}, "", "", "give users", 2},
	} {
		out, errs, code := run(c.stdin, c.args...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
			t.Errorf("roster %s: exit code %d\n%s%s", strings.Join(c.args, " "), code, out, errs)
		}
	}
}
