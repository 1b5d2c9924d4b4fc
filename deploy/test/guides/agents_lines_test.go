//go:build integration

package guides

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// model is a service like OpenAI's that answers each message by send_message to Juliet.
func model(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ask struct {
			Messages []struct{ Role, Content string }
			Tools    []struct{ Function struct{ Name string } }
		}
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || len(ask.Tools) != 3 || r.URL.Path != "/v1/chat/completions" {
			t.Errorf("%s %+v %v", r.URL, ask, err)
		}
		last := ask.Messages[len(ask.Messages)-1]
		message := map[string]any{"role": "assistant", "content": "done"}
		if last.Role == "user" {
			var event struct {
				Text      string
				Untrusted bool
			}
			if err := json.Unmarshal([]byte(last.Content), &event); err != nil || !event.Untrusted {
				t.Errorf("%s %v", last.Content, err)
			}
			arguments, _ := json.Marshal(map[string]string{"to": "juliet@example.com", "body": "you said " + event.Text})
			message["tool_calls"] = []any{map[string]any{"id": "c1", "type": "function", "function": map[string]any{"name": "send_message", "arguments": string(arguments)}}}
		} else if !strings.Contains(last.Content, `"ref"`) {
			t.Errorf("the result of the tool is %s", last.Content)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"message": message}}})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// writer is a webhook that writes its answer bit by bit.
func writer(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, part := range []string{"It is ", "sunny."} {
			fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", part)
			w.(http.Flusher).Flush()
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// The lines of the guide about agents are run, in their order, with its configuration; so are
// the loop in Python, "stanzahook mcp", and an answer that is written bit by bit.
func TestAgentsLines(t *testing.T) {
	page := harness.Page(t, "examples/guide/agents.md")
	lines, config := harness.CodeBlocks(page, "sh"), harness.CodeBlocks(page, "yaml")
	if len(lines) != 5 || len(config) != 1 {
		t.Fatalf("%d blocks of lines, %d of configuration", len(lines), len(config))
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, guideOptions(kind))
		u := harness.Login(t, s, "juliet")
		whole := harness.ReadYAML(t, strings.ReplaceAll(config[0], "sha256:…", harness.HashOf(guideToken)))
		whole["components"] = []any{map[string]any{"domain": "bot.example.com", "server": s.ComponentAddr(), "secret": harness.Secret}}
		whole["store"] = map[string]any{"dir": "store"}
		whole["http"].(map[string]any)["listen"] = "127.0.0.1:0"
		whole["endpoints"] = append([]any{map[string]any{"name": "writer", "match": map[string]any{"to": "writer@*"}, "url": writer(t)}}, whole["endpoints"].([]any)...)
		text, err := yaml.Marshal(whole)
		require.NoError(t, err)
		dir := t.TempDir()
		d := developer{t: t, p: harness.LaunchLinked(t, harness.WriteConfig(t, dir, string(text))), dir: dir}
		says := func(what, text string) {
			t.Helper()
			u.Await(what, func(r lab.Received) bool { return r.Body == text })
		}
		d.shows(lines[0], `"name":"send_message"`)
		d.shows(lines[1], `"state":"confirmed"`)
		says("the message", "Shall I deploy?")
		u.Send("<message to='agent@bot.example.com' type='chat' id='m1'><body>yes</body></message>")
		d.shows(lines[2], `"text":"yes"`)
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			d.shows(lines[3], `"answer":"green"`)
		}()
		says("the question", "Which one?\n1. blue\n2. green")
		u.Send("<message to='agent@bot.example.com' type='chat' id='m2'><body>2</body></message>")
		<-answered

		env := append(os.Environ(), "STANZAHOOK_TOKEN="+guideToken, "STANZAHOOK_API=http://"+d.p.Addr)
		cmd := exec.Command(harness.Binary, "mcp")
		cmd.Env = env
		c, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &sdk.CommandTransport{Command: cmd}, nil)
		require.NoError(t, err)
		r, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "send_message", Arguments: map[string]any{"to": "juliet@example.com", "body": "by mcp"}})
		if err != nil || r.IsError {
			t.Errorf("%+v %v", r, err)
		}
		says("the message of mcp", "by mcp")
		if r, err = c.CallTool(t.Context(), &sdk.CallToolParams{Name: "send_message", Arguments: map[string]any{"to": 7, "body": "x"}}); err != nil || !r.IsError || !strings.Contains(r.Content[0].(*sdk.TextContent).Text, "to: is the number 7") {
			t.Errorf("%+v %v", r, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}

		u.Send("<message to='writer@bot.example.com' type='chat' id='m3'><body>weather?</body></message>")
		says("the answer in one", "It is sunny.")

		loop := exec.Command("/usr/bin/python3", harness.Path(t, "examples/agent-python/agent.py"))
		loop.Env = append(env, "OPENAI_BASE_URL="+model(t)+"/v1")
		require.NoError(t, loop.Start())
		t.Cleanup(func() { _ = loop.Process.Kill(); _ = loop.Wait() })
		says("the agent's answer to what is there", "you said yes")
		u.Send("<message to='agent@bot.example.com' type='chat' id='m4'><body>hello agent</body></message>")
		says("the agent's answer", "you said hello agent")
	})
}
