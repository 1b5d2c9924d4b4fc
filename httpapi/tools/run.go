package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
)

// Options are what tools work with.
type Options struct {
	API    httpapi.Mount // that of package v1
	Events v1.Events
	// Expect begins to wait at an endpoint for the next message of a conversation: see
	// [delivery.Puller.Expect]. Errors: also gateway.ErrNotFound, and gateway.ErrConflict for an
	// endpoint that is not pulled.
	Expect  func(endpoint string, from, to jid.JID) (*delivery.Expectation, error)
	Domains func() []jid.JID             // of our components
	IsIn    func(room, bot jid.JID) bool // whether a bot is kept in a room
	Log     *zap.Logger                  // nil: none
}

// Runner runs tools.
type Runner struct {
	o     Options
	api   http.Handler
	tools []Tool
}

// NewRunner returns a runner of all tools.
func NewRunner(o Options) *Runner {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return &Runner{o: o, api: httpapi.Within(o.API), tools: All()}
}

// Tools returns the tools.
func (r *Runner) Tools() []Tool { return r.tools }

// call is a call of a tool.
type call struct {
	*Runner
	ctx context.Context // of the request
	who httpapi.Identity
	key string // Idempotency-Key of what it sends; empty: none
}

// Result is what a tool has returned. [Result.Write] writes the answer to the caller.
type Result struct {
	Value  any
	settle func(taken bool) // once it is known whether the caller has the value; nil: nothing depends on it
}

// Write writes a body that has the value. What ends with that the caller has it ends then.
func (r Result) Write(w http.ResponseWriter, q *http.Request, status int, mediaType string, body []byte) {
	if r.settle == nil {
		httpapi.WriteBody(w, status, mediaType, body)
		return
	}
	r.settle(httpapi.Deliver(w, q, status, mediaType, body))
}

// Drop is Write for an answer that cannot be written: what depends on it stays as it is.
func (r Result) Drop() {
	if r.settle != nil {
		r.settle(false)
	}
}

// Run runs a tool for the request of a caller, whose context it gets. The error is a
// [*httpapi.Fault]: 404 for a name that no tool has, 400 for wrong arguments, 403 for a
// missing scope, and what /v1 answers; 500 for a panic, which only ends the call: package mcp
// runs tools on goroutines where it would end the process. It returns when the context ends.
// Write the result, or drop it, if there is no error.
func (r *Runner) Run(ctx context.Context, name, key string, arguments json.RawMessage) (result Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			r.o.Log.Error("tool panicked", zap.String("tool", name), zap.String("panic", fmt.Sprint(v)), zap.String("request_id", httpapi.RequestID(ctx)), zap.Stack("stack"))
			result, err = Result{}, internal()
		}
	}()
	for i := range r.tools {
		t := &r.tools[i]
		if t.Name != name {
			continue
		}
		c := &call{Runner: r, ctx: ctx, who: httpapi.IdentityOf(ctx), key: key}
		if f := t.lacks(c.who); f != nil {
			return Result{}, f
		}
		v, err := t.run(c, arguments)
		if _, ok := errors.AsType[*httpapi.Fault](err); err == nil || ok {
			if result, ok := v.(Result); ok {
				return result, err
			}
			return Result{Value: v}, err
		}
		r.o.Log.Error("tool failed", zap.String("tool", name), zap.String("request_id", httpapi.RequestID(ctx)), zap.Error(err))
		return Result{}, internal()
	}
	return Result{}, &httpapi.Fault{Status: http.StatusNotFound, Text: "no tool is named " + strconv.QuoteToASCII(name) + "; GET /v1/tools lists them"}
}

func internal() error {
	return &httpapi.Fault{Status: http.StatusInternalServerError, Text: "internal error; the log has it under the request id"}
}

// request is a request to /v1.
type request struct {
	method string
	path   []string // behind /v1
	query  url.Values
	body   any    // as JSON; nil: none
	raw    []byte // in place of body
}

// do makes a request to /v1, and reads its answer into result, if that is not nil. An error is
// what /v1 answered, or that a part of the path cannot be one.
func (c *call) do(q request, result any) error {
	data := q.raw
	if q.body != nil {
		data = httpapi.JSON(q.body)
	}
	r, err := http.NewRequestWithContext(c.ctx, q.method, "http://localhost/", bytes.NewReader(data))
	if err != nil {
		return err
	}
	r.URL.Path, r.URL.RawQuery = "/v1/"+strings.Join(q.path, "/"), q.query.Encode()
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		r.Header.Set("Idempotency-Key", c.key)
	}
	a := answer{header: make(http.Header), status: http.StatusOK}
	c.api.ServeHTTP(&a, r)
	if a.status >= 300 {
		wait, _ := strconv.Atoi(a.header.Get("Retry-After")) // none is 0
		return httpapi.FaultOf(a.status, wait, a.body.Bytes())
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(a.body.Bytes(), result)
}

// answer is the answer of /v1.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// segment checks an argument that is a part of a path.
func segment(name, value string) error {
	if strings.Contains(value, "/") {
		return wrongf("%s: %.80q has a / in it; %s", name, value, map[string]string{
			"room":     "write the bare address of a room, such as ops@rooms.example.com",
			"endpoint": "write the name of an endpoint",
		}[name])
	}
	return nil
}

// seconds is a wait as a parameter of /v1.
func seconds(n int) string { return strconv.Itoa(n) + "s" }
