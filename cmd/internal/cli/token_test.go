package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"stanzahook/cmd/internal/config"
)

// newTokenCommand runs "token new" alone.
func newTokenCommand(args ...string) (string, error) {
	cmd := tokenCommand()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(append([]string{"new"}, args...))
	err := cmd.Execute()
	return out.String(), err
}

// What is printed can be pasted, and is the printed token's.
func TestTokenNew(t *testing.T) {
	out, err := newTokenCommand("--name", `o"ps #1`, "--scopes", "send,query", "--from", "*@bot.example.com,bot.example.com")
	if err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`sh_[A-Za-z0-9_-]{43}\b`).FindString(out)
	_, line, ok := strings.Cut(out, "  - {")
	if token == "" || !ok || strings.Count(out, token) != 1 {
		t.Fatalf("%s", out)
	}
	c, err := config.Parse("x.yaml", []byte(smallConfig+"http:\n  tokens:\n    - {"+line), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := c.HTTP.Tokens[0]
	if got.Name != `o"ps #1` || got.Hash != sha256.Sum256([]byte(token)) || strings.Join(got.Scopes, " ") != "send query" || strings.Join(got.From, " ") != "*@bot.example.com bot.example.com" {
		t.Errorf("%+v", got)
	}
}

func TestTokenNewAsJSON(t *testing.T) {
	seen := make(map[string]bool)
	for range 2 {
		out, err := newTokenCommand("--name", "ops", "--scopes", "admin", "--json")
		var v newToken
		if err != nil || json.Unmarshal([]byte(out), &v) != nil {
			t.Fatalf("%v %s", err, out)
		}
		if hash, err := config.ParseHash(v.Hash); err != nil || hash != sha256.Sum256([]byte(v.Token)) || v.Name != "ops" || strings.Contains(out, "from") || seen[v.Token] {
			t.Errorf("%s", out)
		}
		seen[v.Token] = true
	}
}

func TestTokenNewRefuses(t *testing.T) {
	for says, args := range map[string][]string{
		"--name is missing":   {"--scopes", "send"},
		"colon":               {"--name", "a:b", "--scopes", "send"},
		"--scopes is missing": {"--name", "a"},
		`"sudo" is not known`: {"--name", "a", "--scopes", "send,sudo"},
		"twice":               {"--name", "a", "--scopes", "send,send"},
		"no pattern":          {"--name", "a", "--scopes", "send", "--from", "a@b/c"},
		"unknown command":     {"x"},
	} {
		out, err := newTokenCommand(args...)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(out, tokenPrefix) {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
}
