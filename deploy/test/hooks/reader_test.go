//go:build integration

package hooks

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const room = "ops@rooms.localhost"

// read is a message as the reader got it.
type read struct {
	Ready                                                       bool
	Type, Sender, ID, Body, Reply, ReplyTo, Replace, Stanza, By string
}

// reader is a user with slixmpp, who is in the room too.
type reader struct {
	t *testing.T

	mu  sync.Mutex
	got []read
}

// newReader logs a user in and waits until it is in the room.
func newReader(t *testing.T, s *lab.Server, user string) *reader {
	t.Helper()
	host, port, err := net.SplitHostPort(s.ClientAddr())
	require.NoError(t, err)
	var log strings.Builder
	cmd := exec.Command("/usr/bin/python3", "testdata/reader.py", user+"@localhost/reader", harness.Password, host, port, room, user)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	r, done := &reader{t: t}, make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var one read
			if err := json.Unmarshal(lines.Bytes(), &one); err == nil {
				r.mu.Lock()
				r.got = append(r.got, one)
				r.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		_ = in.Close()
		<-done
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Logf("the reader: %v\n%s", err, log.String())
		}
	})
	r.await("the room", func(m read) bool { return m.Ready })
	return r
}

// await waits for a message, and takes it.
func (r *reader) await(what string, match func(read) bool) (found read) {
	r.t.Helper()
	harness.Eventually(r.t, what, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for i, m := range r.got {
			if match(m) {
				found = m
				r.got = append(r.got[:i:i], r.got[i+1:]...)
				return true
			}
		}
		return false
	})
	return found
}

// chat waits for a message from a bot whose text begins so; said for one in the room.
func (r *reader) chat(bot, text string) read {
	r.t.Helper()
	return r.await(bot+" writes "+text, func(m read) bool {
		return m.Type == "chat" && strings.HasPrefix(m.Sender, bot+"@") && strings.HasPrefix(m.Body, text)
	})
}

func (r *reader) said(bot, text string) read {
	r.t.Helper()
	return r.await(bot+" says "+text, func(m read) bool {
		return m.Type == "groupchat" && m.Sender == room+"/"+bot && strings.HasPrefix(m.Body, text)
	})
}

// stage is a server with rooms, a reader, and a program with hooks.
type stage struct {
	*reader
	server *lab.Server
	file   string
	p      *harness.Program
}

// newStage starts a program whose hooks, by the names of their adapters, write to the reader
// and the room; more are further keys of each.
func newStage(t *testing.T, kind lab.Kind, more string, adapters ...string) *stage {
	o := harness.WithRooms(harness.ServerOptions(kind, "hooks"))
	rooms := o.Edit
	o.Edit = func(config []byte) ([]byte, error) { // with archives, so that rooms give ids to messages
		config, err := rooms(config)
		if err != nil || kind == lab.Prosody {
			return append(config, "    modules_enabled = { \"muc_mam\" }\n"...), err
		}
		return harness.AddYAML(config, map[string]any{"modules": map[string]any{"mod_mam": map[string]any{}, "mod_muc": map[string]any{"default_room_options": map[string]any{"mam": true}}}})
	}
	s := &stage{server: harness.StartServer(t, o)}
	s.reader = newReader(t, s.server, "alice")
	c := harness.OneComponent(s.server, "hooks", harness.NewBot(t))
	var all []string
	for _, name := range adapters {
		all = append(all, fmt.Sprintf("{name: %[1]s, adapter: %[1]s, secret_hash: %[2]q, from: %[1]s@hooks.localhost, to: [alice@localhost, %[3]s]%[4]s}", name, harness.HashOf("s3cret-"+name), room, more))
	}
	c.Hooks = "[" + strings.Join(all, ", ") + "]"
	s.file = c.Write(t, t.TempDir())
	s.p = harness.LaunchLinked(t, s.file)
	return s
}

func (s *stage) url(path string) string { return "http://" + s.p.Addr + path }

// again starts the program anew.
func (s *stage) again() { s.p = harness.LaunchLinked(s.t, s.file) }
