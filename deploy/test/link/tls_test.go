//go:build integration

package link

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/account/accounttest"
)

// The component link of ejabberd over TLS: its listener with tls and a certificate, as
// the operator's guide has it. What is wrong is told in words that help.
func TestLinkOverTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key, _ := accounttest.WriteCertificate(t, "example.com", dir)
	other, _, _ := accounttest.WriteCertificate(t, "other.example.com", dir)
	both := filepath.Join(dir, "both.pem")
	var text []byte
	for _, file := range []string{key, cert} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		text = append(text, data...)
	}
	require.NoError(t, os.WriteFile(both, text, 0o600))
	port := harness.FreePort(t)
	o := harness.ServerOptions(lab.Ejabberd)
	o.Edit = func(config []byte) ([]byte, error) {
		more := fmt.Sprintf("listen:\n  - {port: %s, ip: 127.0.0.1, module: ejabberd_service, access: all, global_routes: false, tls: true, certfile: %s, hosts: {secure.localhost: {password: %q}}}\n", port, both, harness.Secret)
		return harness.AddYAML(config, harness.ReadYAML(t, more))
	}
	s := harness.StartServer(t, o)

	b := harness.NewBot(t)
	configure := func(tls string) string {
		dir := t.TempDir()
		return harness.WriteConfig(t, dir, fmt.Sprintf("components:\n  - {domain: secure.localhost, server: \"127.0.0.1:%s\", secret: %s, tls: %s}\nendpoints:\n  - {name: echo, url: %q}\nhttp: {listen: \"127.0.0.1:0\"}\nstore: {dir: %s}\n",
			port, harness.Secret, tls, b.URL(), filepath.Join(dir, "store")))
	}
	for tls, want := range map[string]string{
		"{mode: direct, server_name: example.com, ca_file: " + other + "}": "is not trusted: TLS: tls: failed to verify certificate: x509: certificate signed by unknown authority; set components[].tls.ca_file to the CA that signed it",
		"{mode: direct, server_name: other.org, ca_file: " + cert + "}":    "is for another name: x509: certificate is valid for example.com, not other.org; set components[].tls.server_name to a name in it",
		"{mode: none}": "set components[].tls.mode to direct",
	} {
		code, out, errs := harness.RunProgram(t, nil, "check", "--live", "--config", configure(tls))
		if code != 1 || !strings.Contains(out, "not connected: ") || !strings.Contains(out, want) {
			t.Errorf("%s: %d, and there is no %q in\n%s%s", tls, code, want, out, errs)
		}
	}
	// A new CA counts from the next connection on, after a reload.
	trusted := filepath.Join(dir, "trusted.crt")
	copyFile := func(from string) {
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(trusted, data, 0o600)
		}
		require.NoError(t, err)
	}
	copyFile(other)
	p := harness.LaunchFile(t, configure("{mode: direct, server_name: example.com, ca_file: "+trusted+"}"))
	p.AwaitNotReady("is not trusted")
	copyFile(cert)
	require.NoError(t, p.Cmd.Process.Signal(syscall.SIGHUP))
	p.AwaitLinks(1)
	harness.Login(t, s, "alice").Echo("echo@secure.localhost", "by TLS")
	p.StopWell()
	if text := s.Logs(); !strings.Contains(text, "Start accepting TLS connections at 127.0.0.1:"+port) {
		t.Error("ejabberd does not say that this listener has TLS")
	}
}
