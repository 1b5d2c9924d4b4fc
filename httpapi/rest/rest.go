package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// Options are what the API works with. A zero duration means its default.
type Options struct {
	Sender gateway.Sender
	// Query asks an archive (XEP-0313) and returns the results, in order, and after
	// them the answer of the IQ. Errors: those of Sender.Request, gateway.ErrTooMuch.
	// Nil: only the answer of the IQ is returned.
	Query func(ctx context.Context, s *stanza.Stanza) ([]*stanza.Stanza, error)
	// Secrets are those of the components, by domain. They make a domain and its
	// secret Basic credentials.
	Secrets map[string]secret.String

	IQTimeout    time.Duration // where the caller does not say; default 120 s
	IQMaxTimeout time.Duration // whatever the caller says; default 300 s

	Log *zap.Logger
}

type handler struct{ Options }

// New returns the API, to be given to httpapi.New.
func New(o Options) httpapi.Mount {
	if o.IQTimeout == 0 {
		o.IQTimeout = 120 * time.Second
	}
	if o.IQMaxTimeout == 0 {
		o.IQMaxTimeout = 300 * time.Second
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	h := handler{o}
	m := httpapi.Mount{Prefix: "/rest", Fail: refused, Routes: []httpapi.Route{
		{Method: http.MethodPost, Path: "/rest", Handler: http.HandlerFunc(h.post)},
		{Method: http.MethodPost, Path: "/rest/", Handler: http.HandlerFunc(h.post)},
		{Method: http.MethodPost, Path: "/rest/echo", Handler: http.HandlerFunc(h.echo)},
		{Method: http.MethodPost, Path: "/rest/{kind}/{type}/{to:.*}", Handler: http.HandlerFunc(h.postAt)},
		{Method: http.MethodPost, Path: "/rest/{path:.+}", Handler: http.HandlerFunc(h.postAt)},
		{Method: http.MethodGet, Path: "/rest/{query}/{to:.*}", Handler: http.HandlerFunc(h.get)},
		{Method: http.MethodGet, Path: "/rest/{path:.+}", Handler: http.HandlerFunc(h.get)},
	}}
	if len(o.Secrets) > 0 {
		m.Basic = h.component
		m.Known = func(domain string) bool { return !h.Secrets[domain].IsZero() }
	}
	return m
}

// post reads one stanza and sends it.
func (h handler) post(w http.ResponseWriter, r *http.Request) {
	d, f := h.read(w, r, nil)
	h.deliver(w, r, d, f)
}

// postAt reads one stanza, in part from the path, and sends it. The variables are empty
// if the path does not have three parts.
func (h handler) postAt(w http.ResponseWriter, r *http.Request) {
	d, f := h.read(w, r, func() (*path, *fault) {
		vars := mux.Vars(r)
		return parsePath(vars["kind"], vars["type"], vars["to"])
	})
	h.deliver(w, r, d, f)
}

// get sends a query that is in the URL.
func (h handler) get(w http.ResponseWriter, r *http.Request) {
	vars := mux.Vars(r)
	var d *draft
	p, f := parsePath("iq", vars["query"], vars["to"])
	switch {
	case f == nil && p.query == "": // get and set are no queries
		f = badPath.because("write /rest/QUERY/TO").reasoned("invalid-path")
	case f == nil:
		if d, f = h.readQuery(p, r.URL.RawQuery); f == nil {
			d.self = p.to == ""
		}
	}
	h.deliver(w, r, d, f)
}

// deliver sends a draft, if the caller may send it.
func (h handler) deliver(w http.ResponseWriter, r *http.Request, d *draft, f *fault) {
	if f == nil {
		var s *stanza.Stanza
		if s, f = h.check(d, httpapi.IdentityOf(r.Context())); f == nil {
			if s.Kind == stanza.IQ {
				h.request(w, r, s)
			} else {
				h.send(w, r, s)
			}
			return
		}
	}
	f.write(w, r)
}

// echo answers with the stanza that would be sent. It needs no to.
func (h handler) echo(w http.ResponseWriter, r *http.Request) {
	d, f := h.read(w, r, nil)
	if f == nil {
		d.nowhere = true
		var s *stanza.Stanza
		if s, f = h.check(d, httpapi.IdentityOf(r.Context())); f == nil {
			writeStanza(w, r, s)
			return
		}
	}
	f.write(w, r)
}
