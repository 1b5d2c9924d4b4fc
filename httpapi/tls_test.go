package httpapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi"
)

// writePair writes a certificate with a serial number, and its key.
func writePair(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &private.PublicKey, private)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	}
	return cert, key
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir, 1)
	f := start(t, httpapi.Options{CertFile: cert, KeyFile: key}, ok)
	serial := func() int64 {
		t.Helper()
		c, err := tls.Dial("tcp", f.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}) // #nosec G402 -- the serial number is looked at
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		st := c.ConnectionState()
		if st.NegotiatedProtocol != "http/1.1" || st.Version < tls.VersionTLS12 {
			t.Errorf("%s %x", st.NegotiatedProtocol, st.Version)
		}
		return st.PeerCertificates[0].SerialNumber.Int64()
	}
	if serial() != 1 {
		t.Error("another certificate")
	}
	writePair(t, dir, 2)
	if serial() != 1 {
		t.Error("read without a reload")
	}
	again := func() error { return f.server.Replace(httpapi.New(httpapi.Options{CertFile: cert, KeyFile: key})) }
	if err := again(); err != nil || serial() != 2 {
		t.Errorf("after the reload: %v", err)
	}
	require.NoError(t, os.WriteFile(key, []byte("x"), 0o600))
	if err := again(); err == nil || serial() != 2 {
		t.Errorf("after a bad reload: %v", err)
	}
	if _, err := tls.Dial("tcp", f.addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil { // #nosec G402
		t.Error("TLS 1.1 is taken")
	}
	if _, err := httpapi.NewServer(httpapi.New(httpapi.Options{Listen: "127.0.0.1:0", CertFile: cert, KeyFile: key})).Start(); err == nil {
		t.Error("started without a key")
	}
}
