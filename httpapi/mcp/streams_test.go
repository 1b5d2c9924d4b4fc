package mcp_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"stanzahook/httpapi/mcp"
)

// A client over streams gets results and errors of tools; calls run at the same time, and one
// that the client cancels ends.
func TestServeStreams(t *testing.T) {
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	began, ended := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- mcp.ServeStreams(t.Context(), in, out, "1.2.3", func(ctx context.Context, name string, arguments json.RawMessage) (any, error) {
			switch name {
			case "ask":
				close(began)
				<-ctx.Done()
				close(ended)
				return nil, ctx.Err()
			case "react":
				return nil, errors.New("emoji: is missing")
			}
			return map[string]any{"name": name, "given": string(arguments)}, nil
		})
	}()
	c, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &sdk.IOTransport{Reader: fromServer, Writer: toServer}, nil)
	require.NoError(t, err)
	if v := c.InitializeResult().ServerInfo; v.Name != "stanzahook" || v.Version != "1.2.3" {
		t.Errorf("%+v", v)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _, _ = c.CallTool(ctx, &sdk.CallToolParams{Name: "ask"}) }()
	<-began
	r, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "send_message", Arguments: map[string]any{"to": "a@b"}})
	if err != nil || r.IsError || !strings.Contains(r.Content[0].(*sdk.TextContent).Text, `{\"to\":\"a@b\"}`) {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "react"}); err != nil || !r.IsError || r.Content[0].(*sdk.TextContent).Text != "emoji: is missing" {
		t.Errorf("%+v %v", r, err)
	}
	cancel()
	<-ended
	_ = c.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// An answer that is no JSON is an error of its tool, and ends nothing.
func TestStreamsWithoutJSON(t *testing.T) {
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	go func() {
		_ = mcp.ServeStreams(t.Context(), in, out, "1.2.3", func(context.Context, string, json.RawMessage) (any, error) {
			return json.RawMessage("<html>a proxy</html>"), nil
		})
	}()
	c, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &sdk.IOTransport{Reader: fromServer, Writer: toServer}, nil)
	require.NoError(t, err)
	defer c.Close() //nolint:errcheck // nothing is lost
	r, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "list_rooms"})
	if err != nil || !r.IsError || !strings.Contains(r.Content[0].(*sdk.TextContent).Text, "no JSON") {
		t.Errorf("%+v %v", r, err)
	}
}
