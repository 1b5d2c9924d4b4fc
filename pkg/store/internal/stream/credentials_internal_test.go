//go:build integration

package stream

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/deploy/lab/natsserver"
)

// works opens a stream and stores a record.
func works(t *testing.T, c *natsserver.Cluster, r Remote) error {
	t.Helper()
	if r.URL == "" {
		r.URL = c.URL()
	}
	r.Name, r.Replicas = "lab", 1
	s, err := Connect(t.Context(), r, Options{MaxBytes: 1 << 30, MaxRecordBytes: 1 << 20, Log: zap.NewNop()})
	if err != nil {
		return err
	}
	defer s.Stop()
	if err := s.Stream(events).Open(t.Context()); err != nil {
		return err
	}
	done := make(chan error, 1)
	s.Append(&Append{Subject: "event.echo.c", Data: []byte("x"), Result: func(_ *Append, _ uint64, err error) { done <- err }})
	return <-done
}

// check tries right and wrong credentials.
func check(t *testing.T, c *natsserver.Cluster, right, wrong Remote) {
	t.Helper()
	if err := works(t, c, right); err != nil {
		t.Error(err)
	}
	if err := works(t, c, wrong); err == nil || !strings.Contains(err.Error(), "are refused") {
		t.Errorf("with wrong credentials: %v", err)
	}
}

func written(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// must is for keys that are made, which never fails.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestNKey(t *testing.T) {
	user, other := must(nkeys.CreateUser()), must(nkeys.CreateUser())
	c := natsserver.Start(t, natsserver.Options{Config: fmt.Sprintf("authorization { users: [{nkey: %s}] }\n", must(user.PublicKey()))})
	check(t, c, Remote{NKeyFile: written(t, "nkey", must(user.Seed()))}, Remote{NKeyFile: written(t, "nkey", must(other.Seed()))})
}

func TestCredentialsFile(t *testing.T) {
	operator, account, user := must(nkeys.CreateOperator()), must(nkeys.CreateAccount()), must(nkeys.CreateUser())
	system := must(nkeys.CreateAccount())
	accountClaims := jwt.NewAccountClaims(must(account.PublicKey()))
	accountClaims.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
	systemClaims := jwt.NewAccountClaims(must(system.PublicKey()))
	operatorClaims := jwt.NewOperatorClaims(must(operator.PublicKey()))
	operatorClaims.SystemAccount = must(system.PublicKey())
	c := natsserver.Start(t, natsserver.Options{Config: fmt.Sprintf("operator: %s\nresolver: MEMORY\nresolver_preload: {\n %s: %s\n %s: %s\n}\n",
		must(operatorClaims.Encode(operator)), must(account.PublicKey()), must(accountClaims.Encode(operator)), must(system.PublicKey()), must(systemClaims.Encode(operator)))})
	creds := func(expires time.Time) string {
		claims := jwt.NewUserClaims(must(user.PublicKey()))
		claims.Expires = expires.Unix()
		return written(t, "nats.creds", must(jwt.FormatUserConfig(must(claims.Encode(account)), must(user.Seed()))))
	}
	check(t, c, Remote{CredsFile: creds(time.Now().Add(time.Hour))}, Remote{CredsFile: creds(time.Now().Add(-time.Hour))})
}

func TestClientCertificate(t *testing.T) {
	authority, cert, key := natsserver.Certificates(t, "stanzahook@example.com")
	c := natsserver.Start(t, natsserver.Options{Config: fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify_and_map: true }\nauthorization { users: [{user: stanzahook@example.com}] }\n",
		written(t, "cert.pem", cert), written(t, "key.pem", key), written(t, "ca.pem", authority))})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	url := strings.Replace(c.URL(), "nats://", "tls://", 1)
	if err := works(t, c, Remote{URL: url, TLS: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{must(tls.X509KeyPair(cert, key))}}}); err != nil {
		t.Error(err)
	}
	// Of another authority.
	if err := works(t, c, Remote{URL: url, TLS: &tls.Config{RootCAs: x509.NewCertPool()}}); err == nil || !strings.Contains(err.Error(), "store.nats.tls") {
		t.Error(err)
	}
	if err := works(t, c, Remote{URL: url, TLS: &tls.Config{RootCAs: pool}}); err == nil {
		t.Error("in, without a certificate")
	}
}
