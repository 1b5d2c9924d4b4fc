package mcp

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"sync"

	"stanzahook/httpapi/tools"
)

// exchangeKey is the context key of *exchange: the SDK gives a call a context that does not end
// with its request.
type exchangeKey struct{}

// exchange is an HTTP request, which has at most one call of a tool, and its answer, which is
// written when it is whole: the result of the call may depend on whether the caller has it.
type exchange struct {
	http.ResponseWriter
	request context.Context
	status  int
	body    bytes.Buffer

	mu   sync.Mutex
	over bool
	owed tools.Result
}

// WriteHeader implements http.ResponseWriter.
func (x *exchange) WriteHeader(status int) { x.status = status }

// Write implements http.ResponseWriter.
func (x *exchange) Write(b []byte) (int, error) { return x.body.Write(b) }

// owes records what the answer to the caller is; it has come too late if the exchange is over.
func (x *exchange) owes(r tools.Result) {
	x.mu.Lock()
	late := x.over
	if !late {
		x.owed = r
	}
	x.mu.Unlock()
	if late {
		r.Drop()
	}
}

// end writes the answer, and settles its result. The SDK writes no more.
func (x *exchange) end(r *http.Request) {
	x.mu.Lock()
	x.over = true
	x.mu.Unlock()
	status := cmp.Or(x.status, http.StatusOK)
	if x.body.Len() == 0 { // the answer to a notification, or the caller has gone
		x.ResponseWriter.WriteHeader(status)
		x.owed.Drop()
		return
	}
	x.owed.Write(x.ResponseWriter, r, status, x.Header().Get("Content-Type"), x.body.Bytes())
}
