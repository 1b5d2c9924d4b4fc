package v1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
)

// Events are the events of endpoints without a URL. Errors: gateway.ErrNotFound,
// gateway.ErrConflict, gateway.ErrCursor, gateway.ErrBusy, gateway.ErrStopping.
type Events interface {
	// Read begins to read after a cursor, which it acknowledges; if that is empty,
	// from the first unacknowledged event. It ends the previous reader.
	Read(ctx context.Context, endpoint, cursor string) (EventReader, error)
	Ack(ctx context.Context, endpoint, cursor string) error
}

// EventReader reads the events of an endpoint in their order.
type EventReader interface {
	// Next returns at most n events, or none if none came within wait. Errors:
	// delivery.ErrReplaced, delivery.ErrDisabled, gateway.ErrStopping.
	Next(ctx context.Context, n int, wait time.Duration) ([]delivery.Pulled, error)
	// Cursor returns that of the last event, or where the reader began.
	Cursor() string
	Close()
}

const (
	defaultWait   = 30 * time.Second
	maxWait       = 5 * time.Minute
	defaultEvents = 100 // in one answer, without max
	maxEvents     = 1000
)

// events serves the events of endpoints without a URL.
type events struct {
	all       Events
	heartbeat time.Duration
	errorLog
}

func (v events) routes(e errorLog) []httpapi.Route {
	return []httpapi.Route{
		e.route(http.MethodGet, "/v1/endpoints/{name}/events", gateway.ScopeEvents, explained(v.pullOrStream)),
		e.route(http.MethodPost, "/v1/endpoints/{name}/events/ack", gateway.ScopeEvents, explained(without(v.ack))),
	}
}

// explained gives the errors of events their statuses.
func explained(serve handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		name := mux.Vars(r)["name"]
		if err := httpapi.IdentityOf(r.Context()).MayRead(name); err != nil {
			return httpapi.Refused(err)
		}
		err := serve(w, r)
		if err == nil || r.Context().Err() != nil { // the caller has gone
			return nil
		}
		return ofEvents(name, err)
	}
}

// ofEvents gives an error of Events its status.
func ofEvents(endpoint string, err error) error {
	switch {
	case errors.Is(err, gateway.ErrBusy), errors.Is(err, gateway.ErrStopping):
		return &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: err.Error() + "; try again in some seconds", RetryAfter: 2}
	case errors.Is(err, delivery.ErrReplaced), errors.Is(err, delivery.ErrDisabled):
		return fmt.Errorf("%w: %w", gateway.ErrConflict, err)
	}
	return ofEndpoint(endpoint, err)
}

// EventsFault returns how /v1 answers an error of [Events]; nil for an error of ours.
func EventsFault(endpoint string, err error) *httpapi.Fault { return faultOf(ofEvents(endpoint, err)) }

// pullOrStream answers as the caller accepts: with a page, or with a stream.
func (v events) pullOrStream(w http.ResponseWriter, r *http.Request) error {
	if wantsStream(r) {
		return with(v.stream, "cursor")(w, r)
	}
	return with(v.pull, "cursor", "max", "wait")(w, r)
}

// pull answers with the next events as soon as there is one, or with none when the time
// is over.
func (v events) pull(w http.ResponseWriter, r *http.Request, values url.Values) error {
	n, err := number(values, "max", defaultEvents, maxEvents)
	if err != nil {
		return err
	}
	wait, err := duration(values, "wait", defaultWait, maxWait)
	if err != nil {
		return err
	}
	reader, err := v.all.Read(r.Context(), mux.Vars(r)["name"], values.Get("cursor"))
	if err != nil {
		return err
	}
	defer reader.Close()
	ctx, release := httpapi.Wait(r.Context(), httpapi.Needs(gateway.ScopeEvents))
	defer release()
	list, err := reader.Next(ctx, n, wait)
	if f := httpapi.Lost(ctx); f != nil {
		return f
	}
	if errors.Is(err, gateway.ErrStopping) {
		err = nil // there is nothing new; the next request gets the error
	}
	if err != nil {
		return err
	}
	page := struct {
		Events []json.RawMessage `json:"events"`
		Cursor string            `json:"cursor"`
	}{Events: []json.RawMessage{}, Cursor: reader.Cursor()}
	for _, e := range list {
		page.Events = append(page.Events, e.JSON)
	}
	w.Header().Set("Cache-Control", "no-store")
	return answer(w, http.StatusOK, page)
}

// ack acknowledges all events up to a cursor.
func (v events) ack(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Cursor string `json:"cursor"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	if ask.Cursor == "" {
		return wrongf(`cursor: is missing; write {"cursor": "…"} with the cursor of the last processed event`)
	}
	if err := v.all.Ack(r.Context(), mux.Vars(r)["name"], ask.Cursor); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
