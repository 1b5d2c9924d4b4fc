//go:build integration

package store_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/deploy/lab/natsserver"
	"stanzahook/pkg/store"
)

// The three server files of the samples, as they are but for addresses and directories, are a
// cluster that is a store, over TLS; it goes on without one of them.
func TestNATSSamples(t *testing.T) {
	t.Parallel()
	authority, cert, key := natsserver.Certificates(t, "nats")
	account, err := os.ReadFile("../../deploy/samples/nats/account.conf")
	require.NoError(t, err)
	c := natsserver.Start(t, natsserver.Options{Nodes: 3, Whole: func(i int, dir string, ports []int) string {
		name := fmt.Sprintf("n%d", i+1)
		text, err := os.ReadFile("../../deploy/samples/nats/" + name + ".conf")
		require.NoError(t, err)
		replaced := []string{"0.0.0.0:4222", fmt.Sprintf("127.0.0.1:%d", ports[i]), "0.0.0.0:6222", fmt.Sprintf("127.0.0.1:%d", ports[3+i]),
			"/var/lib/nats", filepath.Join(dir, "store-"+name), "/etc/nats/", dir + "/"}
		for n := range 3 {
			replaced = append(replaced, fmt.Sprintf("nats://n%d:6222", n+1), fmt.Sprintf("nats://127.0.0.1:%d", ports[3+n]))
		}
		for j := 0; j < len(replaced); j += 2 {
			if !strings.Contains(string(text), replaced[j]) {
				t.Fatalf("no %s in %s.conf", replaced[j], name)
			}
		}
		for file, data := range map[string][]byte{"ca.crt": authority, name + ".crt": cert, name + ".key": key, "account.conf": account} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), data, 0o600))
		}
		return strings.NewReplacer(replaced...).Replace(string(text))
	}})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	n := store.NATS{URL: strings.ReplaceAll(c.URL(), "nats://", "tls://"), Name: "stanzahook", Replicas: 3, User: "stanzahook", Password: "change-me", TLS: &tls.Config{RootCAs: pool}}
	core, log := observer.New(zap.WarnLevel)
	on, in, back := store.Options{NATS: &n, MaxBytes: 64 << 20, Log: zap.New(core)}, store.Options{Dir: t.TempDir(), MaxBytes: 64 << 20}, store.Options{Dir: t.TempDir(), MaxBytes: 64 << 20}
	s, err := store.Open(t.Context(), in)
	require.NoError(t, err)
	fill(t, queue(t, s, "echo"), 0, 20)
	s.Close()
	copied := func(from, to store.Options, want uint64) {
		t.Helper()
		answered(t, func() error {
			all, err := store.Copy(t.Context(), from, to, nil)
			if err == nil && all[0] != (store.Copied{What: "events", Source: want, Target: want}) {
				t.Fatalf("%+v", all)
			}
			return err
		})
	}
	copied(in, on, 20)
	s, err = store.Open(t.Context(), on)
	require.NoError(t, err)
	q := queue(t, s, "echo")
	fill(t, q, 20, 30)
	for _, e := range log.All() { // of permissions, too
		t.Error(e.Message, e.ContextMap())
	}
	c.Nodes[0].Kill()
	fill(t, q, 30, 40)
	answered(t, func() error {
		list, err := q.List(t.Context(), 0, 100)
		if err == nil && len(list) != 40 {
			t.Errorf("%d events", len(list))
		}
		return err
	})
	s.Close()
	copied(on, back, 40)
	stranger := n
	stranger.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	for range 5 { // they are asked in any order; one does not run
		found := store.ProbeNATS(t.Context(), stranger, 64<<20, 1<<18)
		if err := found[len(found)-1].Err; err == nil || !strings.Contains(err.Error(), "ca_file") {
			t.Fatalf("with another authority: %v", err)
		}
	}
}

// answered does something again while streams elect their leaders, which takes NATS up to 9 s a
// round.
func answered(t *testing.T, do func() error) {
	t.Helper()
	for began := time.Now(); ; {
		err := do()
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "does not answer") || time.Since(began) > time.Minute {
			t.Fatal(err)
		}
	}
}
