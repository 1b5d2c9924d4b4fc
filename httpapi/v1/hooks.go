package v1

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

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

// Hooks are those of the configuration, and of the API. Errors: gateway.ErrNotFound,
// gateway.ErrConflict, gateway.ErrFull.
type Hooks interface {
	List() []Hook
	Get(name string) (Hook, error)
	// Put makes a hook of a JSON object, or replaces one, and reports whether it is new. It
	// fails as a whole, with a [*WrongEndpoint] for mistakes.
	Put(ctx context.Context, name string, keys []byte) (h Hook, fresh bool, err error)
	Delete(ctx context.Context, name string) error
	// Test returns what the sample of the hook's tool becomes, and sends it if asked to.
	// Errors: [*WrongHook].
	Test(ctx context.Context, name string, send bool) ([]HookMessage, error)
	// Requests returns the latest authenticated requests, the newest first. States of
	// messages may be those of then.
	Requests(name string) ([]HookRequest, error)
}

// hooks serves /v1/hooks.
type hooks struct {
	all  Hooks
	sent func(ctx context.Context, id, caller string) (store.SentMessage, error) // nil: states are those of then
}

func (p hooks) routes(e errorLog) []httpapi.Route {
	return []httpapi.Route{
		e.route(http.MethodGet, "/v1/hooks", gateway.ScopeAdmin, without(p.list)),
		e.route(http.MethodGet, "/v1/hooks/{name}", gateway.ScopeAdmin, without(p.show)),
		e.route(http.MethodPut, "/v1/hooks/{name}", gateway.ScopeAdmin, without(p.put)),
		e.route(http.MethodDelete, "/v1/hooks/{name}", gateway.ScopeAdmin, without(empty(p.remove))),
		e.route(http.MethodGet, "/v1/hooks/{name}/requests", gateway.ScopeAdmin, without(p.requests)),
		e.route(http.MethodPost, "/v1/hooks/{name}/test", gateway.ScopeAdmin, with(p.test, "send")),
	}
}

func (p hooks) list(w http.ResponseWriter, _ *http.Request) error {
	all := p.all.List()
	for i := range all {
		all[i].Keys = nil
	}
	return answer(w, http.StatusOK, newPage(all, ""))
}

func (p hooks) show(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["name"]
	h, err := p.all.Get(name)
	if err != nil {
		return ofHook(name, err)
	}
	return answer(w, http.StatusOK, h)
}

// ofHook names the hook that was not found.
func ofHook(name string, err error) error {
	return notFound(err, "no hook is named %q; GET /v1/hooks lists them", name)
}

func (p hooks) put(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["name"]
	keys, err := keysOf(w, r, "hook")
	if err != nil {
		return err
	}
	h, fresh, err := p.all.Put(r.Context(), name, keys)
	return answerPut(w, h, fresh, err)
}

func (p hooks) remove(w http.ResponseWriter, r *http.Request) error {
	name := mux.Vars(r)["name"]
	return answerNone(w, ofHook(name, p.all.Delete(r.Context(), name)))
}

func (p hooks) test(w http.ResponseWriter, r *http.Request, values url.Values) error {
	send := values.Get("send")
	if send != "" && send != "1" && send != "0" {
		return wrongf("send: %q is not 1 or 0", send)
	}
	name := mux.Vars(r)["name"]
	all, err := p.all.Test(r.Context(), name, send == "1")
	if wrong, ok := errors.AsType[*WrongHook](err); ok {
		f := &httpapi.Fault{Status: http.StatusUnprocessableEntity, Text: wrong.Text, RetryAfter: wrong.RetryAfter}
		if wrong.Status != 0 {
			f.Status = wrong.Status
		}
		return f
	}
	if err != nil {
		return ofHook(name, err)
	}
	return answer(w, http.StatusOK, map[string]any{"messages": all})
}
