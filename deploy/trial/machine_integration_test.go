//go:build integration && deb

package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a command may take: installing ejabberd is the longest.
const patience = 2 * time.Minute

// machine is a Debian that was booted for one test.
type machine struct {
	t      *testing.T
	leader string // the process id of its systemd
	env    []string
}

// boot starts the Debian in the directory base. Nothing is written there.
func boot(t *testing.T, base string) *machine {
	t.Helper()
	var console bytes.Buffer
	cmd := exec.Command("systemd-nspawn", "-D", base, "--machine=stanzahook-"+strconv.Itoa(os.Getpid()), "--hostname=trial", "--volatile=overlay",
		"--private-network", "--register=no", "--keep-unit", "--boot")
	cmd.Stdout, cmd.Stderr = &console, &console
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	m := &machine{t: t, env: []string{"HOME=/root", "LANG=C.UTF-8", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
	t.Cleanup(func() {
		if m.leader != "" { // when its systemd is gone, so is everything in it
			_ = exec.Command("kill", "-KILL", m.leader).Run()
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the console:\n%s", tail(console.String()))
		}
	})
	// Nothing tells the outside when it has booted: it is not registered anywhere.
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		select {
		case <-deadline:
			state, err := m.try("systemctl is-system-running")
			t.Fatalf("it does not boot: %s %v\n%s", state, err, console.String())
		case <-tick.C:
		}
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		if err != nil {
			t.Fatalf("%v: %s", err, console.String())
		}
		if m.leader, _, _ = strings.Cut(strings.TrimSpace(string(children)), " "); m.leader == "" {
			continue
		}
		if state, _ := m.try("systemctl is-system-running"); strings.HasPrefix(state, "running") || strings.HasPrefix(state, "degraded") {
			return m
		}
	}
}

// try runs lines in a shell of root there, and returns what they print.
func (m *machine) try(script string) (string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), patience)
	defer cancel()
	args := append([]string{"-t", m.leader, "-a", "env", "-i"}, m.env...)
	cmd := exec.CommandContext(ctx, "nsenter", append(args, "sh", "-euc", "cd; "+script)...)
	// What is started there and stays has the output open: a file has no end to wait for.
	out, err := os.CreateTemp(m.t.TempDir(), "")
	if err != nil {
		return "", err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	failed := cmd.Run()
	said, err := os.ReadFile(out.Name())
	return string(said), errors.Join(failed, err)
}

// sh runs what has to succeed.
func (m *machine) sh(script string) string {
	m.t.Helper()
	out, err := m.try(script)
	if err != nil {
		journal, _ := m.try("journalctl -u stanzahook -n 20 -o cat; stanzahook check --live --config /etc/stanzahook/stanzahook.yaml")
		m.t.Fatalf("%s\n%v\n%s\nthe journal:\n%s", script, err, out, tail(journal))
	}
	m.t.Logf("%s\n%s", script, tail(out))
	return out
}

// read and write are about files there.
func (m *machine) read(file string) string {
	m.t.Helper()
	text, err := os.ReadFile(m.path(file))
	require.NoError(m.t, err)
	return string(text)
}

// write keeps owner and mode of a file that is there.
func (m *machine) write(file, text string) {
	m.t.Helper()
	require.NoError(m.t, os.WriteFile(m.path(file), []byte(text), 0o644))
}

// copyIn puts a file of ours into root's home.
func (m *machine) copyIn(file string) {
	m.t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(m.t, err)
	m.write("/root/"+filepath.Base(file), string(data))
}

func (m *machine) path(file string) string { return filepath.Join("/proc", m.leader, "root", file) }

func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}
