package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"stanzahook/httpapi"
	"stanzahook/httpapi/tools"
)

// Options say what is served where.
type Options struct {
	Path    string // such as /mcp, without a slash at the end
	Version string // of the program
	Tools   *tools.Runner
}

// requestKey is the context key of the context of the HTTP request: the SDK gives a call one
// that does not end with it.
type requestKey struct{}

// New returns the mount of the streamable HTTP transport. It has no sessions, so that it does
// not matter which process gets a request; and no streams, so GET is 405.
func New(o Options) httpapi.Mount {
	server := newServer(o.Version, o.Tools.Tools(), func(ctx context.Context, name string, arguments json.RawMessage) (any, error) {
		request, ok := ctx.Value(requestKey{}).(context.Context)
		if !ok {
			request = ctx
		}
		return o.Tools.Run(request, name, "", arguments)
	})
	serve := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, &sdk.StreamableHTTPOptions{
		Stateless: true, JSONResponse: true,
		MaxRequestBodyBytes: -1, // httpapi has bounded it
		// A proxy in front may be on this machine and pass on the name that clients use. Callers
		// need a token; without tokens httpapi checks the name itself.
		DisableLocalhostProtection:   true,
		PropagateRequestCancellation: true,
	})
	post := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, f := httpapi.ReadBody(w, r)
		if f != nil {
			httpapi.WriteProblem(w, r, f)
			return
		}
		if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
			httpapi.WriteJSON(w, http.StatusBadRequest, map[string]any{"jsonrpc": "2.0", "id": nil, "error": map[string]any{"code": -32600, "message": "batches are not served; send one message a request"}})
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, r.Context()))
		r.Body = io.NopCloser(bytes.NewReader(body))
		serve.ServeHTTP(w, r)
	})
	return httpapi.Mount{Prefix: o.Path, Challenge: true, Routes: []httpapi.Route{
		{Method: http.MethodPost, Path: o.Path, Handler: post, MaxBody: tools.MaxBody + 64<<10},
	}}
}
