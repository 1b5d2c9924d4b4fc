package rest

import (
	"net/http"
	"time"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Options are what the surface works with. A zero duration means its default.
type Options struct {
	Sender    Sender
	Requester Requester
	Domains   func() []jid.JID // of our components
	// Limits of a stanza that is sent from an address; nil: the defaults.
	Limits func(from jid.JID) stanza.Limits

	SendTimeout  time.Duration // for the server to confirm; default 10 s
	IQTimeout    time.Duration // where the caller does not say; default 120 s
	IQMaxTimeout time.Duration // whatever the caller says; default 300 s

	Log *zap.Logger
}

type handler struct{ Options }

// New returns the surface, to be given to httpapi.New.
func New(o Options) httpapi.Mount {
	if o.SendTimeout == 0 {
		o.SendTimeout = 10 * time.Second
	}
	if o.IQTimeout == 0 {
		o.IQTimeout = 120 * time.Second
	}
	if o.IQMaxTimeout == 0 {
		o.IQMaxTimeout = 300 * time.Second
	}
	if o.Limits == nil {
		o.Limits = func(jid.JID) stanza.Limits { return stanza.Limits{} }
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	post := http.HandlerFunc(handler{o}.post)
	return httpapi.Mount{
		Prefix: "/rest",
		Routes: []httpapi.Route{
			{Method: http.MethodPost, Path: "/rest", Handler: post},
			{Method: http.MethodPost, Path: "/rest/", Handler: post},
		},
		Fail: refused,
	}
}

// post takes one stanza.
func (h handler) post(w http.ResponseWriter, r *http.Request) {
	d, f := h.read(w, r)
	if f != nil {
		f.write(w, r)
		return
	}
	s, f := h.check(d, httpapi.IdentityOf(r.Context()))
	if f != nil {
		f.write(w, r)
		return
	}
	if s.Kind == stanza.IQ {
		h.request(w, r, s)
		return
	}
	h.send(w, r, s)
}
