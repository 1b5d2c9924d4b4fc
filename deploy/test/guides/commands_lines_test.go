//go:build integration

package guides

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// The configuration of the guide about commands is accepted, and its lines are run, in their
// order: those of the chat, those of the API, and the program to start from.
func TestCommandsLines(t *testing.T) {
	page := harness.Page(t, "examples/guide/commands.md")
	shown := harness.CodeBlocks(page, "yaml")[0]
	checkShown(t, t.TempDir(), shown)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, what, _ := strings.Cut(string(body), `"action"`)
		_, _ = io.WriteString(w, what)
	}))
	t.Cleanup(hook.Close)
	blocks := harness.CodeBlocks(page, "sh")
	if len(blocks) != 2 {
		t.Fatalf("%d blocks", len(blocks))
	}
	program, lines := blocks[0], strings.Split(blocks[1], "\ncurl")
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	const address = "http://127.0.0.1:8080/ops"
	if !strings.Contains(shown, address) || !strings.Contains(lines[0], address) {
		t.Fatal("the guide has another address")
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, guideOptions(kind))
		u := harness.Login(t, s, "juliet")
		d := serveGuide(t, s, hook.URL) // as the endpoint echo
		if r, err := d.p.Call("PUT", "/v1/commands/deploy", guideToken, "application/json", asKeys(t, shown)); err != nil || r.Status != 201 {
			t.Fatalf("%v %v", r, err)
		}
		say := func(line, want string) {
			t.Helper()
			u.Send("<message type='chat' to='echo@bot.example.com'><body>%s</body></message>", line)
			u.Await("the answer to "+line, func(r lab.Received) bool {
				return r.Kind == "message" && strings.Contains(r.Inner, want)
			})
		}
		say("/deploy env=prod dry=no", "prod")
		say("/help", "/deploy env=… [dry=…] - Deploy")
		for i, want := range []string{`"node":"uptime","name":"Uptime"`, `"items":[]`} {
			line := lines[i]
			if i > 0 {
				line = "curl" + line
			}
			line = strings.ReplaceAll(strings.ReplaceAll(line, " \\\n", " "), address, hook.URL)
			d.shows(line, want)
		}
		say("/uptime", "execute")
		d.runDeploy(program)
		say("/deploy env=staging", "Deployed to staging\nHost | State\nstage1 | up")
		say("/deploy env=prod", "To production?")
		say("no", "Nothing was deployed.")
		step := func(id, attrs, field, value, want string) string {
			t.Helper()
			u.Send("<iq type='set' id='%s' to='echo@bot.example.com'><command xmlns='http://jabber.org/protocol/commands' node='deploy' %s><x xmlns='jabber:x:data' type='submit'><field var='%s'><value>%s</value></field></x></command></iq>", id, attrs, field, value)
			r := u.Await("the step "+id, func(r lab.Received) bool { return r.Kind == "iq" && r.ID == id })
			if !strings.Contains(r.Inner, want) {
				t.Errorf("%s: %s", id, r.Inner)
			}
			_, session, _ := strings.Cut(r.Inner, "sessionid='")
			session, _, _ = strings.Cut(strings.ReplaceAll(session, `"`, "'"), "'")
			return session
		}
		session := step("s1", "action='execute'", "env", "prod", "To production?")
		step("s2", "action='complete' sessionid='"+session+"'", "sure", "1", "<value>www2</value>")
	})
}

// runDeploy runs the program of the guide at a port of its own.
func (d developer) runDeploy(line string) {
	d.t.Helper()
	port := harness.FreePort(d.t)
	const script = "examples/command-python/deploy.py"
	if !strings.Contains(line, "python3 "+script) {
		d.t.Fatalf("%s runs another program", line)
	}
	line = strings.Replace(strings.TrimSpace(line), "python3 "+script, "/usr/bin/python3 "+harness.Path(d.t, script), 1)
	cmd := exec.Command("sh", "-c", line+" "+port)
	cmd.Env = append(os.Environ(), "TOKEN="+guideToken, "STANZAHOOK_API=http://"+d.p.Addr)
	harness.StartProcess(d.t, cmd, port)
	harness.Eventually(d.t, "its command", func() bool {
		r, err := d.p.Call("GET", "/v1/commands/deploy", guideToken, "", "")
		return err == nil && strings.Contains(r.Body, "127.0.0.1:"+port)
	})
}

// asKeys returns the command of a configuration as the API takes it, for the endpoint echo.
func asKeys(t *testing.T, config string) string {
	t.Helper()
	var all struct{ Commands []map[string]any }
	if err := yaml.Unmarshal([]byte(config), &all); err != nil || len(all.Commands) != 1 {
		t.Fatal(err)
	}
	all.Commands[0]["endpoint"] = "echo"
	keys, err := json.Marshal(all.Commands[0])
	require.NoError(t, err)
	return string(keys)
}
