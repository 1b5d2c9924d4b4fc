package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/cmd/internal/livecheck"
	"stanzahook/httpapi/v1"
)

// A webhook with a certificate of the operator's own CA that asks for one of ours,
// and another at a socket: a check and a delivery are of one mind, and a reload
// takes what is in the files then.
func TestReloadTakesTheFilesOfTLS(t *testing.T) {
	shown := make(chan string, 10)
	bot := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown <- fmt.Sprint(len(r.TLS.PeerCertificates), " certificates")
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("secured"))
	}))
	bot.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	bot.StartTLS()
	defer bot.Close()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	key, err := x509.MarshalPKCS8PrivateKey(bot.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	good := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: bot.Certificate().Raw})
	other, err := os.ReadFile("../config/testdata/ca.pem")
	require.NoError(t, err)
	ca := write("ca.pem", other)
	cert, private := write("hook.pem", good), write("hook.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	socket := filepath.Join(dir, "bot.sock")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	local := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "local %s %s", r.Host, r.RequestURI)
	})}}
	local.Start()
	defer local.Close()
	config := noAuth + fmt.Sprintf(`outbound: {allow_networks: [127.0.0.1]}
endpoints:
  - {name: local, url: "unix:%s:/é/{to}", match: {from: "romeo@*"}}
  - {name: echo, url: %q, tls: {ca_file: %q, cert_file: %q, key_file: %q}, retry: {schedule: [1h]}}
`, socket, bot.URL, ca, cert, private)
	x := startApp(t, config)
	checked := func(n int) v1.Check {
		return (&livecheck.Inspection{Config: x.App.cfg}).Endpoint(t.Context(), &x.App.cfg.Endpoints[n])
	}
	if c := checked(0); c.Verdict != v1.CheckOK || !strings.Contains(c.Found, socket+" takes connections") {
		t.Errorf("the check of the socket: %+v", c)
	}
	if c := checked(1); c.Verdict != v1.CheckFail || !strings.Contains(c.Found, "certificate") {
		t.Errorf("the check with another CA: %+v", c)
	}
	x.send("romeo", "echo", "1")
	x.hears("romeo", "local localhost /%C3%A9/echo%40bot.example.com")
	x.send("juliet", "echo", "1") // fails, and waits for an hour
	write("ca.pem", bytes.Join([][]byte{other, good}, nil))
	x.reloads(config, "endpoint echo")
	x.hears("juliet", "secured")
	if got := <-shown; got != "1 certificates" {
		t.Error(got)
	}
	if c := checked(1); c.Verdict != v1.CheckOK {
		t.Errorf("the check with the CA: %+v", c)
	}
	x.reloads(config, "")
	write("hook.key", []byte("nothing"))
	if _, err := x.reload(config); err == nil {
		t.Error("a key that is none is taken")
	}
	x.send("juliet", "echo", "2")
	x.hears("juliet", "secured")
}
