package livecheck

import (
	"fmt"
	"slices"
	"strings"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
)

// doubts are what a configuration may say, and hardly anybody means.
func doubts(cfg *config.Config) (all []v1.Check) {
	for i := range cfg.Bots {
		b := &cfg.Bots[i]
		if v := b.Profile.Avatar; v != nil && v.Doubt() != "" {
			all = append(all, warning("bot", b.JID, v.Doubt(), "make it smaller: convert in.png -resize 256x256 echo.png"))
		}
	}
	for i := range cfg.Commands {
		c := &cfg.Commands[i]
		if len(c.Allow) == 0 {
			all = append(all, warning("command", c.Node, "nobody sees it, and nobody may run it: it has no allow", fmt.Sprintf("write who may, for example allow: [\"*@%s\"]", exampleHost(cfg))))
		}
		all = append(all, words(cfg, "command", c.Node, "allow", c.Allow)...)
	}
	for i := range cfg.Endpoints {
		e := &cfg.Endpoints[i]
		all = append(all, words(cfg, "endpoint", e.Name, "match.from", e.Match.From)...)
		all = append(all, words(cfg, "endpoint", e.Name, "match.real_from", e.Match.RealFrom)...)
	}
	if !cfg.RoomPolicy.AnyInvite && !slices.Equal(cfg.RoomPolicy.Invites, []string{"none"}) {
		all = append(all, words(cfg, "rooms", "", "room_policy.invites", cfg.RoomPolicy.Invites)...)
	}
	for i := range cfg.HTTP.Tokens {
		t := &cfg.HTTP.Tokens[i]
		if t.Endpoint != "" && !slices.ContainsFunc(cfg.Endpoints, func(e config.Endpoint) bool { return e.Name == t.Endpoint }) {
			all = append(all, warning("token", t.Name, fmt.Sprintf("it may read the events of the endpoint %q, and the configuration has none of this name", t.Endpoint), fmt.Sprintf("add it under endpoints, without url, unless it is made by the API (PUT /v1/endpoints/%s)", t.Endpoint)))
		}
	}
	return all
}

// words are the patterns that are one word. It is a domain, and whoever writes it means somebody.
func words(cfg *config.Config, what, subject, key string, patterns []string) (all []v1.Check) {
	for _, p := range patterns {
		if strings.ContainsAny(p, "@.*?[") || strings.EqualFold(p, "localhost") || slices.Contains(cfg.OwnHosts(), strings.ToLower(p)) {
			continue
		}
		all = append(all, warning(what, subject, fmt.Sprintf("%s: %q means all of a domain of this name, and no user", key, p), fmt.Sprintf("write an address, for example %s@%s", p, exampleHost(cfg))))
	}
	return all
}

// exampleHost is where users may be.
func exampleHost(cfg *config.Config) string {
	if len(cfg.Components) > 0 {
		if parent := config.Parent(cfg.Components[0].Domain); parent != "" {
			return parent
		}
	}
	return "example.com"
}
