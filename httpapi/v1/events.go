package v1

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
)

// Events are those of endpoints without a URL. Errors: gateway.ErrNotFound,
// gateway.ErrConflict, gateway.ErrCursor, gateway.ErrBusy, gateway.ErrStopping.
type Events interface {
	// Read begins to read after a cursor, which it acknowledges; empty: from
	// the first event that is not acknowledged. It ends the reader there was.
	Read(ctx context.Context, endpoint, cursor string) (EventReader, error)
	Ack(ctx context.Context, endpoint, cursor string) error
}

// EventReader reads the events of an endpoint in their order.
type EventReader interface {
	// Next returns at most n; none if none came within wait. Errors:
	// delivery.ErrReplaced, delivery.ErrDisabled, gateway.ErrStopping.
	Next(ctx context.Context, n int, wait time.Duration) ([]delivery.Pulled, error)
	// Cursor is that of the last event, or where the reader began.
	Cursor() string
	Close()
}

const (
	defaultWait = 30 * time.Second
	maxWait     = 5 * time.Minute
	// A bot that names no max gets so many, and never more than maxEvents.
	defaultEvents = 100
	maxEvents     = 1000
)

// events lets callers pass who have the scope, and writes the errors.
func (h handler) events(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := error(refused{httpapi.Lacks(gateway.ScopeEvents)})
		if httpapi.IdentityOf(r.Context()).Can(gateway.ScopeEvents) {
			err = serve(w, r)
		}
		if err != nil && r.Context().Err() != nil {
			return // the caller has gone
		}
		if errors.Is(err, gateway.ErrBusy) || errors.Is(err, gateway.ErrStopping) {
			err = refused{&httpapi.Fault{Status: http.StatusServiceUnavailable, Text: err.Error() + "; try again in some seconds", RetryAfter: 2}}
		}
		if errors.Is(err, delivery.ErrReplaced) || errors.Is(err, delivery.ErrDisabled) {
			err = fmt.Errorf("%w: %w", gateway.ErrConflict, err)
		}
		if err != nil {
			httpapi.WriteProblem(w, r, h.fault(r, ofEndpoint(mux.Vars(r)["name"], err)))
		}
	})
}

// pull answers with the next events: at once, as soon as there is one, or with
// none when the time is over.
func (h handler) pull(w http.ResponseWriter, r *http.Request) error {
	if wantsStream(r) {
		return h.stream(w, r)
	}
	values, err := parameters(r, "cursor", "max", "wait")
	if err != nil {
		return err
	}
	n, wait, err := pullSize(values)
	if err != nil {
		return err
	}
	reader, err := h.Events.Read(r.Context(), mux.Vars(r)["name"], values.Get("cursor"))
	if err != nil {
		return err
	}
	defer reader.Close()
	ctx, release := httpapi.Hold(r.Context(), httpapi.Needs(gateway.ScopeEvents))
	defer release()
	list, err := reader.Next(ctx, n, wait)
	if f := httpapi.Lost(ctx); f != nil {
		return refused{f}
	}
	if errors.Is(err, gateway.ErrStopping) {
		err = nil // there is nothing new, and the next request will find out
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

// pullSize reads how much is wanted, and for how long it may take.
func pullSize(values url.Values) (n int, wait time.Duration, err error) {
	n, wait = defaultEvents, defaultWait
	if text := values.Get("max"); text != "" {
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > maxEvents {
			return 0, 0, wrongf("max: write a number from 1 to %d", maxEvents)
		}
	}
	if text := values.Get("wait"); text != "" {
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 || wait > maxWait {
			return 0, 0, wrongf("wait: write a duration from 0s to %s, such as 30s", maxWait)
		}
	}
	return n, wait, nil
}

// ackEvents acknowledges everything up to a cursor.
func (h handler) ackEvents(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	var ask struct {
		Cursor string `json:"cursor"`
	}
	if err := body(w, r, &ask); err != nil {
		return err
	}
	if ask.Cursor == "" {
		return wrongf(`cursor: it is missing; write {"cursor": "…"} with the cursor of the last event that is dealt with`)
	}
	if err := h.Events.Ack(r.Context(), mux.Vars(r)["name"], ask.Cursor); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
