package v1

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// Hook is an address for another tool. It has no secrets.
type Hook struct {
	Name      string     `json:"name"`
	Adapter   string     `json:"adapter"`
	Source    string     `json:"source"` // config or api
	Count     int64      `json:"count"`  // of requests, since the start of the process
	Failed    int64      `json:"failed"`
	LastTime  *time.Time `json:"last_time"`
	LastError *HookError `json:"last_error"`
	// Keys are the keys of a hook of the API, as they were put, with secrets masked.
	Keys map[string]any `json:"keys,omitempty"`
}

// HookError is the latest failure of a hook.
type HookError struct {
	Time  time.Time `json:"time"`
	Error string    `json:"error"`
}

// HookMessage is a message of a test.
type HookMessage struct {
	To    string `json:"to"`
	Body  string `json:"body"`
	ID    string `json:"id,omitempty"` // if it was sent
	State string `json:"state,omitempty"`
	Error string `json:"error,omitempty"` // why it was not sent; others were
}

// WrongHook is why the test of a hook has no messages.
type WrongHook struct {
	Text       string
	Status     int // 0: 422
	RetryAfter int
}

func (w *WrongHook) Error() string { return w.Text }

// Hooks are those of the configuration, and of the API.
type Hooks interface {
	Made[Hook]
	// Test returns what the sample of the hook's tool becomes, and sends it if asked to.
	// Errors: [*WrongHook].
	Test(ctx context.Context, name string, send bool) ([]HookMessage, error)
	// Requests returns the latest authenticated requests, the newest first. States of
	// messages may be those of then.
	Requests(name string) ([]HookRequest, error)
}

// hooks serves /v1/hooks.
type hooks struct {
	made[Hook]
	all  Hooks
	sent func(ctx context.Context, id, caller string) (store.SentMessage, error) // nil: states are those of then
}

func newHooks(all Hooks, sent func(ctx context.Context, id, caller string) (store.SentMessage, error)) hooks {
	return hooks{made[Hook]{of: all, word: "hook", path: "/v1/hooks", key: "name", none: "no hook is named %q; GET /v1/hooks lists them"}, all, sent}
}

func (p hooks) routes(e errorLog) []httpapi.Route {
	return append(p.made.routes(e),
		e.route(http.MethodGet, "/v1/hooks/{name}/requests", gateway.ScopeAdmin, without(p.requests)),
		e.route(http.MethodPost, "/v1/hooks/{name}/test", gateway.ScopeAdmin, with(p.test, "send")),
	)
}

func (p hooks) test(w http.ResponseWriter, r *http.Request, values url.Values) error {
	send := values.Get("send")
	if send != "" && send != "1" && send != "0" {
		return wrongf("send: %q is not 1 or 0", send)
	}
	all, err := p.all.Test(r.Context(), p.name(r), send == "1")
	if wrong, ok := errors.AsType[*WrongHook](err); ok {
		f := &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: wrong.Text, RetryAfter: wrong.RetryAfter}
		if wrong.Status != 0 {
			f.Status = wrong.Status
		}
		return f
	}
	if err != nil {
		return p.missing(r, err)
	}
	return answer(w, http.StatusOK, map[string]any{"messages": all})
}
