//go:build linux

package harness

import (
	"encoding/json"
	"io"
	"net"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// StartPerson starts a script of testdata with which somebody has an XMPP client that owes nothing
// to the code under test (slixmpp): SCRIPT USER@localhost/RESOURCE PASSWORD HOST PORT and more
// arguments. It returns the input of the script, and the JSON that it prints.
func StartPerson(t testing.TB, script, user, resource, server string, more ...string) (io.Writer, *json.Decoder) {
	t.Helper()
	host, port, err := net.SplitHostPort(server)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", append([]string{script, user + "@localhost/" + resource, Password, host, port}, more...)...)
	errs := &Logbook{}
	cmd.Stderr = errs
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	ShowLog(t, "slixmpp of "+user, errs.String)
	return in, json.NewDecoder(out)
}
