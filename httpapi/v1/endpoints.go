package v1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
)

// Endpoint is how a webhook is. It holds no credentials.
type Endpoint struct {
	Name        string       `json:"name"`
	URL         string       `json:"url"` // without credentials
	Component   *string      `json:"component"`
	Format      string       `json:"format"`
	Delivery    string       `json:"delivery"` // queued or direct
	Copy        bool         `json:"copy"`
	State       string       `json:"state"` // ok, failing, open (the breaker: it is only probed), disabled, or removed (from the configuration; its queue waits)
	Reason      *string      `json:"reason"`
	Since       *time.Time   `json:"since"` // of the state; null for ok
	PausedUntil *time.Time   `json:"paused_until"`
	Queued      int          `json:"queued"`
	Bytes       uint64       `json:"bytes"`  // of the queue, on disk
	Oldest      *time.Time   `json:"oldest"` // since when the oldest event is in the queue
	InFlight    int          `json:"in_flight"`
	DeadLetters int          `json:"dead_letters"`
	LastSuccess *time.Time   `json:"last_success"`
	LastError   *FailureJSON `json:"last_error"`
	// Counts since the start of the process.
	Attempts  int64 `json:"attempts"`
	Failures  int64 `json:"failures"`
	Delivered int64 `json:"delivered"`
	Refused   int64 `json:"refused"`
	Expired   int64 `json:"expired"`
}

// FailureJSON is an attempt that failed.
type FailureJSON struct {
	Time   time.Time `json:"time"`
	Status *int      `json:"status"` // null: no answer
	Error  string    `json:"error"`
}

// TestResult is what an attempt with a made-up event gave.
type TestResult struct {
	ID      string
	Attempt delivery.Attempt
	Replies []string // the XML of the stanzas that would be sent
	OK      bool     // the endpoint would have been said to have taken it
}

type testJSON struct {
	ID string `json:"id"`
	OK bool   `json:"ok"`
	attemptJSON
	Answer  string   `json:"answer"` // also if it is empty
	Replies []string `json:"replies"`
}

// Endpoints is what can be told of endpoints and done with them. Errors:
// gateway.ErrNotFound, gateway.ErrConflict, gateway.ErrFull.
type Endpoints interface {
	List(ctx context.Context) ([]Endpoint, error)
	Get(ctx context.Context, name string) (Endpoint, error)
	Test(ctx context.Context, name string) (TestResult, error)
	Enable(ctx context.Context, name string) error
	Disable(ctx context.Context, name, reason string) error
}

func (h handler) listEndpoints(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	all, err := h.Endpoints.List(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newPage(all, ""))
}

func (h handler) showEndpoint(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	return h.answerEndpoint(w, r, nil)
}

// answerEndpoint answers with the endpoint of the path, after something was
// done with it.
func (h handler) answerEndpoint(w http.ResponseWriter, r *http.Request, err error) error {
	name := mux.Vars(r)["name"]
	var e Endpoint
	if err == nil {
		e, err = h.Endpoints.Get(r.Context(), name)
	}
	if err != nil {
		return ofEndpoint(name, err)
	}
	return answer(w, http.StatusOK, e)
}

func ofEndpoint(name string, err error) error {
	if errors.Is(err, gateway.ErrNotFound) {
		return fmt.Errorf("%w: no endpoint has the name %q; GET /v1/endpoints has them all", gateway.ErrNotFound, name)
	}
	return err
}

func (h handler) testEndpoint(w http.ResponseWriter, r *http.Request) error {
	if err := noInput(w, r); err != nil {
		return err
	}
	name := mux.Vars(r)["name"]
	t, err := h.Endpoints.Test(r.Context(), name)
	if err != nil {
		return ofEndpoint(name, err)
	}
	if t.Replies == nil {
		t.Replies = []string{}
	}
	return answer(w, http.StatusOK, testJSON{t.ID, t.OK, jsonOfAttempt(&t.Attempt), t.Attempt.Answer, t.Replies})
}

func (h handler) enableEndpoint(w http.ResponseWriter, r *http.Request) error {
	if err := noInput(w, r); err != nil {
		return err
	}
	return h.answerEndpoint(w, r, h.Endpoints.Enable(r.Context(), mux.Vars(r)["name"]))
}

// maxReason bounds what is kept with a disabled endpoint, in bytes.
const maxReason = 500

func (h handler) disableEndpoint(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	var ask struct{ Reason string }
	if err := body(w, r, &ask); err != nil {
		return err
	}
	if len(ask.Reason) > maxReason {
		return wrongf("reason: it may have %d bytes", maxReason)
	}
	if ask.Reason == "" {
		ask.Reason = "by an operator"
	}
	return h.answerEndpoint(w, r, h.Endpoints.Disable(r.Context(), mux.Vars(r)["name"], ask.Reason))
}

func (h handler) replayEndpoint(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "since")
	if err != nil {
		return err
	}
	since, err := h.moment(values, "since")
	if err != nil {
		return err
	}
	if err := nothing(w, r); err != nil {
		return err
	}
	name := mux.Vars(r)["name"]
	n, err := h.Deliveries.ReplayAll(r.Context(), name, since)
	if err != nil && n > 0 {
		return fmt.Errorf("%d dead letters were replayed, and then: %w", n, err)
	}
	if err != nil {
		return ofEndpoint(name, err)
	}
	return answer(w, http.StatusAccepted, map[string]any{"endpoint": name, "replayed": n})
}
