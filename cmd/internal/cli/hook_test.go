package cli

import (
	"crypto/sha256"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"stanzahook/cmd/internal/config"
)

// What is printed can be pasted, and is the hash of the secret in the address.
func TestHookNew(t *testing.T) {
	code, out, errs := inProgram(t, "hook", "new", "--name", "alerts", "--adapter", "alertmanager", "--from", "alerts@bot.example.com", "--to", "juliet@example.com,xmpp:ops@rooms.example.com?join", "--url", "https://xmpp.example.com/")
	m := regexp.MustCompile(`https://xmpp\.example\.com/hooks/alerts/([A-Za-z0-9_-]{43})\n`).FindStringSubmatch(out)
	_, lines, ok := strings.Cut(out, "under hooks:\n\n")
	if code != 0 || m == nil || !ok || strings.Count(out, m[1]) != 1 {
		t.Fatalf("%d %s%s", code, out, errs)
	}
	c, err := config.Parse("x.yaml", []byte(smallConfig+"hooks:\n"+lines), nil)
	if err != nil {
		t.Fatal(err)
	}
	if h := c.Hooks[0]; h.Name != "alerts" || h.SecretHash != sha256.Sum256([]byte(m[1])) || len(h.Recipients) != 2 || len(h.Rooms) != 1 || h.Rooms[0].String() != "ops@rooms.example.com" || h.From != "alerts@bot.example.com" {
		t.Errorf("%+v", h)
	}
}

func TestHookNewMistakes(t *testing.T) {
	good := map[string]string{"--name": "alerts", "--adapter": "json", "--from": "bot.example.com", "--to": "juliet@example.com", "--url": "http://x"}
	for key, c := range map[string][2]string{"--name": {"A b", "--name"}, "--adapter": {"teams", "--adapter"}, "--from": {"@", "--from"}, "--to": {"@", "--to"}} {
		args := []string{"hook", "new"}
		for k, v := range good {
			if k == key {
				v = c[0]
			}
			args = append(args, k, v)
		}
		if code, out, errs := inProgram(t, args...); code == 0 || !strings.Contains(errs, c[1]) {
			t.Errorf("%v: %d %s%s", args, code, out, errs)
		}
	}
	for _, to := range []string{"xmpp:rooms.example.com?join", "xmpp:ops@rooms.example.com/nick?join", "xmpp:?join", "ops@rooms.example.com?join?join"} {
		if code, _, errs := inProgram(t, "hook", "new", "--name", "a", "--adapter", "json", "--from", "bot.example.com", "--to", to, "--url", "http://x"); code == 0 || !strings.Contains(errs, "--to") {
			t.Errorf("%s: %d %s", to, code, errs)
		}
	}
	var h newHook
	_, out, _ := inProgram(t, "hook", "new", "--json", "--name", "a", "--adapter", "json", "--from", "bot.example.com", "--to", "juliet@example.com", "--url", "http://x")
	if err := json.Unmarshal([]byte(out), &h); err != nil || h.URL != "http://x/hooks/a/"+h.Secret || h.Hash != hashOf(h.Secret) {
		t.Errorf("%s %v", out, err)
	}
}
