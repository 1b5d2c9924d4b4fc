package app

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/metrics"
	"stanzahook/httpapi"
	"stanzahook/httpapi/console"
	"stanzahook/httpapi/forward"
	"stanzahook/httpapi/openapi"
	"stanzahook/httpapi/postmsg"
	"stanzahook/httpapi/rest"
	"stanzahook/httpapi/rosteradmin"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/replica"
)

// holdTime is how long a request waits for an active replica: until one takes over, which then has
// to open the store.
func holdTime(cfg *config.Config) time.Duration { return cfg.Replica.Failover + 2*time.Second }

func (s *Standby) newForward(cfg *config.Config) *forward.Forward {
	return forward.New(forward.Options{
		Name: ReplicaName(cfg), Hold: holdTime(cfg), Active: s.awaitActive, Self: func() string { return ownURL(&cfg.HTTP, s.Addr) },
		Repeatable: v1.Keyed, Log: s.log,
	})
}

// handler returns what a standby answers with a configuration: what is about this process.
// Everything else it passes on to the active replica.
func (s *Standby) handler(cfg *config.Config) *httpapi.Handler {
	open := []httpapi.Route{openapi.Route(build.Version), {Method: http.MethodGet, Path: metrics.Path, Handler: metrics.Standby(s.started, s.status, s.forward.Counts, s.log)}}
	if cfg.HTTP.HasConsole() {
		open = append(open, console.Routes(console.Options{NoAuth: cfg.HTTP.InsecureNoAuth})...)
	}
	return httpapi.New(httpapi.Options{
		Listen: cfg.HTTP.Listen, BasePath: cfg.HTTP.BasePath, TrustedProxies: cfg.HTTP.Proxies, Hosts: cfg.HTTP.Hosts, NoAuth: cfg.HTTP.InsecureNoAuth,
		CertFile: cfg.HTTP.TLS.CertFile, KeyFile: cfg.HTTP.TLS.KeyFile, MaxBodyBytes: int64(cfg.HTTP.MaxBodyBytes),
		Tokens: tokens(cfg.HTTP.Tokens, nil), Rate: httpapi.RateLimit(cfg.HTTP.RateLimit), Failures: &s.failures,
		Version: build.Version, Log: s.log, Ready: s.ready, State: s.text,
		Open: open, Elsewhere: s.forward, Forwarded: s.forward.Caller, Replica: ReplicaName(cfg),
	}, s.ownMounts()...)
}

// ownMounts are the reload, and how each API writes a refusal.
func (s *Standby) ownMounts() []httpapi.Mount {
	own := v1.New(v1.Options{Reload: s.reload, Log: s.log})
	own.Routes = slices.DeleteFunc(own.Routes, func(r httpapi.Route) bool { return r.Path != v1.ReloadPath })
	all := []httpapi.Mount{own}
	for _, m := range []httpapi.Mount{rest.New(rest.Options{}), postmsg.New(postmsg.Options{}), rosteradmin.New(rosteradmin.Options{})} {
		all = append(all, httpapi.Mount{Prefix: m.Prefix, Fail: m.Fail})
	}
	return all
}

// awaitActive is forward.Options.Active.
func (s *Standby) awaitActive(ctx context.Context, last *replica.Serving) (replica.Serving, error) {
	m := s.member.Load()
	if m == nil {
		select {
		case <-s.joined:
			m = s.member.Load()
		case <-ctx.Done():
			return replica.Serving{}, ctx.Err()
		}
	}
	return m.AwaitServing(ctx, last)
}

// caller is httpapi.Options.Forwarded.
func (s *Standby) caller() func(*http.Request) netip.Addr {
	if s == nil {
		return nil
	}
	return s.forward.Caller
}

// name is that of this replica; empty if the store is embedded.
func (s *Standby) name() string {
	if s == nil {
		return ""
	}
	return s.member.Load().Status().Name
}

// forwarded is what has become of requests that were passed on; nil if the store is embedded.
func (s *Standby) forwarded() (counts map[string]int64, waiting int64) {
	if s == nil {
		return nil, 0
	}
	return s.forward.Counts()
}

// serve lets requests come from other replicas, or lets them wait for the next active one.
func (s *Standby) serve(yes bool) {
	if s != nil {
		s.member.Load().Serve(yes)
	}
}

// ready says why this replica could not take over, or not pass requests on; nothing if it could.
func (s *Standby) ready(ctx context.Context) []string {
	s.mu.Lock()
	why, base, hold := s.why, s.cfg.HTTP.BasePath, holdTime(s.cfg)
	s.mu.Unlock()
	m := s.member.Load()
	switch {
	case why != nil:
		return []string{why.Error()}
	case m == nil:
		return []string{"store.nats: connecting"}
	}
	if err := m.Ready(); err != nil {
		return []string{err.Error()}
	}
	if st := m.Status(); st.Epoch > 0 {
		if time.Since(st.Since) > hold {
			return []string{"taking over: the store is being opened"}
		}
		return nil
	}
	if err := s.forward.Reach(ctx, base+"/healthz"); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// text is what a standby says that could take over.
func (s *Standby) text() string {
	switch st := s.member.Load().Status(); {
	case st.Epoch > 0:
		return "active, the store is being opened"
	case st.Holder.Replica == "":
		return "standby, no replica is active"
	default:
		return "standby, active is " + st.Holder.Replica
	}
}
