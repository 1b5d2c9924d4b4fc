package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stanzahook/cmd/internal/instance"
	"stanzahook/httpapi"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/roster/rostertest"
)

// inRoster runs the command with a standard input.
func inRoster(t *testing.T, text string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	stdin(t, text)
	return inProgram(t, append([]string{"roster"}, args...)...)
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
	s := httptest.NewServer(httpapi.New(httpapi.Options{NoAuth: true}, v1.New(v1.Options{Rosters: rosters})))
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
		args             []string
		stdin, out, errs string
	}{
		{[]string{"show", "john"}, "", "on the server\nmarie@example.com", ""},
		{[]string{"diff", "john@example.com"}, "", "change  marie@example.com                  both\n    to  marie@example.com  Ma rie  A, B    both\nremove  eve@example.com                    both\n0 to add, 1 to change, 1 to remove\n", ""},
		{[]string{"diff", "john", "--host", "example.com", "--json"}, "", `{"add":[],"change":[{"jid":"marie@example.com","from":{"name":"",`, ""},
		{[]string{"diff", "ghost"}, "", "", "the server does not know this user"},
		{[]string{"refresh", "john", "aaron", "john@example.com"}, "", "2 rosters: 2 updated, 0 failed\n", ""},
		{[]string{"diff", "john"}, "", "no changes: the server has the wanted roster\n", ""},
		{[]string{"show", "john"}, "", "marie@example.com  Ma rie  A, B    both          as wanted\n", ""},
		{[]string{"show", "nobody"}, "", "last refresh: none yet\n\nThere are no contacts on the server.\nThe web application has not been asked yet", ""},
		{[]string{"refresh", "--file", list}, "", "2 rosters: 2 updated, 0 failed\n", ""},
		{[]string{"refresh", "--file", "-"}, "# nobody\n\n", "0 rosters: 0 updated, 0 failed\n", ""},
		{[]string{"refresh", "--file", "-", "--host", "example.com", "--force"}, "kept\nghost", "2 rosters: 1 updated (1 of them only in part), 1 failed\n",
			"kept@example.com: degraded: 1 added; the server has kept other subscriptions: marie@example.com none instead of both\nghost@example.com: no-such-user: the roster cannot be read: the server does not know this user [2J\nnot updated: 1 of 2 rosters\n"},
		{[]string{"refresh", "--all", "--host", "example.com"}, "", "4 rosters: 3 updated (1 of them only in part), 1 failed\n", "ghost@example.com: no-such-user"},
		{[]string{"show", "kept"}, "", "wanted, otherwise on the server\nmarie@example.com  Ma rie  A, B    none          on the server\n", ""},
		{[]string{"refresh", "john@example.net"}, "", "", `"john@example.net" is not a user of a host`},
		{[]string{"refresh", "--file", list + "x"}, "", "", "--file: "},
	} {
		code, out, errs := inRoster(t, c.stdin, c.args...)
		lines := func(s string) []string { return slices.Sorted(strings.SplitSeq(s, "\n")) }
		wrong := !strings.Contains(errs, c.errs) || c.errs == "" && errs != ""
		if strings.HasSuffix(c.errs, "\n") { // in the order in which they were done
			wrong = !slices.Equal(lines(errs), lines(c.errs))
		}
		if !strings.Contains(out, c.out) || c.out == "" && out != "" || wrong || (code == exitFailed) != (c.errs != "") || strings.Contains(out+errs, "\x1b") || strings.Contains(out, "\u202e") && !slices.Contains(c.args, "--json") {
			t.Errorf("%v: %d\n%s%s", c.args, code, out, errs)
		}
	}
}

func TestRosterRefreshAsJSON(t *testing.T) {
	rosterInstance(t)
	code, out, errs := inRoster(t, "", "refresh", "john", "ghost", "--json")
	var sum refreshed
	if err := json.Unmarshal([]byte(out), &sum); err != nil || code != exitFailed || errs != "not updated: 1 of 2 rosters\n" {
		t.Fatalf("%s%s%v", out, errs, err)
	}
	if len(sum.Jobs) != 1 || sum.Total != 2 || sum.Done != 2 || sum.Updated != 1 || sum.Errors != 1 || len(sum.Results) != 2 {
		t.Errorf("%s", out)
	}
	if code, out, _ = inRoster(t, "", "refresh", "--file", "-", "--json"); code != 0 || out != `{"jobs":[],"total":0,"done":0,"updated":0,"errors":0,"degraded":0,"results":[],"left_out":0}`+"\n" {
		t.Errorf("%s", out)
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
	code, out, errs := inRoster(t, strings.Join(names, "\n"), "refresh", "--file", "-")
	if code != exitFailed || out != "10000 rosters: 0 updated, 10000 failed\n" || strings.Count(errs, "\n") != 10_000+1 {
		t.Errorf("%d %s", code, out)
	}
}

// A refresh that is broken off asks nothing.
func TestRosterRefreshBrokenOff(t *testing.T) {
	asked := standIn(t, "202 "+textJob)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	err := (&refresher{api: &api{new(instance.API)}, bar: &progress{}}).refresh(ctx, true, nil)
	if err == nil || len(*asked) > 0 {
		t.Errorf("%v, asked %q", err, *asked)
	}
}

// A bar is for terminals, and gone in the end.
func TestProgress(t *testing.T) {
	var b strings.Builder
	p := newProgress(&b, "rosters")
	p.show(1, 2)
	p.end()
	if b.Len() > 0 {
		t.Errorf("in a pipe: %q", b.String())
	}
	p = &progress{out: &b, of: "rosters"}
	p.show(0, 0)
	p.show(1, 4)
	p.show(5, 4) // somebody was named twice
	p.end()
	if text := b.String(); !strings.Contains(text, "rosters") || !strings.Contains(text, "(0/4)") || strings.Contains(text, "\n") || strings.TrimSpace(text[strings.LastIndex(text[:len(text)-1], "\r"):]) != "" {
		t.Errorf("%q", text)
	}
}
