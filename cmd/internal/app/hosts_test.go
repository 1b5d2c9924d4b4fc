package app

import (
	"slices"
	"testing"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/parts"
)

func TestOwnHosts(t *testing.T) {
	for domain, want := range map[string][]string{
		"bot.example.com":     {"bot.example.com", "example.com"},
		"bot.xmpp.example.uk": {"bot.xmpp.example.uk", "xmpp.example.uk"},
		"bot.localhost":       {"bot.localhost", "localhost"},
		"example.com":         {"example.com"},
		"example.co.uk":       {"example.co.uk"},
		"example.github.io":   {"example.github.io"},
		"bots":                {"bots"},
	} {
		cfg := &config.Config{Components: []config.Component{{Domain: domain}}}
		if got := parts.OwnHosts(cfg); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", domain, got, want)
		}
	}
	cfg := &config.Config{Components: []config.Component{{Domain: "bot.example.com"}, {Domain: "b2.example.com"}}, Rosters: []config.Roster{{Host: "example.org"}}}
	cfg.HTTP.Basic.Accounts.Hosts = []string{"example.net"}
	if got := webhooks(&config.Config{Components: cfg.Components, Rosters: cfg.Rosters, HTTP: cfg.HTTP, Endpoints: []config.Endpoint{{Name: "a"}}})[0].Hosts; !slices.Equal(got, []string{"b2.example.com", "bot.example.com", "example.com", "example.net", "example.org"}) {
		t.Errorf("an endpoint has %v", got)
	}
}
