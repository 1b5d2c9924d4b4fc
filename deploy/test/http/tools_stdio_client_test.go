//go:build integration

package http

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab/harness"
	"stanzahook/httpapi/tools"
)

// stdio is a client that has started "stanzahook mcp", and speaks with it line by line.
type stdio struct {
	*testing.T
	said    *harness.Transcript
	version string // of the protocol
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
	ids     int
}

// startStdio starts one.
func startStdio(t *testing.T, p *harness.Program, said *harness.Transcript, token, version string) *stdio {
	t.Helper()
	c := &stdio{T: t, said: said, version: version, cmd: exec.Command(harness.Binary, "mcp")}
	c.cmd.Env = append(os.Environ(), "STANZAHOOK_TOKEN="+token, "STANZAHOOK_API=http://"+p.Addr)
	errs := &harness.Logbook{}
	c.cmd.Stderr = errs
	in, err := c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() { _ = c.cmd.Process.Kill(); _ = c.cmd.Wait() })
	harness.ShowLog(t, "stanzahook mcp", errs.String)
	c.in, c.out = in, json.NewDecoder(out)
	return c
}

// stateless reports whether each request of the protocol says who speaks.
func (c *stdio) stateless() bool { return c.version >= "2026" }

// writes writes a line.
func (c *stdio) writes(line string) {
	c.Helper()
	c.said.Sent("stdio: " + brief([]byte(line)))
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.Fatal(err)
	}
}

// asks sends a request; params are without braces.
func (c *stdio) asks(method, params string) {
	c.Helper()
	c.ids++
	if c.stateless() {
		params = strings.TrimSuffix(fmt.Sprintf(`"_meta":{"io.modelcontextprotocol/protocolVersion":%q,"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"}},%s`, c.version, params), ",")
	}
	c.writes(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":{%s}}`, c.ids, method, params))
}

// answered is an answer of JSON-RPC.
type answered struct {
	ID     int
	Result struct {
		ProtocolVersion   string
		SupportedVersions []string
		Tools             []struct{ Name string }
		StructuredContent result
		IsError           bool
	}
	Error *struct{ Message string }
}

// gets reads the answer to the latest request.
func (c *stdio) gets() (v answered) {
	c.Helper()
	var raw json.RawMessage
	err := c.out.Decode(&raw)
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil || v.ID != c.ids || v.Error != nil || v.Result.IsError {
		c.Fatalf("%s %v", raw, err)
	}
	if len(v.Result.Tools) == 0 {
		c.said.Got("stdio: " + brief(raw))
		return v
	}
	var names []string
	for _, tool := range v.Result.Tools {
		names = append(names, tool.Name)
	}
	c.said.Got("stdio: the tools " + strings.Join(names, ", "))
	return v
}

// connects does what a client does first.
func (c *stdio) connects() {
	c.Helper()
	if c.stateless() {
		c.asks("server/discover", "")
		if v := c.gets(); !slices.Contains(v.Result.SupportedVersions, c.version) {
			c.Errorf("%+v", v)
		}
		return
	}
	c.asks("initialize", fmt.Sprintf(`"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"test","version":"1"}`, c.version))
	want := c.version
	if want < "2024" { // none that there is
		want = "2025-11-25"
	}
	if v := c.gets(); v.Result.ProtocolVersion != want {
		c.Errorf("%+v, want %s", v, want)
	}
	c.writes(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

// lists asks for the tools, which must be all.
func (c *stdio) lists() {
	c.Helper()
	c.asks("tools/list", "")
	if v := c.gets(); len(v.Result.Tools) != len(tools.All()) {
		c.Errorf("%+v", v)
	}
}

// begins calls a tool, and does not wait for its answer.
func (c *stdio) begins(tool, format string, values ...any) {
	c.Helper()
	c.asks("tools/call", fmt.Sprintf(`"name":%q,"arguments":%s`, tool, fmt.Sprintf(format, values...)))
}

// calls calls a tool.
func (c *stdio) calls(tool, format string, values ...any) result {
	c.Helper()
	c.begins(tool, format, values...)
	return c.gets().Result.StructuredContent
}

// leaves ends it as a client does that has done its work.
func (c *stdio) leaves() {
	c.Helper()
	_ = c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		c.Error(err)
	}
}

// dies ends it at once.
func (c *stdio) dies() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait() // killed
	c.said.Got("stdio: (the client is killed)")
}
