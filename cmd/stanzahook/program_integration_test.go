//go:build integration

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is a running stanzahook.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *logbook
	done chan struct{} // closed when it has ended
	err  error         // how; valid after done
	addr string        // of its HTTP server
}

// launch starts the program with a configuration in a directory of its own and
// returns when it says that it has started.
func launch(t *testing.T, c testConfig) *program {
	t.Helper()
	return launchIn(t, t.TempDir(), c)
}

func launchIn(t *testing.T, dir string, c testConfig) *program {
	t.Helper()
	return launchFile(t, c.write(t, dir))
}

// launchFile starts the program with a configuration file.
func launchFile(t *testing.T, file string) *program {
	t.Helper()
	return command(t, "serve", "--config", file).started()
}

// started waits until it says that it has.
func (p *program) started() *program {
	t := p.t
	t.Helper()
	eventually(t, "stanzahook has started", func() bool {
		if p.ended() {
			t.Fatalf("stanzahook ended: %v", p.err)
		}
		for _, e := range p.log.entries() {
			if e.Msg == "started" {
				p.addr = e.HTTP
				return true
			}
		}
		return false
	})
	return p
}

// linked is launch that also waits for the connections of all components.
func linked(t *testing.T, c testConfig) *program {
	t.Helper()
	p := launch(t, c)
	p.awaitLinks(len(c.Components))
	return p
}

// command starts the program with any arguments.
func command(t *testing.T, args ...string) *program {
	t.Helper()
	return commandUnder(t, nil, args...)
}

// commandUnder starts it by way of another program, whose place it takes: its
// process is the same.
func commandUnder(t *testing.T, other []string, args ...string) *program {
	t.Helper()
	line := slices.Concat(other, []string{binary}, args)
	p := &program{t: t, cmd: exec.Command(line[0], line[1:]...), log: &logbook{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if dir := coverDir(); dir != "" {
		p.cmd.Env = append(os.Environ(), "GOCOVERDIR="+dir)
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the test itself is killed
	started := make(chan error)
	go func() {
		// The signal comes when the thread ends, not when the process does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	showLog(t, "stanzahook "+strings.Join(args, " "), p.log.String)
	t.Cleanup(func() {
		if coverDir() != "" {
			p.end(time.Second)
		}
		p.kill()
		for _, bad := range []string{"DATA RACE", "panicked", "panic:", "fatal error:", testSecret, "token-all"} {
			if strings.Contains(p.log.String(), bad) {
				t.Errorf("the log has %q in it", bad)
			}
		}
	})
	return p
}

func (p *program) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// end gives it so much time to end by itself.
func (p *program) end(within time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(within):
	}
}

// kill ends it at once.
func (p *program) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// terminate asks it to end.
func (p *program) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
}

// stop asks it to end and returns its exit code.
func (p *program) stop() int {
	p.t.Helper()
	p.terminate()
	return p.wait()
}

func (p *program) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatal("stanzahook does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// connects counts how often the links came up.
func (p *program) connects() int {
	return p.log.count(func(e logEntry) bool { return e.Msg == "connected" })
}

func (p *program) awaitLinks(n int) {
	p.t.Helper()
	eventually(p.t, "stanzahook is connected", func() bool { return p.connects() >= n })
}

// logbook takes what the program prints.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logbook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// logEntry is one line of the log.
type logEntry struct{ Level, Msg, Component, HTTP string }

func (l *logbook) entries() []logEntry {
	var all []logEntry
	for line := range strings.Lines(l.String()) {
		var e logEntry
		if strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &e) == nil {
			all = append(all, e)
		}
	}
	return all
}

func (l *logbook) count(match func(logEntry) bool) int {
	n := 0
	for _, e := range l.entries() {
		if match(e) {
			n++
		}
	}
	return n
}

// reply is an answer of the program's HTTP server.
type reply struct {
	status int
	header http.Header
	body   string
}

// call makes a request. An empty token sends none.
func (p *program) call(method, path, token, contentType, body string) (reply, error) {
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.addr+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	client := http.Client{Timeout: patience}
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(text)}, err
}

// get is a request that needs no token.
func (p *program) get(path string) reply {
	p.t.Helper()
	r, err := p.call("GET", path, "", "", "")
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// stored returns how many events of an endpoint are on disk and not answered.
func (p *program) stored(endpoint string) int {
	p.t.Helper()
	return p.count("/v1/deliveries?limit=500&state=queued&endpoint=" + endpoint)
}

// count counts the items of a list, over all its pages; path has a query already.
func (p *program) count(path string) (n int) {
	p.t.Helper()
	for cursor := ""; ; {
		r, err := p.call("GET", path+cursor, "token-admin", "", "")
		var list struct {
			Items []struct{}
			Next  *string
		}
		if err == nil {
			err = json.Unmarshal([]byte(r.body), &list)
		}
		if err != nil || r.status != http.StatusOK {
			p.t.Fatalf("%s: %d %s %v", path, r.status, r.body, err)
		}
		n += len(list.Items)
		if list.Next == nil {
			return n
		}
		cursor = "&cursor=" + *list.Next
	}
}

const (
	asXML  = "application/xmpp+xml"
	asJSON = "application/json"
)

// post sends to /rest with the token that may do everything.
func (p *program) post(contentType, body string) reply {
	p.t.Helper()
	r, err := p.call("POST", "/rest", "token-all", contentType, body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// awaitNotReady waits until /readyz says no, with this reason, and checks that
// the process itself is well.
func (p *program) awaitNotReady(reason string) {
	p.t.Helper()
	var last reply
	eventually(p.t, "/readyz is 503 and says "+reason, func() bool {
		last = p.get("/readyz")
		return last.status == http.StatusServiceUnavailable && strings.Contains(last.body, reason)
	})
	if r := p.get("/healthz"); r.status != http.StatusOK {
		p.t.Errorf("/healthz is %d %s", r.status, r.body)
	}
}

func (p *program) awaitReady() {
	p.t.Helper()
	eventually(p.t, "/readyz is 200", func() bool { return p.get("/readyz").status == http.StatusOK })
}

// testFile returns a file of testdata/integration.
func testFile(name string) string { return filepath.Join("testdata", "integration", name) }
