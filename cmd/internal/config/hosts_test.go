package config

import (
	"slices"
	"strings"
	"testing"
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
		cfg := &Config{Components: []Component{{Domain: domain}}}
		if got := cfg.OwnHosts(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", domain, got, want)
		}
	}
	cfg := &Config{Components: []Component{{Domain: "bot.example.com"}, {Domain: "b2.example.com"}}, Rosters: []Roster{{Host: "example.org"}}}
	cfg.HTTP.Basic.Accounts.Hosts = []string{"example.net"}
	if got := cfg.OwnHosts(); !slices.Equal(got, []string{"b2.example.com", "bot.example.com", "example.com", "example.net", "example.org"}) {
		t.Errorf("with rosters and accounts: %v", got)
	}
}

func TestHostsBehind(t *testing.T) {
	cfg := &Config{
		Components: []Component{{Domain: "bot.example.com"}, {Domain: "news.example.com"}, {Domain: "alone"}},
		Rosters:    []Roster{{Host: "example.net", Component: "bot.example.com"}, {Host: "example.org", Component: "news.example.com"}},
		HTTP:       HTTP{Basic: Basic{Accounts: Accounts{Hosts: []string{"example.net"}}}},
	}
	for domain, want := range map[string]string{
		"bot.example.com": "example.net example.com", "news.example.com": "example.org", "alone": "", "other": "",
	} {
		var got []string
		for _, j := range cfg.HostsBehind(domain) {
			got = append(got, j.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q", domain, got)
		}
	}
}
