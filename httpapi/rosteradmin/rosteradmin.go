package rosteradmin

import (
	"context"
	"net/http"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// Rosters is what refreshes; [roster.Rosters] does.
type Rosters interface {
	// Owner reads the name of a user; a bare one is at host, or at the only one
	// if that is empty. Its errors are for the caller.
	Owner(name, host string) (jid.JID, error)
	// Available returns why the rosters of a host cannot be reached now.
	Available(ctx context.Context, owner jid.JID) error
	// Start begins a job. Errors: gateway.ErrStopping, roster.ErrTooMany, and
	// gateway.ErrFull if the job is to be kept.
	Start(ctx context.Context, owners []jid.JID, o roster.JobOptions) (*roster.Running, error)
}

// Options are what the surface works with.
type Options struct {
	Rosters Rosters     // nil: none are configured
	Log     *zap.Logger // nil: none
}

type handler struct{ Options }

const path = "/roster_admin/refresh"

// New returns the surface, to be given to httpapi.New.
func New(o Options) httpapi.Mount {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	h := handler{o}
	return httpapi.Mount{Prefix: "/roster_admin", Fail: lost, Routes: []httpapi.Route{
		{Method: http.MethodPost, Path: path, Handler: h.serve(many)},
		{Method: http.MethodPost, Path: path + "/", Handler: h.serve(many)},
		{Method: http.MethodGet, Path: path + "/{user:.*}", Handler: h.serve(one)},
	}}
}

// serve refreshes the rosters of those whom read finds in a request.
func (h handler) serve(read func(http.ResponseWriter, *http.Request) ([]string, *httpapi.Fault)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store") // a GET does something here
		if !httpapi.IdentityOf(r.Context()).Can(gateway.ScopeRoster) {
			fail(w, r, httpapi.Lacks(gateway.ScopeRoster))
			return
		}
		if h.Rosters == nil {
			fail(w, r, refuse(http.StatusNotFound, "the configuration has no rosters; write there whose are to be kept"))
			return
		}
		how, f := readOptions(r)
		if f != nil {
			fail(w, r, f)
			return
		}
		names, f := read(w, r)
		if f != nil {
			lost(w, r, f)
			return
		}
		u, f := h.users(names, how.host)
		if f != nil {
			fail(w, r, f)
			return
		}
		h.refresh(w, r, u, how)
	})
}
