package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/rostertest"
)

// inRoster runs the command and returns what it printed.
func inRoster(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs strings.Builder
	cmd := rosterCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

// rosterInstance is an instance with rosters of example.com: those of john and
// aaron can be refreshed, that of kept in part, and that of ghost not.
func rosterInstance(t *testing.T) *rostertest.Memory {
	rosters, m := rostertest.New("example.com")
	for _, name := range []string{"john", "aaron", "ghost", "kept"} {
		m.Wants[jid.MustParse(name+"@example.com")] = `{"marie@example.com":{"name":"Ma\u202erie","groups":["A","B"]}}`
	}
	m.Has[jid.MustParse("john@example.com")] = rostertest.Contacts("marie@example.com", "eve@example.com")
	m.Fails[jid.MustParse("ghost@example.com")] = fmt.Errorf("%w\x1b[2J", roster.ErrNoSuchUser)
	m.Keeps[jid.MustParse("kept@example.com")] = true
	s := httptest.NewServer(httpapi.New(httpapi.Options{NoAuth: true}, v1.New(v1.Options{Rosters: rosters})).Handler())
	t.Cleanup(func() {
		s.Close()
		stopped, stop := context.WithCancel(context.Background())
		stop()
		rosters.Stop(stopped)
	})
	t.Setenv(EnvAPI, s.URL)
	return m
}

func TestRosterCommands(t *testing.T) {
	t.Setenv("TZ", "UTC")
	rosterInstance(t)
	list := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(list, []byte("\ufeff# those of the first floor\r\njohn\r\n\n  aaron@example.com \njohn\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args           []string
		stdin          string
		out, errs, err string
	}{
		{[]string{"show", "john"}, "", "on the server\nmarie@example.com", "", ""},
		{[]string{"diff", "john@example.com"}, "", "change  marie@example.com                  both\n    to  marie@example.com  Ma rie  A, B    both\nremove  eve@example.com                    both\n0 to add, 1 to change, 1 to remove\n", "", ""},
		{[]string{"diff", "john", "--host", "example.com", "--json"}, "", `{"add":[],"change":[{"jid":"marie@example.com","from":{"name":"",`, "", ""},
		{[]string{"diff", "ghost"}, "", "", "", "the server does not know this user"},
		{[]string{"refresh", "john", "aaron", "john@example.com"}, "", "2 rosters: 2 updated, 0 failed\n", "", ""},
		{[]string{"diff", "john"}, "", "no changes: the server has the wanted roster\n", "", ""},
		{[]string{"show", "john"}, "", "marie@example.com  Ma rie  A, B    both          as wanted\n", "", ""},
		{[]string{"show", "nobody"}, "", "last refresh: none yet\n\nThere are no contacts on the server.\nThe web application has not been asked yet", "", ""},
		{[]string{"refresh", "--file", list}, "", "2 rosters: 2 updated, 0 failed\n", "", ""},
		{[]string{"refresh", "--file", "-"}, "# nobody\n\n", "0 rosters: 0 updated, 0 failed\n", "", ""},
		{[]string{"refresh", "--file", "-", "--host", "example.com", "--force"}, "kept\nghost", "2 rosters: 1 updated (1 of them only in part), 1 failed\n",
			"kept@example.com: degraded: 1 added; the server has kept other subscriptions: marie@example.com none instead of both\nghost@example.com: no-such-user: the roster cannot be read: the server does not know this user [2J\n", "1 of 2 rosters were not updated"},
		{[]string{"refresh", "--all", "--host", "example.com"}, "", "4 rosters: 3 updated (1 of them only in part), 1 failed\n", "ghost@example.com: no-such-user", "1 of 4 rosters"},
		{[]string{"show", "kept"}, "", "wanted, otherwise on the server\nmarie@example.com  Ma rie  A, B    none          on the server\n", "", ""},
		{[]string{"refresh", "john@example.net"}, "", "", "", `"john@example.net" is not a user of a host`},
		{[]string{"refresh", "--file", list + "x"}, "", "", "", "--file: "},
	} {
		out, errs, err := inRoster(t, c.stdin, c.args...)
		text := ""
		if err != nil {
			text = err.Error()
		}
		lines := func(s string) []string { return slices.Sorted(strings.SplitSeq(s, "\n")) }
		wrong := !strings.Contains(errs, c.errs)
		if strings.HasSuffix(c.errs, "\n") { // in the order in which they were done
			wrong = !slices.Equal(lines(errs), lines(c.errs))
		}
		if !strings.Contains(out, c.out) || c.out == "" && out != "" || wrong || c.errs == "" && errs != "" || !strings.Contains(text, c.err) || (err == nil) != (c.err == "") || strings.Contains(out+errs, "\x1b") || strings.Contains(out, "\u202e") && !slices.Contains(c.args, "--json") {
			t.Errorf("%v:\n%s%s%v", c.args, out, errs, err)
		}
		var f failure
		if err != nil && !errors.As(err, &f) {
			t.Errorf("%v: %v is no failure", c.args, err)
		}
	}
}

func TestRosterRefreshAsJSON(t *testing.T) {
	rosterInstance(t)
	out, errs, err := inRoster(t, "", "refresh", "john", "ghost", "--json")
	var sum refreshed
	if e := json.Unmarshal([]byte(out), &sum); e != nil || err == nil || errs != "" {
		t.Fatalf("%s%s%v, %v", out, errs, err, e)
	}
	if len(sum.Jobs) != 1 || sum.Total != 2 || sum.Done != 2 || sum.Updated != 1 || sum.Errors != 1 || len(sum.Results) != 2 {
		t.Errorf("%s", out)
	}
	if out, _, err = inRoster(t, "", "refresh", "--file", "-", "--json"); err != nil || out != `{"jobs":[],"total":0,"done":0,"updated":0,"errors":0,"degraded":0,"results":[],"left_out":0}`+"\n" {
		t.Errorf("%s, %v", out, err)
	}
}

// Many users go in several requests, each of a size that is taken.
func TestRosterRefreshOfMany(t *testing.T) {
	var names []string
	for i := range 10_000 {
		names = append(names, fmt.Sprintf("somebody-%d@example.com", i))
	}
	var got []string
	for _, part := range batches(append(names, names[:100]...)) {
		text, err := json.Marshal(part)
		if err != nil || len(text) > maxBatch+1 || len(part) == 0 {
			t.Errorf("%d bytes, %v", len(text), err)
		}
		got = append(got, part...)
	}
	if !slices.Equal(got, names) {
		t.Errorf("%d names became %d", len(names), len(got))
	}
	rosterInstance(t)
	out, errs, err := inRoster(t, strings.Join(names, "\n"), "refresh", "--file", "-")
	if err == nil || out != "10000 rosters: 0 updated, 10000 failed\n" || strings.Count(errs, "\n") != 10_000 {
		t.Errorf("%s, %v", out, err)
	}
}

// scripted is an instance that gives answers one after the other.
func scripted(t *testing.T, answers ...string) (asked *[]string) {
	asked = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.URL.String())
		answer := answers[min(len(*asked), len(answers))-1]
		status := http.StatusOK
		if n, rest, ok := strings.Cut(answer, " "); ok && len(n) == 3 {
			_, _ = fmt.Sscan(n, &status)
			answer = rest
		}
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	t.Setenv(EnvAPI, s.URL)
	return asked
}

func TestRosterRefreshGoesWrong(t *testing.T) {
	const running = `{"id":"j/1","state":"running","total":3,"done":1}`
	for _, c := range []struct {
		name       string
		answers    []string
		asked, out string
		err        string
	}{
		{"looks again", []string{"202 " + running, running, `429 {"detail":"slow"}`, running, `{"id":"j/1","state":"done"}`, `{"id":"j/1","state":"done","total":3,"done":3,"updated":3}`},
			"POST /v1/rosters/refresh, GET /v1/jobs/j%2F1?results=0, GET /v1/jobs/j%2F1?results=0, GET /v1/jobs/j%2F1?results=0, GET /v1/jobs/j%2F1?results=0, GET /v1/jobs/j%2F1", "3 rosters: 3 updated, 0 failed\n", ""},
		{"interrupted", []string{"202 " + running, `{"id":"j/1","state":"interrupted","total":3,"done":1,"updated":1}`}, "", "3 rosters: 1 updated, 0 failed, 2 not begun\n", "stopped when 1 of 3 rosters were done"},
		{"refused", []string{`503 {"detail":"too many"}`}, "POST /v1/rosters/refresh", "", "too many"},
		{"lost", []string{"202 " + running, `500 {"detail":"broken"}`}, "", "", "GET /v1/jobs/j%2F1 tells of it, but: broken"},
		{"lost at the end", []string{`202 {"id":"j","state":"done"}`, `404 {"detail":"gone"}`}, "", "", "gone"},
		{"no JSON", []string{"202 <html>"}, "", "", "cannot be read"},
		{"no credentials", []string{`401 {"detail":"none"}`}, "", "", "the scope roster"},
		{"results left out", []string{`202 {"id":"j","state":"done"}`, `{"id":"j","state":"done","total":9,"done":9,"errors":9,"left_out":8,"results":[{"user":"a@b","result":"timeout","detail":"x"}]}`}, "", "9 rosters: 0 updated, 9 failed\n", "9 of 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := scripted(t, c.answers...)
			out, errs, err := inRoster(t, "", "refresh", "john")
			if out != c.out || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s%s%v", out, errs, err)
			}
			if got := strings.Join(*asked, ", "); c.asked != "" && got != c.asked {
				t.Errorf("asked %s", got)
			}
			if c.name == "results left out" && errs != "a@b: timeout: x\n… and 8 more\n" {
				t.Errorf("%s", errs)
			}
		})
	}
	t.Run("broken off", func(t *testing.T) {
		asked := scripted(t, "202 "+running, running)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		err := (&refresher{api: &api{}, bar: &progress{}}).refresh(ctx, true, nil)
		if err == nil || len(*asked) > 0 {
			t.Errorf("%v, asked %q", err, *asked)
		}
	})
}

func TestRosterUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"refresh"}, {"refresh", "john", "--all"}, {"refresh", "--all", "--file", "x"}, {"show"}, {"diff", "a", "b"}, {"show", "--x"}} {
		_, _, err := inRoster(t, "", args...)
		var f failure
		if err == nil || errors.As(err, &f) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// A bar is for terminals, and gone in the end.
func TestProgress(t *testing.T) {
	var b strings.Builder
	p := newProgress(&b)
	p.show(1, 2)
	p.end()
	if b.Len() > 0 {
		t.Errorf("in a pipe: %q", b.String())
	}
	p = &progress{out: &b}
	p.show(0, 0)
	p.show(1, 4)
	p.show(5, 4) // somebody was named twice
	p.end()
	if text := b.String(); !strings.Contains(text, "rosters") || !strings.Contains(text, "(0/4)") || strings.Contains(text, "\n") || strings.TrimSpace(text[strings.LastIndex(text[:len(text)-1], "\r"):]) != "" {
		t.Errorf("%q", text)
	}
}
