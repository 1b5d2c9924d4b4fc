package rosteradmin

import (
	"net/http"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
)

// Options are what the API works with.
type Options struct {
	Rosters v1.Rosters  // nil: none are configured
	Log     *zap.Logger // nil: none
}

type handler struct{ Options }

const path = "/roster_admin/refresh"

// New returns the API, to be given to httpapi.New.
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

// serve refreshes the rosters of the users that read finds in a request.
func (h handler) serve(read func(http.ResponseWriter, *http.Request) ([]string, *httpapi.Fault)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store") // GET changes something here
		if !httpapi.IdentityOf(r.Context()).Can(gateway.ScopeRoster) {
			fail(w, r, httpapi.Lacks(gateway.ScopeRoster))
			return
		}
		if h.Rosters == nil {
			fail(w, r, refuse(http.StatusNotFound, "the configuration has no rosters"))
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
