package v1

import (
	"net/http"
	"strings"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/webhook"
)

// What the scope read shows is decided here. It shows that something happens, and not
// what people write or what endpoints answer: no stanza, no answer, no reason that quotes
// an endpoint, no query of a URL; of a roster the result of the last refresh.

// view is an operation for callers with a scope, and for those with the scope read, whose
// answers are limited.
func (e errorLog) view(method, path, scope string, serve handler) httpapi.Route {
	return e.routeForAny(method, path, serve, scope, gateway.ScopeRead)
}

// routeForAny is an operation for callers with one of some scopes.
func (e errorLog) routeForAny(method, path string, serve handler, scopes ...string) httpapi.Route {
	return e.route(method, path, "", func(w http.ResponseWriter, r *http.Request) error {
		if f := httpapi.Needs(scopes...)(httpapi.IdentityOf(r.Context())); f != nil {
			return f
		}
		return serve(w, r)
	})
}

// limited reports whether a caller sees only what the scope read shows of what needs
// another scope.
func limited(r *http.Request, scope string) bool {
	return !httpapi.IdentityOf(r.Context()).Can(scope)
}

// forReader returns what the scope read shows of a delivery.
func (d Delivery) forReader() Delivery {
	d.Stanza, d.Reason, d.Note = "", unquoted(d.Reason), unquoted(d.Note)
	all := make([]Attempt, len(d.Attempts))
	for i, a := range d.Attempts {
		a.Answer, a.Error, a.Note = "", unquoted(a.Error), unquoted(a.Note)
		all[i] = a
	}
	d.Attempts = all
	return d
}

// forReader returns what the scope read shows of an endpoint.
func (e Endpoint) forReader() Endpoint {
	e.EndpointStatus = e.EndpointStatus.forReader()
	e.URL, _, _ = strings.Cut(e.URL, "?")
	e.Keys = nil
	all := make([]StateJSON, len(e.History))
	for i, s := range e.History {
		all[i] = StateJSON{s.Time, s.State, unquoted(s.Reason)}
	}
	e.History = all
	return e
}

func (e EndpointStatus) forReader() EndpointStatus {
	e.Reason = unquoted(e.Reason)
	if e.LastError != nil {
		last := *e.LastError
		last.Error = webhook.WithoutQuotes(last.Error)
		e.LastError = &last
	}
	return e
}

// forReader returns what every token may see of the state of the process.
func (s Status) forReader() Status {
	all := make([]EndpointStatus, len(s.Endpoints))
	for i, e := range s.Endpoints {
		all[i] = e.forReader()
	}
	s.Endpoints = all
	return s
}

func unquoted(reason *string) *string {
	if reason == nil {
		return nil
	}
	return optional(webhook.WithoutQuotes(*reason))
}

// showLast answers a reader with the last result of a roster.
func (x rosters) showLast(w http.ResponseWriter, r *http.Request, owner jid.JID) error {
	last, err := x.all.Last(r.Context(), owner)
	if err != nil {
		return unavailable(r, err)
	}
	return answer(w, http.StatusOK, rosterJSON{JID: owner, Last: newLast(last)})
}

func newLast(l roster.Last) *lastJSON {
	if l.Result == "" {
		return nil
	}
	return &lastJSON{l.Time.UTC(), l.Result, optional(l.Detail)}
}
