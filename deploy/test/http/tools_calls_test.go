//go:build integration

package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab/harness"
)

// called is what came of a call of a tool.
type called struct {
	text       string
	structured any
	failed     bool
}

// callers call tools of a program, each in its way.
type callers struct {
	*testing.T
	p       *harness.Program
	said    *harness.Transcript // nil: nobody writes along
	clients map[string]*sdk.ClientSession
}

// way is one way to call a tool.
type way struct {
	name string
	call func(c *callers, token, tool, arguments string) called
}

// ways are all of them.
var ways = []way{
	{"client", (*callers).byClient},
	{"json-rpc", (*callers).byHTTP},
	{"tools", (*callers).byTools},
}

// client returns the official client of the Model Context Protocol, which is connected.
func (c *callers) client(token string) *sdk.ClientSession {
	c.Helper()
	if c.clients[token] == nil {
		s, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(c.Context(), &sdk.StreamableClientTransport{
			Endpoint: "http://" + c.p.Addr + "/mcp", HTTPClient: &http.Client{Transport: bearer{token, c.said}},
		}, nil)
		require.NoError(c, err)
		c.clients[token] = s
		c.Cleanup(func() { _ = s.Close() })
	}
	return c.clients[token]
}

func (c *callers) byClient(token, tool, arguments string) called {
	c.Helper()
	r, err := c.client(token).CallTool(c.Context(), &sdk.CallToolParams{Name: tool, Arguments: json.RawMessage(arguments)})
	if err != nil {
		c.Errorf("%s %s: %v", tool, arguments, err)
		return called{failed: true}
	}
	return called{r.Content[0].(*sdk.TextContent).Text, r.StructuredContent, r.IsError}
}

// byHTTP calls a tool by JSON-RPC over HTTP.
func (c *callers) byHTTP(token, tool, arguments string) called {
	c.Helper()
	var v struct {
		Result struct {
			Content           []struct{ Text string }
			StructuredContent any
			IsError           bool
		}
	}
	status, body := c.post(token, "/mcp", fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, tool, arguments),
		"Accept", "application/json, text/event-stream", "MCP-Protocol-Version", "2025-06-18")
	if err := json.Unmarshal(body, &v); err != nil || len(v.Result.Content) != 1 {
		c.Errorf("%s %s: %d %s %v", tool, arguments, status, body, err)
		return called{failed: true}
	}
	return called{v.Result.Content[0].Text, v.Result.StructuredContent, v.Result.IsError}
}

// byTools calls a tool by /v1/tools. A problem is its error.
func (c *callers) byTools(token, tool, arguments string) called {
	c.Helper()
	status, body := c.post(token, "/v1/tools/"+tool, arguments)
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		c.Errorf("%s %s: %d %s %v", tool, arguments, status, body, err)
		return called{failed: true}
	}
	if status != http.StatusOK {
		return called{fmt.Sprint(v["detail"]), v, true}
	}
	return called{string(body), v, false}
}

func (c *callers) post(token, path, body string, headers ...string) (int, []byte) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), http.MethodPost, "http://"+c.p.Addr+path, strings.NewReader(body))
	require.NoError(c, err)
	r.Header.Set("Content-Type", harness.AsJSON)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := (&http.Client{Transport: bearer{token, c.said}}).Do(r)
	if err != nil {
		c.Error(err)
		return 0, nil
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Error(err)
	}
	return resp.StatusCode, answer
}

// bearer adds a token to requests. What is posted is in the transcript.
type bearer struct {
	token string
	said  *harness.Transcript
}

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	if b.said == nil || r.Method != http.MethodPost {
		return http.DefaultTransport.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	b.said.Sent(fmt.Sprintf("POST %s (token %s) %s", r.URL.Path, b.token, brief(body)))
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	b.said.Got(strings.Join(append(append([]string{fmt.Sprint(resp.StatusCode)}, resp.Header.Values("WWW-Authenticate")...), brief(answer)), " "))
	return resp, nil
}

// brief shows a request or an answer of JSON-RPC without who speaks (_meta), and without the text
// of a result where that is the structured content once more. Others it shows as they are.
func brief(text []byte) string {
	var v map[string]any
	if json.Unmarshal(text, &v) != nil || v["jsonrpc"] == nil || v["method"] == "server/discover" {
		return string(text)
	}
	params, _ := v["params"].(map[string]any)
	delete(params, "_meta")
	result, _ := v["result"].(map[string]any)
	if result["supportedVersions"] != nil { // of the discovery
		return string(text)
	}
	delete(result, "_meta")
	if content, _ := result["content"].([]any); len(content) == 1 {
		var copied map[string]any
		one, _ := content[0].(map[string]any)
		text, _ := one["text"].(string)
		if json.Unmarshal([]byte(text), &copied) == nil && reflect.DeepEqual(any(copied), result["structuredContent"]) {
			one["text"] = "(the structured content)"
		}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return b.String()
}
