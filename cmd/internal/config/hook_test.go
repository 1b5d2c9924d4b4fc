package config

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"stanzahook/pkg/jid"
)

// A hook as a file writes it, with its defaults.
func TestHook(t *testing.T) {
	hash := func(s string) string { sum := sha256.Sum256([]byte(s)); return HashPrefix + hex.EncodeToString(sum[:]) }
	c, err := Parse("x.yaml", []byte(`components: [{domain: bot.example.com, secret: x}]
hooks:
  - name: alerts
    adapter: alertmanager
    secret_hash: "`+hash("a")+`"
    secret_hashes: ["`+hash("b")+`"]
    from: Alerts@bot.example.com
    to: [juliet@example.com, "romeo@example.com"]
    targets: {ops: ops@example.com, dev: "xmpp:dev@rooms.example.com?join"}
    split: true
    update: correct
  - name: local
    adapter: json
    verify: none
    from: bot.example.com
    to: [juliet@example.com]
    template: "{{.text}}"
  - name: github
    adapter: github
    verify: {kind: github, secret: s1, secrets: [s2], secret_files: [testdata/bot.secret]}
    from: git@bot.example.com
    to: [juliet@example.com]
    events: [push]
    max_chars: 100
    max_body: 2MiB
    rate_limit: {per_second: 5}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := c.Hooks[0]
	if len(h.Hashes) != 2 || h.Hashes[1] != sha256.Sum256([]byte("b")) || h.From != "alerts@bot.example.com" || len(h.Recipients) != 2 || h.TargetJIDs["ops"] != jid.MustParse("ops@example.com") || h.MaxChars != 4000 || h.MaxBody != MiB || h.Verifier != nil || h.Reader == nil {
		t.Errorf("%+v", h)
	}
	if dev := jid.MustParse("dev@rooms.example.com"); h.TargetJIDs["dev"] != dev || len(h.Rooms) != 1 || h.Rooms[0] != dev || h.Reader.Update != "correct" || c.Hooks[1].Reader.Update != "reply" {
		t.Errorf("%+v", h)
	}
	if local := c.Hooks[1]; len(local.Hashes) != 0 || local.Verify.Kind != "none" {
		t.Errorf("%+v", local)
	}
	if g := c.Hooks[2]; g.Verifier == nil || g.MaxChars != 100 || g.RateLimit.PerSecond != 5 {
		t.Errorf("%+v", g)
	}
	shown := ""
	for _, i := range c.Items() {
		shown += i.Key + " "
		if s, ok := i.Value.(string); ok && (strings.Contains(s, "s1") || strings.Contains(s, hash("a"))) {
			t.Errorf("%s shows %s", i.Key, s)
		}
	}
	for _, key := range []string{"hooks[0].targets.ops ", "hooks[2].verify.secret ", "hooks[1].template "} {
		if !strings.Contains(shown, key) {
			t.Errorf("%s is not shown in %s", key, shown)
		}
	}
}
