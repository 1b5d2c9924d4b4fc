package mcp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/httpapi/tools"
)

// Options say what is served where.
type Options struct {
	Path    string // such as /mcp, without a slash at the end
	Version string // of the program
	Tools   *tools.Runner
	Log     *zap.Logger // of panics; may be nil
}

// New returns the mount of the streamable HTTP transport. It has no sessions, so that it does
// not matter which process gets a request; and no streams, so GET is 405.
func New(o Options) httpapi.Mount {
	server := newServer(o.Version, o.Tools.Tools(), func(ctx context.Context, name string, arguments json.RawMessage) (any, error) {
		x, ok := ctx.Value(exchangeKey{}).(*exchange)
		if !ok {
			return nil, errors.New("the call is of no request")
		}
		result, err := o.Tools.Run(x.request, name, "", arguments)
		if err == nil {
			x.owes(result)
		}
		return result.Value, err
	}, cmp.Or(o.Log, zap.NewNop()))
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
			refuse(w, r, f)
			return
		}
		if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
			refuse(w, r, &httpapi.Fault{Status: http.StatusBadRequest, Text: "batches are not served; send one message a request"})
			return
		}
		x := &exchange{request: r.Context(), ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
		r.Body = io.NopCloser(bytes.NewReader(body))
		serve.ServeHTTP(x, r)
		x.end(r)
	})
	return httpapi.Mount{Prefix: o.Path, Challenge: true, Fail: refuse, Routes: []httpapi.Route{
		{Method: http.MethodPost, Path: o.Path, Handler: post, MaxBody: tools.MaxBody + 64<<10},
	}}
}

// refused is the code of errors of this server: -32000 to -32099 are for those (JSON-RPC 2.0
// section 5.1).
const refused = -32000

// refuse writes why a request is not taken, as an error of JSON-RPC without an id: nobody has
// read the message. Its data has retry_after in seconds, as the header, if a second try may
// succeed.
func refuse(w http.ResponseWriter, r *http.Request, f *httpapi.Fault) {
	code := refused
	if f.Status == http.StatusBadRequest {
		code = jsonrpc.CodeInvalidRequest
	}
	data := details(f)
	delete(data, "detail") // it is the message
	if id := httpapi.RequestID(r.Context()); id != "" {
		data["request_id"] = id
	}
	h := w.Header()
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	if f.Status == http.StatusUnauthorized && h.Get("WWW-Authenticate") == "" {
		httpapi.Challenge(h, r)
	}
	httpapi.WriteJSON(w, f.Status, map[string]any{"jsonrpc": "2.0", "id": nil, "error": map[string]any{"code": code, "message": f.Text, "data": data}})
}
