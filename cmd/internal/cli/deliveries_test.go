package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// instance answers as a running stanzahook does, and notes what it was asked.
func instance(t *testing.T, status int, answer string) (asked *[]string) {
	asked = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	t.Setenv(EnvAPI, s.URL+"/")
	t.Setenv(envToken, "t")
	return asked
}

// inDeliveries runs the command and returns what it printed.
func inDeliveries(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs strings.Builder
	cmd := deliveriesCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

const listAnswer = `{"items":[
 {"id":"evt_2","endpoint":"echo","state":"retrying","type":"message.chat","from":"u@example.com/x","to":"echo@bot.example.com","received":"2026-11-20T18:00:00Z",
  "next_attempt":null,"reason":"503 Service Unavailable: the database of the bot is not there, it says\u001b[2J","attempts":[{},{}]},
 {"id":"01X","endpoint":null,"state":"dead","type":"message.chat","from":"a","to":"b","received":"2026-11-20T17:00:00Z","next_attempt":null,"reason":null,"note":"answered text/html; no reply\u001b","attempts":[]}],"next":"c"}`

const showAnswer = `{"id":"evt_2","endpoint":"echo","state":"retrying","type":"message.chat","from":"u@example.com/x","to":"echo@bot.example.com","received":"2026-11-20T18:00:00Z",
 "next_attempt":"2026-11-20T18:01:00Z","reason":"503","attempts":[{"time":"2026-11-20T18:00:00Z","status":503,"duration_ms":1.5,"content_type":"text/plain","error":"busy","note":"3 replaced","answer":"later\n\u001b[2J"},
 {"time":"2026-11-20T18:00:05Z","status":null,"duration_ms":0,"error":"refused"}],"stanza":"<message/>"}`

func TestListAndShow(t *testing.T) {
	t.Setenv("TZ", "UTC")
	asked := instance(t, 200, listAnswer)
	out, _, err := inDeliveries(t, "list", "--endpoint", "echo", "--jid", "u@example.com", "--since", "2h", "--limit", "2", "--state", "retrying")
	if err != nil || (*asked)[0] != "GET /v1/deliveries?after=2h&endpoint=echo&jid=u%40example.com&limit=2&state=retrying Bearer t" {
		t.Errorf("%v, asked %q", err, *asked)
	}
	for _, part := range []string{"RECEIVED", "  retrying  echo      message.chat  u@example.com/x  echo@bot.example.com  2      evt_2  503 Service", "  0      01X    answered text/html; no reply", "(outbox)", "There are more: --cursor c"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is not in\n%s", part, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("a stranger's escape sequence reached the terminal: %q", out)
	}
	if out, _, err = inDeliveries(t, "list", "--dead", "--json"); err != nil || out != listAnswer+"\n" || !strings.HasPrefix((*asked)[1], "GET /v1/dead-letters?limit=50 ") {
		t.Errorf("%v, asked %q\n%s", err, *asked, out)
	}
	instance(t, 200, showAnswer)
	out, _, err = inDeliveries(t, "show", "evt_2")
	for _, part := range []string{"state:        retrying\n", "attempt 1:    ", "1.5 ms, 503, text/plain, busy\n", "note:       3 replaced\n", "no answer, refused\n", "later", "stanza:       <message/>\n"} {
		if err != nil || !strings.Contains(out, part) || strings.Contains(out, "\x1b") {
			t.Errorf("%v, %q is not in\n%s", err, part, out)
		}
	}
	instance(t, 200, `{"items":[],"next":null}`)
	if out, _, err = inDeliveries(t, "list"); err != nil || out != "nothing found\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestReplayAndDropCommands(t *testing.T) {
	asked := instance(t, 202, `{"endpoint":"echo","replayed":3}`)
	for _, args := range [][]string{{"replay", "evt_1", "evt/2"}, {"replay", "--endpoint", "echo", "--since", "2h"}, {"drop", "evt_1"}} {
		if out, _, err := inDeliveries(t, args...); err != nil || out == "" {
			t.Errorf("%v: %q, %v", args, out, err)
		}
	}
	want := "POST /v1/deliveries/evt_1/replay, POST /v1/deliveries/evt%2F2/replay, POST /v1/endpoints/echo/replay?since=2h, DELETE /v1/deliveries/evt_1"
	if got := strings.ReplaceAll(strings.Join(*asked, ", "), " Bearer t", ""); got != want {
		t.Errorf("asked %s\nwant  %s", got, want)
	}
	instance(t, 409, `{"detail":"it is in the queue already"}`)
	out, errs, err := inDeliveries(t, "replay", "evt_1", "evt_2", "--json")
	if err == nil || err.Error() != "2 of 2 were not replayed" || strings.Count(errs, "queue already") != 2 || !strings.Contains(out, `{"id":"evt_1","done":false,"error":"it is in the queue already"}`) {
		t.Errorf("%q, %q, %v", out, errs, err)
	}
}

// TestFailures has what goes wrong: with a failure the program exits with 1,
// else with 2.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  int
		answer  string
		args    []string
		failure bool
		text    string
	}{
		{"problem", 400, `{"detail":"jid: no"}`, []string{"list", "--jid", "x"}, true, "jid: no"},
		{"no problem document", 502, `<html>`, []string{"list"}, true, "502 Bad Gateway; is this stanzahook?"},
		{"no credentials", 401, `{"detail":"No credentials"}`, []string{"list"}, true, envToken},
		{"inner error", 500, `{"detail":"something","request_id":"r1"}`, []string{"show", "x"}, true, "r1"},
		{"no JSON", 200, `<html>`, []string{"list"}, true, "cannot be read"},
		{"redirect", 302, ``, []string{"list"}, true, "302"},
		{"no command", 200, ``, nil, false, "list, show, replay or drop"},
		{"no id", 200, ``, []string{"show"}, false, "arg"},
		{"nothing to replay", 200, ``, []string{"replay"}, false, "--endpoint"},
		{"both", 200, ``, []string{"replay", "x", "--endpoint", "echo"}, false, "not both"},
		{"since alone", 200, ``, []string{"replay", "x", "--since", "2h"}, false, "--since goes with"},
		{"dead and state", 200, ``, []string{"list", "--dead", "--state", "dead"}, false, "exclude"},
		{"limit", 200, ``, []string{"list", "--limit", "501"}, false, "--limit"},
		{"unknown flag", 200, ``, []string{"list", "--x"}, false, "--x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			instance(t, c.status, c.answer)
			_, _, err := inDeliveries(t, c.args...)
			var f failure
			if err == nil || errors.As(err, &f) != c.failure || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Setenv(EnvAPI, "http://user:secret@127.0.0.1:1")
	if _, _, err := inDeliveries(t, "list"); err == nil || !strings.Contains(err.Error(), "Is it running") || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody there: %v", err)
	}
	if _, _, err := inDeliveries(t, "list", "--api", "localhost:5290"); err == nil || !strings.Contains(err.Error(), "--api") {
		t.Errorf("no URL: %v", err)
	}
}

func TestTokenFile(t *testing.T) {
	asked := instance(t, 200, `{"items":[]}`)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := inDeliveries(t, "list", "--token-file", file); err != nil || !strings.HasSuffix((*asked)[0], " Bearer from-file") {
		t.Errorf("%q, %v", *asked, err)
	}
	if _, _, err := inDeliveries(t, "list", "--token-file", file+"x"); err == nil || !strings.Contains(err.Error(), "--token-file") {
		t.Errorf("no such file: %v", err)
	}
}
