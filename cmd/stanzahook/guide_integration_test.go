//go:build integration

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/signature"
)

// The lines of Python in the bot developer's guide verify what we sign, with
// the old secret and the new one, and nothing else.
func TestGuideVerifiesSignatures(t *testing.T) {
	guide, err := os.ReadFile("../../examples/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var code string
	for _, block := range codeBlocks(string(guide), "python") {
		if strings.Contains(block, "def verify(") {
			code = block
		}
	}
	if code == "" {
		t.Fatal("the guide has no verify()")
	}
	const other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	var secrets []signature.Secret
	for _, text := range []string{signingSecret, other} {
		s, err := signature.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, s)
	}
	body := `{"id":"evt_1","data":{"body":"grüße"}}`
	verify := func(at time.Time, body, secret string, signers []signature.Secret) bool {
		t.Helper()
		header := map[string]string{"webhook-id": "evt_1", "webhook-timestamp": strconv.FormatInt(at.Unix(), 10),
			"webhook-signature": signature.Sign("evt_1", at, []byte(`{"id":"evt_1","data":{"body":"grüße"}}`), signers)}
		input, err := json.Marshal(map[string]any{"headers": header, "body": body, "secret": secret})
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("python3", "-c", code+"\nimport json, sys\nv = json.load(sys.stdin)\nprint(verify(v['headers'], v['body'].encode(), v['secret']))")
		cmd.Stdin = strings.NewReader(string(input))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out)) == "True"
	}
	now := time.Now()
	for _, tc := range []struct {
		name, body, secret string
		at                 time.Time
		signers            []signature.Secret
		want               bool
	}{
		{"one secret", body, signingSecret, now, secrets[:1], true},
		{"two secrets, the first", body, signingSecret, now, secrets, true},
		{"two secrets, the second", body, other, now, secrets, true},
		{"another secret", body, other, now, secrets[:1], false},
		{"another body", body + " ", signingSecret, now, secrets, false},
		{"too old", body, signingSecret, now.Add(-10 * time.Minute), secrets, false},
	} {
		if got := verify(tc.at, tc.body, tc.secret, tc.signers); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}
