package config

import (
	"os"
	"path/filepath"
	"testing"
)

// Without from, a room has the only bot of the others, else the component itself.
func TestDefaultBotOfRooms(t *testing.T) {
	const head = "components: [{domain: bot.example.com, secret: s}]\nrooms:\n"
	for text, want := range map[string][2]string{
		"  - {jid: a@rooms.example.com}\n  - {jid: b@rooms.example.com, from: echo@bot.example.com}\n":                                                       {"echo@bot.example.com", "echo"},
		"  - {jid: a@rooms.example.com, nick: Echo}\n":                                                                                                       {"bot.example.com", "Echo"},
		"  - {jid: a@rooms.example.com}\n  - {jid: b@rooms.example.com, from: E@bot.example.com}\n  - {jid: c@rooms.example.com, from: e@bot.example.com}\n": {"e@bot.example.com", "e"},
	} {
		file := filepath.Join(t.TempDir(), "stanzahook.yaml")
		if err := os.WriteFile(file, []byte(head+text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := Load(file, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if r := cfg.Rooms[0]; r.Bot.String() != want[0] || r.From != want[0] || r.Nick != want[1] {
			t.Errorf("%s: from %s (%s), nick %q", text, r.Bot, r.From, r.Nick)
		}
	}
}
