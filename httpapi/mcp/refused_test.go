package mcp_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"stanzahook/httpapi"
	"stanzahook/httpapi/mcp"
	"stanzahook/httpapi/tools"
)

// busy serves the tools with a /v1 that answers 503, for callers that have a number of requests.
func busy(t *testing.T, burst int) string {
	t.Helper()
	api := httpapi.Mount{Prefix: "/v1", Routes: []httpapi.Route{{Method: http.MethodGet, Path: "/v1/rooms", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpapi.WriteProblem(w, r, &httpapi.Fault{Status: http.StatusServiceUnavailable, Text: "the link is down", RetryAfter: 7, Members: map[string]any{"condition": "remote-server-timeout"}})
	})}}}
	mount := mcp.New(mcp.Options{Path: "/mcp", Version: "1.2.3", Tools: tools.NewRunner(tools.Options{API: api})})
	s := httptest.NewServer(httpapi.New(httpapi.Options{NoAuth: true, MaxBodyBytes: 1 << 20, Rate: httpapi.RateLimit{PerSecond: 1, Burst: burst}}, mount))
	t.Cleanup(s.Close)
	return s.URL + "/mcp"
}

// An error that ends by itself says when to try again, for models and for programs.
func TestRetryAfterOfTool(t *testing.T) {
	c, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: busy(t, 100)}, nil)
	require.NoError(t, err)
	defer c.Close() //nolint:errcheck // nothing is lost
	r, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "list_rooms"})
	if err != nil || !r.IsError || r.Content[0].(*sdk.TextContent).Text != "the link is down (try again in 7 s)" {
		t.Fatalf("%+v %v", r, err)
	}
	details, _ := r.StructuredContent.(map[string]any)
	if details["retry_after"] != 7.0 || details["status"] != 503.0 || details["detail"] != "the link is down" || details["condition"] != "remote-server-timeout" {
		t.Errorf("%v", r.StructuredContent)
	}
}

// What is refused before a tool is run is an error of JSON-RPC, with the header and the time.
func TestRetryAfterOfRequest(t *testing.T) {
	at := busy(t, 1)
	for i, c := range []struct {
		body       string
		status     int
		code       float64
		says       string
		retryAfter any
	}{
		{`[]`, 400, -32600, "batches are not served", nil},
		{`{}`, 429, -32000, "too many requests", 1.0},
	} {
		resp, err := http.Post(at, "application/json", strings.NewReader(c.body))
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		var v struct {
			JSONRPC string
			ID      any
			Error   struct {
				Code    float64
				Message string
				Data    map[string]any
			}
		}
		if err == nil {
			err = json.Unmarshal(text, &v)
		}
		if err != nil || resp.StatusCode != c.status || v.JSONRPC != "2.0" || v.ID != nil || v.Error.Code != c.code || !strings.Contains(v.Error.Message, c.says) || v.Error.Data["retry_after"] != c.retryAfter {
			t.Errorf("%d: %d %s %v", i, resp.StatusCode, text, err)
		}
		if want := map[bool]string{true: "1"}[c.retryAfter != nil]; resp.Header.Get("Retry-After") != want {
			t.Errorf("%d: %v", i, resp.Header)
		}
	}
}
