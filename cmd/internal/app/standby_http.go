package app

import (
	"net/http"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/metrics"
	"stanzahook/httpapi"
)

// handler returns what a standby answers with a configuration: whether it could take over, and its
// metrics. Everything else is for the active replica.
func (s *Standby) handler(cfg *config.Config) *httpapi.Handler {
	return httpapi.New(httpapi.Options{
		Listen: cfg.HTTP.Listen, BasePath: cfg.HTTP.BasePath, TrustedProxies: cfg.HTTP.Proxies, Hosts: cfg.HTTP.Hosts, NoAuth: cfg.HTTP.InsecureNoAuth,
		CertFile: cfg.HTTP.TLS.CertFile, KeyFile: cfg.HTTP.TLS.KeyFile, MaxBodyBytes: int64(cfg.HTTP.MaxBodyBytes),
		Version: build.Version, Log: s.log, Ready: s.ready, State: s.text,
		Open:      []httpapi.Route{{Method: http.MethodGet, Path: metrics.Path, Handler: metrics.Standby(s.started, s.status, s.log)}},
		Elsewhere: http.HandlerFunc(s.elsewhere),
	})
}

// elsewhere answers what only the active replica can answer.
func (s *Standby) elsewhere(w http.ResponseWriter, r *http.Request) {
	text := "no replica is active; see /readyz"
	if m := s.member.Load(); m != nil {
		if by := m.Status().Holder.Replica; by != "" {
			text = "this replica is a standby; the active one is " + by
		}
	}
	httpapi.WriteProblem(w, r, &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: text, RetryAfter: 1})
}
