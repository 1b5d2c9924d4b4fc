//go:build integration

package account_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/pkg/account"
	"stanzahook/pkg/account/accounttest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// prosodyTLS is a Prosody as it stands on the internet: nobody logs in without
// TLS, passwords are hashed, and streams are acknowledged (XEP-0198).
const prosodyTLS = `
data_path = %[1]q
certificates = %[1]q
run_as_root = true
log = { { to = "stdout", levels = { min = "info" } } }
interfaces = { "127.0.0.1" }
c2s_ports = { %[2]d }
c2s_direct_tls_ports = { %[3]d }
s2s_ports = { }
http_ports = { }
https_ports = { }
modules_enabled = { "roster", "saslauth", "tls", "disco", "ping", "smacks" }
modules_disabled = { "s2s" }
c2s_require_encryption = true
authentication = "internal_hashed"
c2s_direct_tls_ssl = { certificate = %[4]q, key = %[5]q }
ssl = { certificate = %[4]q, key = %[5]q }
VirtualHost "localhost"
`

func TestProsodyWithTLS(t *testing.T) {
	bin, err := exec.LookPath("prosody")
	if err != nil {
		t.Fatal(lab.ErrNotInstalled)
	}
	dir := t.TempDir()
	cert, key, cas := accounttest.WriteCertificate(t, "localhost", dir)
	var ports [2]int
	var held []net.Listener // so that the two are not the same
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		ports[i] = l.Addr().(*net.TCPAddr).Port
		held = append(held, l)
	}
	for _, l := range held {
		_ = l.Close()
	}
	file := filepath.Join(dir, "prosody.cfg.lua")
	require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf(prosodyTLS, dir, ports[0], ports[1], cert, key)), 0o600))
	accounts := filepath.Join(dir, "localhost", "accounts")
	require.NoError(t, os.MkdirAll(accounts, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(accounts, "juliet.dat"), []byte(`return { ["password"] = "pass, =word" };`), 0o600))
	out, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	defer out.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "-F", "--config", file)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	require.NoError(t, cmd.Start())
	defer func() { cancel(); _ = cmd.Wait() }() // it is killed
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(out.Name())
			t.Logf("%s", text)
		}
	})
	juliet, password := jid.MustParse("juliet@localhost"), secret.New("pass, =word")
	for i, mode := range []account.Mode{account.StartTLS, account.Direct} {
		d := account.Dialer{Server: fmt.Sprintf("127.0.0.1:%d", ports[i]), Mode: mode, RootCAs: cas}
		for d.Verify(ctx, juliet, password) != nil && i == 0 { // until it is up
			select {
			case <-ctx.Done():
				t.Fatal("Prosody does not come up")
			case <-time.After(50 * time.Millisecond):
			}
		}
		if err := d.Verify(ctx, juliet, password); err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		if err := d.Verify(ctx, juliet, secret.New("wrong")); !errors.Is(err, account.ErrPassword) {
			t.Errorf("%s, wrong password: %v", mode, err)
		}
		s, err := d.Dial(ctx, juliet, password)
		require.NoError(t, err)
		for n := range 20 {
			if err := s.Send(ctx, messageTo("nobody@localhost", fmt.Sprint(n))); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
		}
		s.Close()
		d.RootCAs = nil
		if err := d.Verify(ctx, juliet, password); !errors.Is(err, account.ErrTLS) {
			t.Errorf("%s, unknown CA: %v", mode, err)
		}
		d.RootCAs, d.Mode = cas, account.None
		if err := d.Verify(ctx, juliet, password); i == 0 && !errors.Is(err, account.ErrMechanism) {
			t.Errorf("without TLS: %v", err)
		}
	}
}
