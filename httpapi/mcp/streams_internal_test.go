package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// script is a client that has written all it wants, and says so.
type script struct {
	io.Reader
	once sync.Once
	over chan struct{}
}

func (s *script) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if err == io.EOF {
		s.once.Do(func() { close(s.over) })
	}
	return n, err
}

func scriptOf(more string) *script {
	return &script{Reader: strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"list_rooms","arguments":{}}}
` + more), over: make(chan struct{})}
}

// Who closes its side at once after a request gets the answer.
func TestLastAnswer(t *testing.T) {
	in, out := scriptOf(""), &bytes.Buffer{}
	err := ServeStreams(t.Context(), in, out, "1", func(context.Context, string, json.RawMessage) (any, error) {
		<-in.over
		return map[string]string{"the": "answer"}, nil
	})
	if err != nil || !strings.Contains(out.String(), `"the":"answer"`) {
		t.Errorf("%v %s", err, out)
	}
}

// Who has gone is not waited for for ever, and not at all for what it has cancelled.
func TestNoLastAnswer(t *testing.T) {
	for _, c := range []struct {
		more string
		last time.Duration
	}{
		{"", time.Millisecond},
		{`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}` + "\n", time.Hour},
	} {
		if err := serveStreams(t.Context(), scriptOf(c.more), io.Discard, "1", func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, c.last); err != nil {
			t.Error(err)
		}
	}
}

// A panic of the SDK ends a request, and not the process.
func TestPanic(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	_, err := recovering(func(context.Context, string, sdk.Request) (sdk.Result, error) { panic("oh") }, zap.New(core))(t.Context(), "ping", nil)
	if e, is := err.(*jsonrpc.Error); !is || e.Code != jsonrpc.CodeInternalError || logs.FilterMessage("mcp request panicked").Len() != 1 {
		t.Errorf("%v %v", err, logs.All())
	}
}
