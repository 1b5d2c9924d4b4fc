//go:build integration

package guides

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const (
	guideToken  = "token-all-of-the-guide"
	guideSecret = "another long random secret" // of the account for ejabberd's API
)

// The servers, stanzahook and the example in Python are set up as
// deploy/guide/rosters.md says; then a login refreshes a roster, and the lines of the
// guide do what it says.
func TestRostersGuide(t *testing.T) {
	g := harness.ReadRostersGuide(t)
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s, component, api := startGuideServer(t, kind, g)
		source := harness.FreePort(t)
		contacts := filepath.Join("..", "..", "..", "examples", "contacts-python", "contacts.py")
		harness.StartProcess(t, exec.Command("/usr/bin/python3", contacts, source), source)

		dir := t.TempDir()
		config := strings.NewReplacer(
			"127.0.0.1:5347", component,
			"127.0.0.1:5281", "127.0.0.1:"+api,
			"127.0.0.1:8081", "127.0.0.1:"+source,
			"sha256:…", harness.HashOf(guideToken),
			"/var/lib/stanzahook", filepath.Join(dir, "store"),
		).Replace(g.Configs[string(kind)])
		whole := harness.ReadYAML(t, config)
		whole["http"].(map[string]any)["listen"] = "127.0.0.1:0"
		text, err := yaml.Marshal(whole)
		require.NoError(t, err)
		p := harness.LaunchLinked(t, harness.WriteConfig(t, dir, string(text)))

		harness.Login(t, s, "john")
		awaitJohn(t, p)
		runGuideLines(t, p, dir, g.Lines)
		p.StopWell()
	})
}

// startGuideServer starts a server that has what the guide says in its configuration,
// and returns the address for components and the port of the API.
func startGuideServer(t *testing.T, kind lab.Kind, g harness.RostersGuide) (s *lab.Server, component, api string) {
	t.Helper()
	o := lab.Options{Kind: kind, Host: "example.com", Users: map[string]string{"john": "j", "alice": "a", "stanzahook": guideSecret}}
	if kind == lab.Prosody {
		o.Edit = func(config []byte) ([]byte, error) { return append(config, g.Prosody...), nil }
	} else {
		port := harness.FreePort(t)
		component, api = "127.0.0.1:"+port, harness.FreePort(t)
		more := harness.ReadYAML(t, strings.NewReplacer("port: 5347", "port: "+port, "port: 5281", "port: "+api).Replace(g.Ejabberd))
		o.Edit = func(config []byte) ([]byte, error) { return harness.AddYAML(config, more) }
	}
	s = harness.StartServer(t, o)
	if component == "" {
		component = s.ComponentAddr()
	}
	return s, component, api
}

// awaitJohn waits until the login has given john his roster.
func awaitJohn(t *testing.T, p *harness.Program) {
	t.Helper()
	var last string
	defer func() {
		if t.Failed() {
			t.Logf("john's roster: %s", last)
		}
	}()
	harness.Eventually(t, "john's login has refreshed his roster", func() bool {
		r, err := p.Call("GET", "/v1/rosters/john", guideToken, "", "")
		require.NoError(t, err)
		last = r.Body
		var v struct {
			Actual map[string]struct {
				Name, Subscription string
				Groups             []string
			}
			Last *struct{ Result string }
		}
		if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
			t.Fatalf("%v in %s", err, r.Body)
		}
		return v.Last != nil && v.Last.Result == "applied" &&
			fmt.Sprint(v.Actual) == "map[alice@example.com:{Alice both [Friends Work]} news@bot.example.com:{News to []}]"
	})
}

// runGuideLines runs the guide's lines, and compares what they print with what it
// says.
func runGuideLines(t *testing.T, p *harness.Program, dir string, lines []string) {
	t.Helper()
	require.NoError(t, os.Symlink(harness.Binary, filepath.Join(dir, "stanzahook")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users.txt"), []byte("john\nalice\n"), 0o600))
	ran, printed := 0, ""
	for _, line := range lines {
		if line[0] == '{' {
			if strings.TrimSpace(printed) != line {
				t.Errorf("the guide's answer is %s, the real one %s", line, printed)
			}
			continue
		}
		ran++
		ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-c", strings.Replace(line, "curl ", "curl --silent --show-error --fail ", 1))
		cmd.Args[2] = strings.ReplaceAll(cmd.Args[2], "127.0.0.1:5290", p.Addr)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "TOKEN="+guideToken,
			"STANZAHOOK_TOKEN="+guideToken, "STANZAHOOK_API=http://"+p.Addr)
		out, err := cmd.CombinedOutput()
		if printed = string(out); err != nil {
			t.Errorf("%s: %v: %s", line, err, out)
		}
		t.Logf("%s\n%s", line, out)
	}
	if ran < 8 {
		t.Errorf("only %d lines were found", ran)
	}
}
