package v1

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// Endpoint is the state of an endpoint. It has no credentials.
type Endpoint struct {
	EndpointStatus
	Source    *string `json:"source"` // file, api, or listen (a temporary one: see /v1/listen); null: not known any more
	URL       string  `json:"url"`    // without credentials
	Component *string `json:"component"`
	Format    string  `json:"format"`
	Delivery  string  `json:"delivery"` // queued or direct
	Copy      bool    `json:"copy"`
	Bytes     uint64  `json:"bytes"` // of the queue, on disk
	// Counts since the start of the process.
	Attempts  int64 `json:"attempts"`
	Failures  int64 `json:"failures"`
	Delivered int64 `json:"delivered"`
	Refused   int64 `json:"refused"`
	Expired   int64 `json:"expired"`
	// Keys are the keys of an endpoint of the API, as they were put, with secrets masked.
	// Lists leave them out.
	Keys map[string]any `json:"keys,omitempty"`
	// History are its latest states since the start of the process, the newest first. Lists
	// leave them out.
	History []StateJSON `json:"history,omitempty"`
}

// StateJSON is a state that an endpoint had.
type StateJSON struct {
	Time   time.Time `json:"time"`
	State  string    `json:"state"`
	Reason *string   `json:"reason"`
}

// EndpointStatus is the part of an endpoint that every token may see.
type EndpointStatus struct {
	Name        string       `json:"name"`
	State       string       `json:"state"` // ok, failing, open (the circuit breaker), disabled, or removed (from the configuration; its queue waits)
	Reason      *string      `json:"reason"`
	Since       *time.Time   `json:"since"` // of the state; null for ok
	PausedUntil *time.Time   `json:"paused_until"`
	Queued      int          `json:"queued"`
	Oldest      *time.Time   `json:"oldest"` // when the oldest event was queued
	InFlight    int          `json:"in_flight"`
	DeadLetters int          `json:"dead_letters"`
	LastSuccess *time.Time   `json:"last_success"`
	LastError   *FailureJSON `json:"last_error"`
}

// FailureJSON is an attempt that failed.
type FailureJSON struct {
	Time   time.Time `json:"time"`
	Status *int      `json:"status"` // null: no answer
	Error  string    `json:"error"`
}

// TestResult is the result of an attempt with a made-up event.
type TestResult struct {
	ID      string
	Attempt delivery.Attempt
	Replies []string // XML of the stanzas that would be sent
	OK      bool     // a real event would count as delivered
}

// Tested is the answer of a test.
type Tested struct {
	ID string `json:"id"`
	OK bool   `json:"ok"`
	Attempt
	Answer  string   `json:"answer"` // also if it is empty
	Replies []string `json:"replies"`
}

// Endpoints are the endpoints of the configuration, those of the API, and removed ones
// whose queues wait.
type Endpoints interface {
	Made[Endpoint]
	Test(ctx context.Context, name string, like webhook.Like) (TestResult, error)
	Enable(ctx context.Context, name string) error
	Disable(ctx context.Context, name, reason string) error
	Match(name string, s *stanza.Stanza) (Matched, error)
}

// endpoints serves /v1/endpoints.
type endpoints struct {
	made[Endpoint]
	all Endpoints
}

// noEndpoint says that there is no endpoint of a name.
const noEndpoint = "no endpoint is named %q; GET /v1/endpoints lists them"

func newEndpoints(all Endpoints) endpoints {
	return endpoints{made[Endpoint]{of: all, word: "endpoint", path: "/v1/endpoints", key: "name", none: noEndpoint, reader: Endpoint.forReader}, all}
}

func (p endpoints) routes(e errorLog) []httpapi.Route {
	return append(p.made.routes(e),
		e.route(http.MethodPost, "/v1/endpoints/{name}/match", gateway.ScopeAdmin, without(p.match)),
		e.route(http.MethodPost, "/v1/endpoints/{name}/test", gateway.ScopeAdmin, without(p.test)),
		e.route(http.MethodPost, "/v1/endpoints/{name}/enable", gateway.ScopeAdmin, without(empty(p.enable))),
		e.route(http.MethodPost, "/v1/endpoints/{name}/disable", gateway.ScopeAdmin, without(p.disable)),
	)
}

// ofEndpoint names the endpoint that was not found.
func ofEndpoint(name string, err error) error {
	return notFound(err, noEndpoint, name)
}

func (p endpoints) test(w http.ResponseWriter, r *http.Request) error {
	like, err := likeOf(w, r)
	if err != nil {
		return err
	}
	t, err := p.all.Test(r.Context(), p.name(r), like)
	if err != nil {
		return p.missing(r, err)
	}
	if t.Replies == nil {
		t.Replies = []string{}
	}
	return answer(w, http.StatusOK, Tested{t.ID, t.OK, jsonOfAttempt(&t.Attempt), t.Attempt.Answer, t.Replies})
}

// likeOf reads what a test event is to be like.
func likeOf(w http.ResponseWriter, r *http.Request) (like webhook.Like, err error) {
	var ask struct{ Body, From, To, Type string }
	if err := body(w, r, &ask); err != nil {
		return like, err
	}
	like.Body, like.Type = ask.Body, ask.Type
	if stanza.CheckText(like.Body) >= 0 {
		return like, wrongf("body: holds a character that no stanza can carry")
	}
	if like.Type != "" && !slices.Contains(types[stanza.Message], like.Type) {
		return like, wrongf("type: %q is not that of a message; write %s", like.Type, strings.Join(types[stanza.Message], ", "))
	}
	if ask.From != "" {
		if like.From, err = jid.Parse(ask.From); err != nil {
			return like, wrongf("from: %s", err)
		}
	}
	if ask.To != "" {
		if like.To, err = jid.Parse(ask.To); err != nil {
			return like, wrongf("to: %s", err)
		}
	}
	return like, nil
}

func (p endpoints) enable(w http.ResponseWriter, r *http.Request) error {
	return p.answer(w, r, p.all.Enable(r.Context(), p.name(r)))
}

// maxReason bounds the reason of a disabled endpoint, in bytes.
const maxReason = 500

func (p endpoints) disable(w http.ResponseWriter, r *http.Request) error {
	var ask struct{ Reason string }
	if err := body(w, r, &ask); err != nil {
		return err
	}
	if len(ask.Reason) > maxReason {
		return wrongf("reason: is longer than %d bytes", maxReason)
	}
	if ask.Reason == "" {
		ask.Reason = "by an operator"
	}
	return p.answer(w, r, p.all.Disable(r.Context(), p.name(r), ask.Reason))
}
