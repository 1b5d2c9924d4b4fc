//go:build integration

package http

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// Every secret that a configuration may hold has this in it.
const recognisable = "hunter2"

const secretConfig = `
components:
  - {domain: secrets.localhost, server: "%[1]s", secret: hunter2-component}
  - {domain: files.localhost, server: "%[1]s", secret_file: component.secret}
endpoints:
  - name: signed
    url: http://127.0.0.1:9/hook?key=hunter2-query&to={to}
    component: secrets.localhost
    signing_secrets: ["%[2]s"]
    headers: {Authorization: Bearer hunter2-header}
    retry: {schedule: [100ms, 1h]}
  - {name: answers, url: "http://127.0.0.1:9/hook?hunter2-key", component: files.localhost, format: rest-json}
rosters:
  - host: localhost
    url: http://127.0.0.1:9/contacts/%%s?token=hunter2-roster
    component: secrets.localhost
    headers: {X-Key: hunter2-roster-header}
    ejabberd_api: {url: "http://127.0.0.1:9/api", user: admin@localhost, password_file: api.secret}
    timeout: 2s
http:
  listen: "%[3]s"
  tokens:
    - {name: all, hash: "sha256:%[4]x", scopes: [send, query, roster, admin]}
    - {name: filed, token_file: token.secret, scopes: [send]}
  basic: {component: true}
outbound: {proxy: "http://user:hunter2-proxy@127.0.0.1:9"}
store: {dir: store}
drain: 2s
log: {level: debug}
`

// No secret is ever in what the program prints, logs or answers.
func TestSecretsAreKept(t *testing.T) {
	const token = "hunter2-token"
	o := harness.ServerOptions(lab.Prosody)
	o.Components = []lab.Component{{Domain: "secrets.localhost", Secret: "hunter2-component"}, {Domain: "files.localhost", Secret: "hunter2-file"}}
	s := harness.StartServer(t, o)
	dir := t.TempDir()
	signing := "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789 signing hunter2"))
	hash := sha256.Sum256([]byte(token))
	config := fmt.Sprintf(secretConfig, s.ComponentAddr(), signing, "127.0.0.1:"+harness.FreePort(t), hash)
	file := filepath.Join(dir, "stanzahook.yaml")
	for name, text := range map[string]string{file: config, filepath.Join(dir, "component.secret"): "hunter2-file\n", filepath.Join(dir, "api.secret"): "hunter2-api\n", filepath.Join(dir, "token.secret"): "hunter2-filed\n"} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	keeps := func(what, text string) {
		t.Helper()
		// The key is not told apart from the text around it when it is in base64.
		for _, secret := range []string{recognisable, strings.TrimPrefix(signing, "whsec_"), hex.EncodeToString(hash[:])} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s shows a secret: …%s…", what, text[max(0, at-100):min(len(text), at+50)])
			}
		}
	}

	p := harness.LaunchFile(t, file)
	p.AwaitLinks(2)
	env := []string{"STANZAHOOK_API=http://user:hunter2-address@" + p.Addr, "STANZAHOOK_TOKEN=" + token}
	runs := func(env []string, lines ...string) {
		t.Helper()
		for _, line := range lines {
			args := strings.Fields(line)
			_, out, errs := harness.RunProgram(t, env, args...)
			if out+errs == "" {
				t.Errorf("%s says nothing", line)
			}
			keeps(line, out+errs)
		}
	}
	alice := harness.Login(t, s, "alice")
	for _, domain := range []string{"secrets.localhost", "files.localhost"} {
		alice.Send("<message to='%s' type='chat' id='m'><body>hello</body></message>", domain)
	}
	id := ""
	harness.Eventually(t, "a delivery has failed", func() bool {
		_, out, _ := harness.RunProgram(t, env, "deliveries", "list", "--state", "retrying", "--json")
		var list struct{ Items []struct{ ID string } }
		if json.Unmarshal([]byte(out), &list) != nil || len(list.Items) == 0 {
			return false
		}
		id = list.Items[0].ID
		return true
	})
	local := "check --config " + file
	runs(env, local, local+" --json", local+" --live --user alice@localhost", local+" --live --user alice@localhost --json",
		"send --to alice@localhost --body x --from secrets.localhost", "send --to nobody@localhost --body x --from secrets.localhost --json", "send --to x --body x --from user@localhost",
		"roster refresh alice", "roster refresh --all --json", "roster show alice", "roster show alice --json", "roster diff alice",
		"deliveries list", "deliveries list --dead --json", "deliveries show "+id, "deliveries show "+id+" --json", "deliveries replay "+id, "deliveries drop "+id,
		"version", "version --json", "help", "token", "completion bash", "serve --config "+file)
	runs([]string{env[0], "STANZAHOOK_TOKEN=hunter2-wrong"}, "deliveries list", local+" --live", "send --to alice@localhost --body x")
	runs([]string{"STANZAHOOK_API=http://user:hunter2-address@127.0.0.1:9"}, "deliveries list", local+" --live", "roster show alice --json")
	runs([]string{"STANZAHOOK_API=hunter2-no-url"}, "deliveries list")
	for _, path := range []string{"/v1/status", "/v1/endpoints", "/v1/endpoints/signed", "/v1/deliveries", "/openapi.json", "/readyz", "/metrics"} {
		r, err := p.Call("GET", path, token, "", "")
		if err != nil || r.Status != 200 {
			t.Errorf("%s: %d %v", path, r.Status, err)
		}
		keeps(path, r.Body)
	}
	for _, authorization := range []string{"Bearer hunter2-unknown", "Basic " + base64.StdEncoding.EncodeToString([]byte("secrets.localhost:hunter2-wrong"))} {
		if r := p.V1Raw("/v1/status", "", "Authorization", authorization); r.Status != 401 {
			t.Errorf("%s: %d", authorization, r.Status)
		} else {
			keeps("a refusal", r.Body)
		}
	}
	p.StopWell()
	keeps("the log", p.Log.String())
	runs(nil, local+" --live --user alice@localhost", local+" --live --json")

	// A mistake in every line that has a secret in it.
	for old, mistake := range map[string]string{
		"secret: hunter2-component":             "secret hunter2-component",
		"hunter2-component}":                    "[hunter2-component]}",
		"secret_file: component.secret":         "secret_file: component.secret, secret: hunter2-both",
		"{Authorization: Bearer hunter2-header": "{Authorization Bearer: hunter2\x01header",
		"signing_secrets: [\"":                  "signing_secrets: [\"hunter2",
		"?key=hunter2-query":                    "?key=hunter2-query#x",
		"%s?token":                              "?token",
		"hash: \"sha256:":                       "hash: \"hunter2 sha256:",
		"http://user:hunter2-proxy@":            "socks://user:hunter2-proxy@",
		"basic: {component: true}":              "basic: hunter2-basic",
		"drain: 2s":                             "drain: hunter2-drain\nhunter2: hunter2-unknown",
	} {
		bad := filepath.Join(dir, "bad.yaml")
		text := strings.Replace(config, old, mistake, 1)
		if text == config {
			t.Fatalf("there is no %s", old)
		}
		require.NoError(t, os.WriteFile(bad, []byte(text), 0o600))
		for _, line := range []string{"check", "check --json", "serve"} {
			code, out, errs := harness.RunProgram(t, nil, append(strings.Fields(line), "--config", bad)...)
			if code != 1 {
				t.Errorf("%s takes %s", line, mistake)
			}
			if !strings.HasPrefix(old, "drain") { // neither is a place for secrets
				keeps(line+" of "+mistake, out+errs)
			}
		}
	}
}
