package standby

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi"
)

// What a standby answers itself, and what it holds for an active replica, in the form of its API.
func TestStandbyAnswers(t *testing.T) {
	sum := sha256.Sum256([]byte("token"))
	const text = `
components: [{domain: bot.example.com, secret: one}]
http: {listen: "127.0.0.1:0", base_path: /xmpp, tokens: [{name: ops, hash: "sha256:HASH", scopes: [admin]}]}
store: {nats: {url: "nats://127.0.0.1:1", replicas: 1}}
replica: {name: b, failover: 30s}
`
	load := func() (*config.Config, error) {
		return config.Parse("x.yaml", []byte(strings.Replace(text, "HASH", hex.EncodeToString(sum[:]), 1)), nil)
	}
	cfg, err := load()
	require.NoError(t, err)
	s, err := Start(cfg, Options{
		Read: load, OnLost: func(error) {}, Log: zap.NewNop(),
		Open: func(_ *config.Config, r *Replica) []httpapi.Route {
			return []httpapi.Route{{Method: http.MethodGet, Path: "/open", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, waiting := r.Forwarded()
				fmt.Fprint(w, "open ", r.Status() == nil, waiting)
			})}}
		},
	})
	require.NoError(t, err)
	ask := func(method, path string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr+path, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer token")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.Header.Get("Stanzahook-Replica") != "b" {
			t.Errorf("%s: %v %v", path, resp.Header, err)
		}
		return resp.StatusCode, string(body)
	}
	for _, row := range []struct {
		method, path string
		status       int
		has          string
	}{
		{"GET", "/xmpp/healthz", 200, "ok"}, {"GET", "/xmpp/readyz", 503, "store.nats"}, {"GET", "/xmpp/open", 200, "open true"},
		{"POST", "/xmpp/v1/reload", 200, `"changed"`}, {"GET", "/v1/status", 404, "/xmpp"},
	} {
		if status, body := ask(row.method, row.path); status != row.status || !strings.Contains(body, row.has) {
			t.Errorf("%s: %d %.300s", row.path, status, body)
		}
	}
	held := []struct{ method, path string }{
		{"GET", "/xmpp/v1/status"}, {"POST", "/xmpp/v1/messages"}, {"GET", "/xmpp/v1/reload"}, {"POST", "/xmpp/rest"}, {"POST", "/xmpp/hooks/x"}, {"GET", "/xmpp/nothing"},
	}
	done := make(chan struct{})
	for _, row := range held {
		go func() {
			if status, body := ask(row.method, row.path); status != 503 || !strings.Contains(body, "this replica stops") || row.path == "/xmpp/rest" != strings.HasPrefix(body, "<error") {
				t.Errorf("%s: %d %s", row.path, status, body)
			}
			done <- struct{}{}
		}()
	}
	for _, waiting := s.forward.Counts(); waiting < int64(len(held)); _, waiting = s.forward.Counts() {
		time.Sleep(time.Millisecond)
	}
	go s.Close()
	for range held {
		<-done
	}
}

// Replicas have the same configuration if all but what is their own is the same; no secret is in
// the hash.
func TestConfigHash(t *testing.T) {
	hash := func(text string) string {
		t.Helper()
		cfg, err := config.Parse("x.yaml", []byte(text), nil)
		require.NoError(t, err)
		if secrets := secretsHash(cfg, []byte("key")); len(secrets) != 12 || secrets == secretsHash(cfg, []byte("another key")) {
			t.Errorf("secrets: %q", secrets)
		}
		return configHash(cfg)
	}
	const text = `
components: [{domain: bot.example.com, secret: one}]
store: {nats: {url: "nats://n1:4222", replicas: 1}}
`
	first := hash(text)
	if len(first) != 12 {
		t.Error(first)
	}
	for _, same := range []string{
		text + "replica: {name: b, failover: 3s}\n", text + "http: {listen: \"10.0.0.1:5290\", insecure_no_auth: false, tokens: []}\n",
		strings.Replace(text, "secret: one", "secret: two", 1),
	} {
		if hash(same) != first {
			t.Errorf("another one: %s", same)
		}
	}
	if hash(text+"drain: 3s\n") == first {
		t.Error("the same as with another drain")
	}
}

// The secrets are the same if all are, wherever they stand.
func TestSecretsHash(t *testing.T) {
	hash := func(text string) string {
		t.Helper()
		cfg, err := config.Parse("x.yaml", []byte(text), []string{"STANZAHOOK_OUTBOUND_PROXY=http://proxy.example.com"})
		require.NoError(t, err)
		return secretsHash(cfg, []byte("key"))
	}
	text := `
components: [{domain: bot.example.com, secret: one}]
endpoints: [{name: echo, url: "https://bot.example.com/", signing_secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw], headers: {X-Key: two}}]
http: {tokens: [{name: a, hash: "sha256:` + strings.Repeat("ab", 32) + `", scopes: [send]}]}
store: {nats: {url: "nats://n1:4222", replicas: 1, user: u, password: three}}
`
	first := hash(text)
	for _, same := range []string{text + "drain: 3s\n", text + "replica: {name: b}\n"} {
		if hash(same) != first {
			t.Errorf("other secrets: %s", same)
		}
	}
	for _, other := range [][2]string{{"secret: one", "secret: two"}, {"MfKQ", "MfKR"}, {"X-Key: two", "X-Key: one"}, {"X-Key", "X-Key2"}, {"abab", "abac"}, {"password: three", "password: four"}} {
		if hash(strings.Replace(text, other[0], other[1], 1)) == first {
			t.Errorf("the same secrets with %q", other[1])
		}
	}
}

func TestName(t *testing.T) {
	cfg := config.Default()
	if name := Name(&cfg); name == "" || len(name) > 32 || strings.ContainsAny(name, ". ") {
		t.Errorf("the host's name is %q", name)
	}
	cfg.Replica.Name = "a"
	if name := Name(&cfg); name != "a" {
		t.Error(name)
	}
	for listen, want := range map[string]string{"10.0.0.1:5290": "http://10.0.0.1:5290", "127.0.0.1:5290": "", ":5290": "", "0.0.0.0:5290": "", "10.0.0.1:0": "", "[fd00::1]:80": "http://[fd00::1]:80"} {
		if cfg.HTTP.Listen = listen; cfg.Advertised() != want {
			t.Errorf("%s is advertised as %q", listen, cfg.Advertised())
		}
	}
}
