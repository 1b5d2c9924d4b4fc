package v1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
	"stanzahook/pkg/gateway"
)

// Options are what the surface works with.
type Options struct {
	Deliveries Deliveries
	Endpoints  Endpoints
	Events     Events
	Heartbeat  time.Duration // of event streams; default 15 s
	Stanzas    Stanzas       // nil: nothing can be sent
	Rosters    Rosters       // nil: none are configured
	Requests   Requests      // nil: an Idempotency-Key is not looked at
	Once       *Once         // the requests with such a key that are being served; nil: its own
	Reload     Reload        // nil: the configuration is not read again
	Status     func(context.Context) (Status, error)
	Check      func(context.Context, CheckFor) []Check // nil: nothing can be checked
	// How long an IQ may wait: where the caller does not say (default 120 s), and
	// whatever he says (default 300 s).
	IQTimeout, IQMaxTimeout time.Duration
	Now                     func() time.Time // nil: time.Now
	Log                     *zap.Logger      // nil: none
}

type handler struct{ Options }

// New returns the surface, to be given to httpapi.New.
func New(o Options) httpapi.Mount {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.IQTimeout == 0 {
		o.IQTimeout = 120 * time.Second
	}
	if o.IQMaxTimeout == 0 {
		o.IQMaxTimeout = 300 * time.Second
	}
	if o.Once == nil {
		o.Once = new(Once)
	}
	h := handler{o}
	route := func(method, path string, serve func(http.ResponseWriter, *http.Request) error) httpapi.Route {
		return httpapi.Route{Method: method, Path: path, Handler: h.admin(serve)}
	}
	return httpapi.Mount{Prefix: "/v1", Challenge: true, Routes: append(append(h.otherRoutes(), h.rosterRoutes()...), []httpapi.Route{
		route(http.MethodGet, "/v1/deliveries", h.listDeliveries),
		route(http.MethodGet, "/v1/deliveries/{id}", h.showDelivery),
		route(http.MethodDelete, "/v1/deliveries/{id}", h.dropDelivery),
		route(http.MethodPost, "/v1/deliveries/{id}/replay", h.replayDelivery),
		route(http.MethodGet, "/v1/dead-letters", h.listDeadLetters),
		route(http.MethodGet, "/v1/endpoints", h.listEndpoints),
		route(http.MethodGet, "/v1/endpoints/{name}", h.showEndpoint),
		route(http.MethodPost, "/v1/endpoints/{name}/test", h.testEndpoint),
		route(http.MethodPost, "/v1/endpoints/{name}/enable", h.enableEndpoint),
		route(http.MethodPost, "/v1/endpoints/{name}/disable", h.disableEndpoint),
		route(http.MethodPost, "/v1/endpoints/{name}/replay", h.replayEndpoint),
		route(http.MethodPost, "/v1/reload", h.reload),
		{Method: http.MethodGet, Path: "/v1/endpoints/{name}/events", Handler: h.events(h.pull)},
		{Method: http.MethodPost, Path: "/v1/endpoints/{name}/events/ack", Handler: h.events(h.ackEvents)},
	}...)}
}

// admin lets callers pass who have the scope, and writes the errors.
func (h handler) admin(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !httpapi.IdentityOf(r.Context()).Can(gateway.ScopeAdmin) {
			httpapi.WriteProblem(w, r, &httpapi.Fault{Status: http.StatusForbidden, Text: fmt.Sprintf("the token lacks the scope %q", gateway.ScopeAdmin)})
			return
		}
		if err := serve(w, r); err != nil {
			httpapi.WriteProblem(w, r, h.fault(r, err))
		}
	})
}

// wrong is what a caller has to change.
type wrong struct{ text string }

func (e wrong) Error() string { return e.text }

func wrongf(format string, args ...any) error { return wrong{fmt.Sprintf(format, args...)} }

// refused is a refusal that has its status already.
type refused struct{ *httpapi.Fault }

func (e refused) Error() string { return e.Text }

func (h handler) fault(r *http.Request, err error) *httpapi.Fault {
	var f refused
	if errors.As(err, &f) {
		return f.Fault
	}
	for _, row := range [...]struct {
		is     error
		status int
		retry  int
	}{
		{gateway.ErrNotFound, http.StatusNotFound, 0},
		{gateway.ErrConflict, http.StatusConflict, 0},
		{gateway.ErrCursor, http.StatusBadRequest, 0},
		{gateway.ErrFull, http.StatusInsufficientStorage, 60},
	} {
		if errors.Is(err, row.is) {
			return &httpapi.Fault{Status: row.status, Text: err.Error(), RetryAfter: row.retry}
		}
	}
	var mistake wrong
	if errors.As(err, &mistake) {
		return &httpapi.Fault{Status: http.StatusBadRequest, Text: mistake.text}
	}
	id := httpapi.RequestID(r.Context())
	h.Log.Error("a request failed", zap.String("request_id", id), zap.String("path", r.URL.Path), zap.Error(err))
	return &httpapi.Fault{Status: http.StatusInternalServerError, Text: "something went wrong here; the log has it under the request id"}
}

// page is a part of a list.
type page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

func newPage[T any](items []T, next string) page[T] {
	if items == nil {
		items = []T{}
	}
	return page[T]{items, optional(next)}
}

// optional returns nil for what is not there.
func optional[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

// answer writes v. Stanzas are full of <, and this is not put into HTML.
func answer(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // fails when the caller has gone; nobody is left to tell
	return nil
}

// body reads a JSON object into v, whose fields are all that it may have. No
// body is an empty object.
func body(w http.ResponseWriter, r *http.Request, v any) error {
	data, f := httpapi.ReadText(w, r, document.JSON)
	if f != nil {
		return refused{f}
	}
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return explain(r, data, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return wrongf("the body: something follows the object")
	}
	return nil
}

// nothing makes sure that a request has no fields.
func nothing(w http.ResponseWriter, r *http.Request) error { return body(w, r, &struct{}{}) }

// noInput refuses query parameters and a body with members.
func noInput(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	return nothing(w, r)
}
