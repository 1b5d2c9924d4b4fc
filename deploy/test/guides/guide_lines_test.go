//go:build integration

package guides

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// developersLines are the commands in the bot developer's guide, continued lines in
// one, and the answers that it shows.
func developersLines(t *testing.T) []string {
	t.Helper()
	var guide strings.Builder
	for _, page := range []string{"webhooks", "sending", "messages", "pull", "rooms"} {
		data, err := os.ReadFile("../../../examples/guide/" + page + ".md")
		require.NoError(t, err)
		guide.Write(data)
	}
	var lines []string
	program := false // between fences, which other tests run
	for line := range strings.Lines(strings.ReplaceAll(guide.String(), " \\\n", " ")) {
		if strings.HasPrefix(line, "```") {
			program = !program
		}
		if program {
			continue
		}
		if code, ok := strings.CutPrefix(line, "    "); ok && !strings.HasPrefix(code, " ") && !strings.Contains(line, "return ") && !strings.Contains(line, " = ") {
			lines = append(lines, strings.TrimSpace(code))
		}
	}
	return lines
}

// developer runs lines of the guide.
type developer struct {
	t   *testing.T
	p   *harness.Program
	dir string
	env []string // of the commands, besides the usual
}

func (d developer) run(line string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), harness.Patience)
	defer cancel()
	line = strings.ReplaceAll(strings.Replace(line, "curl ", "curl --silent --show-error --fail ", 1), "127.0.0.1:5290", d.p.Addr)
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Env = append(os.Environ(), "PATH="+d.dir+":"+os.Getenv("PATH"), "TOKEN="+guideToken, "STANZAHOOK_TOKEN="+guideToken, "STANZAHOOK_API=http://"+d.p.Addr)
	cmd.Env = append(cmd.Env, d.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s: %v: %s", line, err, out)
	}
	d.t.Logf("%s\n%s", line, out)
	return string(out)
}

// guideOptions are of the server that the guides speak of.
func guideOptions(kind lab.Kind) lab.Options {
	return lab.Options{Kind: kind, Host: "example.com", Users: map[string]string{"juliet": harness.Password},
		Components: []lab.Component{{Domain: "bot.example.com", Secret: harness.Secret}}}
}

// checkShown checks a configuration that a guide shows without a component; dir has its files.
func checkShown(t *testing.T, dir, shown string) {
	t.Helper()
	config := harness.WriteConfig(t, dir, "components: [{domain: bot.example.com, secret: hunter2}]\n"+shown)
	if code, _, errs := harness.RunProgram(t, nil, "check", "--config", config); code != 0 {
		t.Errorf("%d %s", code, errs)
	}
}

// serveGuide serves the guide's bot; without url its events are pulled.
func serveGuide(t *testing.T, s *lab.Server, url string) developer {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Symlink(harness.Binary, filepath.Join(dir, "stanzahook")))
	if url != "" {
		url = ", url: \"" + url + "\""
	}
	config := fmt.Sprintf("components:\n  - {domain: bot.example.com, server: \"%s\", secret: %s}\nendpoints:\n  - {name: echo%s}\nhttp:\n  listen: 127.0.0.1:0\n  tokens:\n    - {name: all, hash: %q, scopes: [send, query, rooms, events, admin]}\nstore: {dir: store}\n",
		s.ComponentAddr(), harness.Secret, url, harness.HashOf(guideToken))
	file := harness.WriteConfig(t, dir, config)
	p := harness.LaunchLinked(t, file)
	return developer{t: t, p: p, dir: dir}
}

// shows runs a line, whose output must have a part.
func (d developer) shows(line, part string) {
	d.t.Helper()
	if out := d.run(line); !strings.Contains(out, part) {
		d.t.Errorf("%s: %s, want …%s…", line, out, part)
	}
}

// awaitDead waits until the endpoint has one dead letter, and returns its id.
func (d developer) awaitDead() (id string) {
	d.t.Helper()
	harness.Eventually(d.t, "a dead letter", func() bool {
		r, err := d.p.Call("GET", "/v1/dead-letters", guideToken, "", "")
		require.NoError(d.t, err)
		var found struct {
			Items []struct{ ID string }
		}
		require.NoError(d.t, json.Unmarshal([]byte(r.Body), &found))
		if len(found.Items) == 1 {
			id = found.Items[0].ID
		}
		return id != ""
	})
	return id
}

var routeInGuide = regexp.MustCompile(`(GET|POST|DELETE) +(/v1/\S+)`)

// Every line of the bot developer's guide that can be run is run, in its order: with a
// bot that refuses everything, and without a URL.
func TestDevelopersLines(t *testing.T) {
	o := lab.Options{Kind: lab.Prosody, Host: "example.com", Users: map[string]string{"juliet": harness.Password},
		Components: []lab.Component{{Domain: "bot.example.com", Secret: harness.Secret}}}
	s := harness.StartServer(t, o)
	var commands, endpoints, routes, pulls, others, refs []string
	for _, line := range developersLines(t) {
		switch {
		case strings.HasPrefix(line, "stanzahook deliveries "):
			commands = append(commands, line)
		case strings.HasPrefix(line, "stanzahook endpoints "):
			endpoints = append(endpoints, line)
		case strings.Contains(line, "/events?wait="):
			pulls = append(pulls, line)
		case strings.HasPrefix(line, `{"events":`):
		case strings.Contains(line, "$REF"), strings.Contains(line, "$MINE"):
			refs = append(refs, line)
		case strings.HasPrefix(line, "curl "), strings.HasPrefix(line, "stanzahook send "):
			others = append(others, line)
		default:
			found := routeInGuide.FindAllStringSubmatch(line, -1)
			if len(found) == 0 {
				t.Errorf("nobody runs %q", line)
			}
			for _, f := range found {
				routes = append(routes, f[1]+" "+f[2])
			}
		}
	}
	if len(commands) != 6 || len(endpoints) != 2 || len(pulls) != 2 || len(others) != 12 || len(routes) != 11 || len(refs) != 6 {
		t.Fatalf("%q\n%q\n%q\n%q\n%q\n%q", commands, endpoints, pulls, others, routes, refs)
	}
	u := harness.Login(t, s, "juliet")
	write := func(id string) {
		u.Send("<message to='echo@bot.example.com' type='chat' id='%s'><body>hello</body></message>", id)
	}
	t.Run("failures", func(t *testing.T) {
		refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}))
		defer refusing.Close()
		d := serveGuide(t, s, refusing.URL)
		write("m1")
		for _, line := range commands {
			id := d.awaitDead() // again, after a replay
			if said := d.run(strings.ReplaceAll(line, "evt_01K…", id)); !strings.Contains(said, id) && !strings.Contains(line, "--endpoint echo  ") {
				t.Errorf("%s: there is no %s in\n%s", line, id, said)
			}
		}
		write("m2")
		for _, route := range routes {
			id := d.awaitDead()
			method, path, _ := strings.Cut(strings.NewReplacer("{id}", id, "{name}", "echo").Replace(route), " ")
			path = strings.NewReplacer("endpoint=", "endpoint=echo", "state=", "state=dead", "jid=", "jid=juliet@example.com", "&after=", "", "&before=", "", "since=", "").Replace(path)
			r, err := d.p.Call(method, path, guideToken, "", "")
			if err != nil || r.Status/100 != 2 {
				t.Errorf("%s: %d %s %v", route, r.Status, r.Body, err)
			}
			if method == "DELETE" {
				write("again")
			}
		}
		for _, line := range others {
			d.run(strings.ReplaceAll(line, "wait=30s", "wait=1s"))
		}
		d.p.Stop()
	})
	t.Run("endpoints", func(t *testing.T) {
		answering := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write([]byte("hi there"))
		}))
		defer answering.Close()
		d := serveGuide(t, s, answering.URL)
		for line, want := range map[string]string{endpoints[0]: "echo", endpoints[1]: "hi there"} {
			d.shows(line, want)
		}
		d.p.Stop()
	})
	t.Run("without a URL", func(t *testing.T) {
		d := serveGuide(t, s, "")
		write("m3")
		var page struct {
			Events []struct {
				ID, Type string
				Data     struct{ Body, Ref string }
			}
			Cursor string
		}
		if said := d.run(pulls[0]); json.Unmarshal([]byte(said), &page) != nil || len(page.Events) != 1 || page.Events[0].Data.Body != "hello" || page.Events[0].Type != "message.chat" {
			t.Fatalf("%s", said)
		}
		var sent struct{ Ref string }
		if r, err := d.p.Call("POST", "/v1/messages", guideToken, harness.AsJSON, `{"from":"echo@bot.example.com","to":"juliet@example.com","body":"At one."}`); err != nil || json.Unmarshal([]byte(r.Body), &sent) != nil {
			t.Fatalf("%s %v", r.Body, err)
		}
		d.env = []string{"REF=" + page.Events[0].Data.Ref, "MINE=" + sent.Ref}
		for _, line := range refs {
			d.shows(line, `"ref":"r1_`)
		}
		quick := strings.NewReplacer("C1", page.Cursor, "wait=30s", "wait=1s")
		d.shows(quick.Replace(pulls[1]), `"events":[]`)
		r, err := d.p.Call("POST", "/v1/endpoints/echo/events/ack", guideToken, harness.AsJSON, `{"cursor":"`+page.Cursor+`"}`)
		if err != nil || r.Status/100 != 2 {
			t.Errorf("%d %s %v", r.Status, r.Body, err)
		}
		d.p.Stop()
	})
}
