//go:build integration

package guides

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/signature"
)

// guideVerifies makes a server of each verify() in the bot developer's guide, with the
// line there that uses it. It returns the ports, by language.
func guideVerifies(t *testing.T, secret string) map[string]string {
	t.Helper()
	data, err := os.ReadFile("../../../examples/guide/webhooks.md")
	require.NoError(t, err)
	guide, dir := string(data), t.TempDir()
	find := func(language, part string) string {
		t.Helper()
		for _, block := range harness.CodeBlocks(guide, language) {
			if strings.Contains(block, part) {
				return block
			}
		}
		t.Fatalf("the guide has no %s with %q", language, part)
		return ""
	}
	use := func(begin string) string {
		t.Helper()
		line := regexp.MustCompile("(?m)^`(" + regexp.QuoteMeta(begin) + ".*)`$").FindStringSubmatch(guide)
		if line == nil {
			t.Fatalf("the guide does not use verify() as in %s", begin)
		}
		return line[1]
	}
	file := func(name, harness, before, code, handler string) string {
		t.Helper()
		server, err := os.ReadFile(filepath.Join("testdata/verify", harness))
		require.NoError(t, err)
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(before+code+"\n"+strings.Replace(string(server), "HANDLER", handler, 1)), 0o600))
		return path
	}
	ports := map[string]string{"python": harness.FreePort(t), "node": harness.FreePort(t), "php": harness.FreePort(t), "go": harness.FreePort(t)}
	harness.StartProcess(t, exec.Command("/usr/bin/python3", file("server.py", "server.py", "", find("python", "def verify("), find("python", "if not verify(")), ports["python"], secret), ports["python"])
	harness.StartProcess(t, exec.Command("node", file("server.js", "server.js", "", find("js", "function verify("), use("if (!verify(req.headers")), ports["node"], secret), ports["node"])
	php := exec.Command("php", "-S", "127.0.0.1:"+ports["php"], file("server.php", "server.php", "<?php\n", find("php", "function verify("), use("if (!verify($_SERVER")))
	php.Env = append(os.Environ(), "SECRET="+secret)
	harness.StartProcess(t, php, ports["php"])
	const imports = "package main\n\nimport (\n\t\"crypto/hmac\"\n\t\"crypto/sha256\"\n\t\"encoding/base64\"\n\t\"fmt\"\n\t\"io\"\n\t\"net/http\"\n\t\"os\"\n\t\"slices\"\n\t\"strconv\"\n\t\"strings\"\n\t\"time\"\n)\n\n"
	source := file("server.go", "server.go.txt", imports, find("go", "func verify("), use("if !verify(r.Header"))
	program := filepath.Join(dir, "server")
	if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	harness.StartProcess(t, exec.Command(program, ports["go"], secret), ports["go"])
	return ports
}

// The verify() of each language in the guide takes what we sign, with the old secret
// and the new one, and answers 401 to everything else, whatever a stranger sends.
func TestGuideVerifiesSignatures(t *testing.T) {
	var secrets []signature.Secret
	for _, text := range []string{harness.SigningSecret, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"} {
		s, err := signature.ParseSecret(text)
		require.NoError(t, err)
		secrets = append(secrets, s)
	}
	const body = `{"id":"evt_1","data":{"body":"grüße"}}`
	now := time.Now()
	sign := func(at time.Time, signers ...signature.Secret) http.Header {
		return http.Header{"Webhook-Id": {"evt_1"}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "Webhook-Signature": {signature.NewSigner(signers).Sign("evt_1", at, []byte(body))}}
	}
	with := func(name string, values ...string) http.Header {
		h := sign(now, secrets[0])
		h[name] = values
		return h
	}
	cases := []struct {
		name, body string
		header     http.Header
		want       int
	}{
		{"one secret", body, sign(now, secrets[0]), 204},
		{"two secrets, the first", body, sign(now, secrets...), 204},
		{"two secrets, the second", body, sign(now, secrets[1], secrets[0]), 204},
		{"another secret", body, sign(now, secrets[1]), 401},
		{"another body", body + " ", sign(now, secrets[0]), 401},
		{"too old", body, sign(now.Add(-10*time.Minute), secrets[0]), 401},
		{"from the future", body, sign(now.Add(10*time.Minute), secrets[0]), 401},
		{"not signed", body, nil, 401},
		{"nothing at all", "", nil, 401},
		{"no signature", body, with("Webhook-Signature"), 401},
		{"no id", body, with("Webhook-Id"), 401},
		{"no timestamp", body, with("Webhook-Timestamp"), 401},
		{"a word as timestamp", body, with("Webhook-Timestamp", "now"), 401},
		{"an empty timestamp", body, with("Webhook-Timestamp", ""), 401},
		{"a long timestamp", body, with("Webhook-Timestamp", strings.Repeat("9", 5000)), 401},
		{"a negative timestamp", body, with("Webhook-Timestamp", "-1"), 401},
		{"an empty signature", body, with("Webhook-Signature", ""), 401},
		{"a signature of no bytes", body, with("Webhook-Signature", "v1,"), 401},
		{"a signature that is no base64", body, with("Webhook-Signature", "v1,%%% v1 , v2,x"), 401},
		{"a signature that is no ASCII", body, with("Webhook-Signature", "v1,grüße"), 401},
		{"an id that is no ASCII", body, with("Webhook-Id", "\xff\xfe"), 401},
	}
	for language, port := range guideVerifies(t, harness.SigningSecret) {
		for _, c := range cases {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:"+port+"/", strings.NewReader(c.body))
			require.NoError(t, err)
			req.Header = c.header.Clone()
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Errorf("%s, %s: no answer: %v", language, c.name, err)
				continue
			}
			resp.Body.Close()
			if resp.StatusCode != c.want {
				t.Errorf("%s, %s: %d, want %d", language, c.name, resp.StatusCode, c.want)
			}
		}
	}
}
