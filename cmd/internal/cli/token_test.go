package cli

import (
	"crypto/sha256"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"stanzahook/cmd/internal/config"
)

// What is printed can be pasted, and is the printed token's.
func TestTokenNew(t *testing.T) {
	_, out, _ := inProgram(t, "token", "new", "--name", `o"ps #1`, "--scopes", "send,query", "--from", "*@bot.example.com,bot.example.com", "--rooms", "*@rooms.example.com")
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
	if got.Name != `o"ps #1` || got.Hash != sha256.Sum256([]byte(token)) || strings.Join(got.Scopes, " ") != "send query" || strings.Join(got.From, " ") != "*@bot.example.com bot.example.com" || strings.Join(got.Rooms, " ") != "*@rooms.example.com" {
		t.Errorf("%+v", got)
	}
}

func TestTokenNewAsJSON(t *testing.T) {
	seen := make(map[string]bool)
	for range 2 {
		code, out, errs := inProgram(t, "token", "new", "--name", "ops", "--scopes", "admin", "--json")
		var v newToken
		if code != 0 || json.Unmarshal([]byte(out), &v) != nil {
			t.Fatalf("%s%s", out, errs)
		}
		if hash, err := config.ParseHash(v.Hash); err != nil || hash != sha256.Sum256([]byte(v.Token)) || v.Name != "ops" || strings.Contains(out, "from") || strings.Contains(out, "rooms") || seen[v.Token] {
			t.Errorf("%s", out)
		}
		seen[v.Token] = true
	}
}
