package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab/harness"
	"stanzahook/httpapi/tools"
)

const withMCP = "mcp: {enabled: true}\n"

// bearer adds a token to requests.
type bearer string

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// connect connects the official client, whatever it is connected by.
func connect(t testing.TB, transport sdk.Transport) *sdk.ClientSession {
	t.Helper()
	c, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), transport, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (x *running) client(token string) *sdk.ClientSession {
	return connect(x.t, &sdk.StreamableClientTransport{Endpoint: "http://" + x.Addr + "/mcp", HTTPClient: &http.Client{Transport: bearer(token)}})
}

// asCaller calls tools by clients.
func asCaller(client func(token string) *sdk.ClientSession) caller {
	return func(token, tool, arguments string) (map[string]any, string) {
		p := &sdk.CallToolParams{Name: tool}
		if arguments != "" {
			p.Arguments = json.RawMessage(arguments)
		}
		r, err := client(token).CallTool(context.Background(), p)
		if err != nil {
			return nil, err.Error()
		}
		text := r.Content[0].(*sdk.TextContent).Text
		if r.IsError {
			return nil, text
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(text), &v); err != nil || fmt.Sprint(v) != fmt.Sprint(r.StructuredContent) {
			return nil, fmt.Sprintf("%q %v: %v", text, r.StructuredContent, err)
		}
		return v, ""
	}
}

// rawMCP makes a request of JSON-RPC.
func (x *running) rawMCP(token, version, method, params string) (int, string) {
	x.t.Helper()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"method":%q,"params":%s}`, method, params)
	return x.call(token, "POST", "/mcp", body, "Accept", "application/json, text/event-stream", "MCP-Protocol-Version", version)
}

// rawTool calls a tool by JSON-RPC over HTTP.
func (x *running) rawTool(token, tool, arguments string) (map[string]any, string) {
	x.t.Helper()
	if arguments == "" {
		arguments = "{}"
	}
	status, body := x.rawMCP(token, "2025-06-18", "tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, tool, arguments))
	var v struct {
		ID     int
		Result struct {
			Content           []struct{ Text string }
			StructuredContent map[string]any
			IsError           bool
		}
		Error *struct{ Message string }
	}
	if err := json.Unmarshal([]byte(body), &v); err != nil || status != 200 || v.ID != 7 {
		x.t.Errorf("%s: %d %s", tool, status, body)
		return nil, body
	}
	if v.Error != nil {
		return nil, v.Error.Message
	}
	if v.Result.IsError {
		return nil, v.Result.Content[0].Text
	}
	return v.Result.StructuredContent, ""
}

// Each tool by the official client, and by raw JSON-RPC.
func TestToolsByMCP(t *testing.T) {
	for _, c := range []struct {
		name string
		call func(x *running) caller
	}{
		{"official client", func(x *running) caller { return asCaller(x.client) }},
		{"JSON-RPC", func(x *running) caller { return x.rawTool }},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := startApp(t, agentConfig()+withMCP)
			x.everyTool(c.call(x))
		})
	}
}

// What a client sees of the server, and what it does not get.
func TestMCP(t *testing.T) {
	x := startApp(t, agentConfig()+withMCP)
	c := x.client("agent")
	if v := c.InitializeResult(); v.Capabilities.Tools == nil || v.Capabilities.Resources != nil || v.Capabilities.Prompts != nil || !strings.Contains(v.Instructions, "untrusted") {
		t.Errorf("%+v", v)
	}
	list, err := c.ListTools(t.Context(), nil)
	if err != nil || len(list.Tools) != len(tools.All()) {
		t.Fatalf("%+v %v", list, err)
	}
	for _, tool := range list.Tools {
		if tool.Name == "room_members" && !tool.Annotations.ReadOnlyHint || tool.Name == "leave_room" && !*tool.Annotations.DestructiveHint {
			t.Errorf("%+v", tool.Annotations)
		}
	}
	if _, err := c.ListResources(t.Context(), nil); err == nil {
		t.Error("there are resources")
	}
	if _, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "nope"}); err == nil {
		t.Error("there is a tool nope")
	}
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		if status, body := x.rawMCP("agent", version, "tools/list", "{}"); status != 200 || !strings.Contains(body, `"send_message"`) {
			t.Errorf("%s: %d %s", version, status, body)
		}
	}
	const meta = `{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}}`
	if status, body := x.call("agent", "POST", "/mcp", `{"jsonrpc":"2.0","id":7,"method":"tools/list","params":`+meta+`}`, "Accept", "application/json, text/event-stream", "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/list"); status != 200 || !strings.Contains(body, `"send_message"`) {
		t.Errorf("%d %s", status, body)
	}
	for _, c := range []struct {
		method, body, says string
		status             int
		headers            []string
	}{
		{"GET", "", "", 405, nil},
		{"DELETE", "", "", 405, nil},
		{"POST", `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]`, "batches are not served", 400, nil},
		{"POST", `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":` + meta + `}`, "not found", 404, []string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "subscriptions/listen"}},
		{"POST", `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}`, "not found", 200, nil},
		{"POST", `nonsense`, "", 400, nil},
		{"POST", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"react","arguments":[1]}}`, "an object is needed", 200, nil},
		{"POST", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"react","arguments":"x"}}`, "an object is needed", 200, nil},
		{"POST", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"x"}`, "", 0, nil},
		{"POST", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}`, "", 0, nil},
		{"POST", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, `"result":{}`, 200, nil},
		{"POST", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, `"result":{}`, 200, []string{"Host", "bot.example.com"}},
	} {
		status, body := x.call("agent", c.method, "/mcp", c.body, append([]string{"Accept", "application/json, text/event-stream"}, c.headers...)...)
		if c.status != 0 && status != c.status || !strings.Contains(body, c.says) || status >= 500 {
			t.Errorf("%s %s: %d %s", c.method, c.body, status, body)
		}
	}
	for _, token := range []string{"", "wrong"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+x.Addr+"/mcp", bytes.NewReader(nil))
		require.NoError(t, err)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != 401 || !slices.ContainsFunc(resp.Header.Values("WWW-Authenticate"), func(v string) bool { return strings.HasPrefix(v, "Bearer ") }) {
			t.Errorf("%q: %d %v", token, resp.StatusCode, resp.Header)
		}
	}
	harness.Eventually(t, "nothing goes on", func() bool { return x.begunRequests() == 0 })
	x.reloads(agentConfig(), "mcp")
	if status, _ := x.call("agent", "POST", "/mcp", "{}"); status != 404 {
		t.Errorf("%d without mcp.enabled", status)
	}
}

// A client that goes away during a call holds nothing, whatever its protocol.
func TestGoneMCPClient(t *testing.T) {
	x := startApp(t, agentConfig()+withMCP)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "POST", "http://"+x.Addr+"/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait_for_message","arguments":{"wait":50}}}`))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer agent")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := http.DefaultClient.Do(r); err == nil {
			_ = resp.Body.Close()
		}
	}()
	harness.Eventually(t, "it waits", func() bool { return x.server.Handler().Waiting().Used == 1 })
	cancel()
	<-done
	harness.Eventually(t, "it is gone", func() bool { return x.begunRequests() == 0 })
}
