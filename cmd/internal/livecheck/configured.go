package livecheck

import (
	"fmt"
	"os"
	"strings"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/plural"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/outbound"
)

// Configured checks a configuration without mistakes.
func Configured(path string, cfg *config.Config) []v1.Check {
	const what = "configuration"
	all := []v1.Check{fine(what, "", path+": no mistakes")}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o004 != 0 {
		all[0] = warning(what, "", path+": no mistakes, but everybody on this machine can read it", "chmod 600, if there are secrets in it")
	}
	for i := range cfg.Components {
		c := &cfg.Components[i]
		all = append(all, fine("component", c.Domain, fmt.Sprintf("at %s, tls: %s, presence: %s", c.Server, c.TLS.Mode, c.Presence)))
	}
	for i := range cfg.Endpoints {
		e := &cfg.Endpoints[i]
		to := "pulled"
		if e.URL != "" {
			to = outbound.PublicURL(e.URL)
		}
		all = append(all, fine("endpoint", e.Name, fmt.Sprintf("%s, %s, format %s, %s", strings.Join(e.Stanzas, " and "), to, e.Format, e.Delivery)))
	}
	if len(cfg.Endpoints) == 0 {
		all = append(all, warning("endpoint", "", "there is none: what users write to the bots is refused", "add one under endpoints"))
	}
	for i := range cfg.Rosters {
		r := &cfg.Rosters[i]
		all = append(all, fine("roster", r.Host, fmt.Sprintf("%s, backend: %s, mode: %s", outbound.PublicURL(r.URL), r.Backend, r.Mode)))
	}
	for i := range cfg.Hooks {
		h := &cfg.Hooks[i]
		all = append(all, fine("hook", h.Name, fmt.Sprintf("%s, to %s; its sample: %s", h.Adapter, recipients(h), sampleOf(h))))
	}
	all = append(all, doubts(cfg)...)
	h := &cfg.HTTP
	switch {
	case h.InsecureNoAuth:
		all = append(all, warning("http", h.Listen, "everybody on this machine may use the API (insecure_no_auth)", "make a token: stanzahook token new --help"))
	case len(h.Tokens) == 0 && !h.Basic.Component && len(h.Basic.Accounts.Hosts) == 0:
		all = append(all, warning("http", h.Listen, "there is no token, so nobody may use the API", "make one: stanzahook token new --help"))
	default:
		all = append(all, fine("http", h.Listen, plural.Count(len(h.Tokens), "token")))
	}
	if len(h.Hosts) > 0 && !h.InsecureNoAuth {
		all = append(all, warning("http", h.Listen, "http.hosts has no effect without insecure_no_auth: with tokens the API answers to every name", "remove it"))
	}
	all = append(all, inTheClear(cfg)...)
	if n := &cfg.Store.NATS; n.URL != "" {
		if cfg.Advertised() == "" {
			all = append(all, warning("replica", "", "other replicas, if there are any, cannot pass HTTP requests on to this one: http.listen is "+h.Listen, "set replica.advertise, for example to http://10.0.0.1:5290"))
		}
		return append(all, fine("store", "", fmt.Sprintf("%s, name: %s, replicas: %d, at most %v", cfg.Store.Place(), n.Name, n.Replicas, cfg.Store.MaxBytes)))
	}
	return append(all, fine("store", "", fmt.Sprintf("%s, sync: %s, at most %v", cfg.Store.Dir, cfg.Store.Sync, cfg.Store.MaxBytes)))
}

// recipients are those of a hook, in few words.
func recipients(h *config.Hook) string {
	switch n := len(h.To); {
	case n == 0:
		return plural.Count(len(h.Targets), "target")
	case n == 1:
		return h.To[0]
	default:
		return fmt.Sprintf("%s and %d more", h.To[0], n-1)
	}
}

// sampleOf is the first line of what the sample of a hook's tool becomes.
func sampleOf(h *config.Hook) string {
	n, err := h.Reader.Read(hook.Sample(h.Adapter))
	if err != nil || len(n.Texts) == 0 {
		return "no text"
	}
	line, _, _ := strings.Cut(n.Texts[0].Body, "\n")
	return line
}
