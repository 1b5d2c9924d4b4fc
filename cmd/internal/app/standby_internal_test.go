package app

import (
	"strings"
	"testing"

	"stanzahook/cmd/internal/config"
)

// Replicas have the same configuration if all but what is their own is the same; no secret is in
// the hash.
func TestConfigHash(t *testing.T) {
	hash := func(text string) string {
		t.Helper()
		cfg, err := config.Parse("x.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
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

func TestReplicaName(t *testing.T) {
	cfg := config.Default()
	if name := ReplicaName(&cfg); name == "" || len(name) > 32 || strings.ContainsAny(name, ". ") {
		t.Errorf("the host's name is %q", name)
	}
	cfg.Replica.Name = "a"
	if name := ReplicaName(&cfg); name != "a" {
		t.Error(name)
	}
	for listen, want := range map[string]string{"10.0.0.1:5290": "http://10.0.0.1:5290", "127.0.0.1:5290": "", ":5290": "", "0.0.0.0:5290": "", "10.0.0.1:0": "", "[fd00::1]:80": "http://[fd00::1]:80"} {
		if cfg.HTTP.Listen = listen; cfg.Advertised() != want {
			t.Errorf("%s is advertised as %q", listen, cfg.Advertised())
		}
	}
}
