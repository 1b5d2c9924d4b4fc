package standby

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/livecheck"
	"stanzahook/cmd/internal/parts"
	"stanzahook/httpapi"
	"stanzahook/httpapi/forward"
	"stanzahook/httpapi/postmsg"
	"stanzahook/httpapi/rest"
	"stanzahook/httpapi/rosteradmin"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/replica"
)

// holdTime is how long a request waits for an active replica: until one takes over, which then has
// to open the store.
func holdTime(cfg *config.Config) time.Duration { return cfg.Replica.Failover + 2*time.Second }

func (r *Replica) newForward(cfg *config.Config) *forward.Forward {
	return forward.New(forward.Options{
		Name: Name(cfg), Hold: holdTime(cfg), Active: r.awaitActive, Self: func() string { return livecheck.OwnURL(&cfg.HTTP, r.Addr) },
		Repeatable: v1.Keyed, Log: r.log,
	})
}

// handler returns what a standby answers with a configuration: what is about this process.
// Everything else it passes on to the active replica.
func (r *Replica) handler(cfg *config.Config) *httpapi.Handler {
	return httpapi.New(httpapi.Options{
		Listen: cfg.HTTP.Listen, BasePath: cfg.HTTP.BasePath, TrustedProxies: cfg.HTTP.Proxies, Hosts: cfg.HTTP.Hosts, NoAuth: cfg.HTTP.InsecureNoAuth,
		CertFile: cfg.HTTP.TLS.CertFile, KeyFile: cfg.HTTP.TLS.KeyFile, MaxBodyBytes: int64(cfg.HTTP.MaxBodyBytes),
		Tokens: parts.Tokens(cfg.HTTP.Tokens, nil), Rate: httpapi.RateLimit(cfg.HTTP.RateLimit), Failures: &r.failures,
		Version: build.Version, Log: r.log, Ready: r.ready, State: r.text,
		Open: r.o.Open(cfg, r), Elsewhere: r.forward, Forwarded: r.forward.Caller, Replica: Name(cfg),
	}, r.ownMounts()...)
}

// ownMounts are the reload, and how each API writes a refusal.
func (r *Replica) ownMounts() []httpapi.Mount {
	own := v1.New(v1.Options{Reload: r.reload, Log: r.log})
	own.Routes = slices.DeleteFunc(own.Routes, func(r httpapi.Route) bool { return r.Path != v1.ReloadPath })
	all := []httpapi.Mount{own}
	for _, m := range []httpapi.Mount{rest.New(rest.Options{}), postmsg.New(postmsg.Options{}), rosteradmin.New(rosteradmin.Options{})} {
		all = append(all, httpapi.Mount{Prefix: m.Prefix, Fail: m.Fail})
	}
	return all
}

// awaitActive is forward.Options.Active.
func (r *Replica) awaitActive(ctx context.Context, last *replica.Serving) (replica.Serving, error) {
	m := r.member.Load()
	if m == nil {
		select {
		case <-r.joined:
			m = r.member.Load()
		case <-ctx.Done():
			return replica.Serving{}, ctx.Err()
		}
	}
	return m.AwaitServing(ctx, last)
}

// Caller is httpapi.Options.Forwarded.
func (r *Replica) Caller() func(*http.Request) netip.Addr {
	if r == nil {
		return nil
	}
	return r.forward.Caller
}

// Name is that of this replica; empty if the store is embedded.
func (r *Replica) Name() string {
	if r == nil {
		return ""
	}
	return r.member.Load().Status().Name
}

// Forwarded is what has become of requests that were passed on; nil if the store is embedded.
func (r *Replica) Forwarded() (counts map[string]int64, waiting int64) {
	if r == nil {
		return nil, 0
	}
	return r.forward.Counts()
}

// Serve lets requests come from other replicas, or lets them wait for the next active one.
func (r *Replica) Serve(yes bool) {
	if r != nil {
		r.member.Load().Serve(yes)
	}
}

// ready says why this replica could not take over, or not pass requests on; nothing if it could.
func (r *Replica) ready(ctx context.Context) []string {
	r.mu.Lock()
	why, base, hold := r.why, r.cfg.HTTP.BasePath, holdTime(r.cfg)
	r.mu.Unlock()
	m := r.member.Load()
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
	if err := r.forward.Reach(ctx, base+"/healthz"); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// text is what a standby says that could take over.
func (r *Replica) text() string {
	switch st := r.member.Load().Status(); {
	case st.Epoch > 0:
		return "active, the store is being opened"
	case st.Holder.Replica == "":
		return "standby, no replica is active"
	default:
		return "standby, active is " + st.Holder.Replica
	}
}
