//go:build linux

package main

import (
	"encoding/base64"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// postSpeed posts messages on real servers: /rest, 202 when the server has
// confirmed it; /v1/messages; /msg with an XMPP account. They take turns with the
// modules of MODULES on the same Prosody, and with the raw echo. The receiver is a
// component that only counts, so that it takes little of the cores. It fails if a
// message does not arrive, and judges nothing else.
func postSpeed(t testing.TB, kind lab.Kind) {
	bin := filepath.Join(t.TempDir(), "rawecho")
	if out, err := exec.Command("go", "build", "-o", bin, "stanzahook/deploy/lab/rawecho").CombinedOutput(); err != nil {
		t.Fatalf("no build: %v\n%s", err, out)
	}
	o := harness.ServerOptions(kind, "raw", "load", "sink")
	var modules *others
	if kind == lab.Prosody {
		if modules = modulesAtHand(t); modules != nil {
			modules.join(&o, "http://127.0.0.1:9/")
		}
	}
	s := harness.StartServer(t, o)
	dir := t.TempDir()
	file := harness.WriteConfig(t, dir, fmt.Sprintf(`
components: [{domain: load.localhost, server: %q, secret: %q}]
http:
  listen: "127.0.0.1:0"
  tokens: [{name: all, hash: %q, scopes: [send, query]}]
  basic: {accounts: {server: %q, hosts: [localhost], tls: none}}
store: {dir: %q}
`, s.ComponentAddr(), harness.Secret, harness.HashOf("token-all"), s.ClientAddr(), filepath.Join(dir, "store")))
	p := harness.LaunchLinked(t, file)
	harness.Helper(t, bin, "-addr", s.ComponentAddr(), "-domain", "raw.localhost", "-secret", harness.Secret)
	var received atomic.Int64
	sink(t, s.ComponentAddr(), "sink.localhost", &received)

	const to, message = "u@sink.localhost", `{"kind":"message","type":"chat","to":"u@sink.localhost","body":"hello"}`
	account := "Basic " + base64.StdEncoding.EncodeToString([]byte("alice@localhost:"+harness.Password))
	var mailers []*mailer
	for _, c := range []int{1, 16, 64} {
		count := 3000
		if c > 1 {
			count = 6000
		}
		mailers = append(mailers, &mailer{name: fmt.Sprintf("POST /rest, c = %d: stanzahook", c), url: "http://" + p.Addr + "/rest", kind: harness.AsJSON, body: message, auth: "Bearer token-all", status: 202, connections: c, count: count})
		if modules != nil {
			mailers = append(mailers, &mailer{name: fmt.Sprintf("POST /rest, c = %d: mod_rest", c), url: "http://127.0.0.1:" + modules.Port + "/rest", host: "modrest.localhost",
				kind: harness.AsJSON, body: message, auth: "Bearer " + modules.RestToken(t), status: 202, connections: c, count: count / 2})
		}
	}
	mailers = append(mailers, &mailer{name: "POST /v1/messages, c = 16: stanzahook", url: "http://" + p.Addr + "/v1/messages", kind: harness.AsJSON, body: message, auth: "Bearer token-all", status: 202, connections: 16, count: 6000},
		&mailer{name: "POST /msg, c = 16: stanzahook", url: "http://" + p.Addr + "/msg/" + to, kind: "text/plain", body: "hello", auth: account, status: 201, connections: 16, count: 6000})
	if modules != nil {
		mailers = append(mailers, &mailer{name: "POST /msg, c = 16: mod_post_msg", url: "http://127.0.0.1:" + modules.Port + "/msg/" + to, host: "localhost", kind: "text/plain", body: "hello", auth: account, status: 201, connections: 16, count: 3000})
	}
	var clients []*load.PathClient
	for i := range load.PathClients {
		clients = append(clients, load.PathLogin(t, s, harness.Users[i+1]))
	}
	raw := &load.Walker{Name: "raw echo", Address: "echo@raw.localhost", Count: load.PathCount}
	load.PathRound(t, clients, raw, load.PathWindow, raw.Count)
	for _, post := range mailers { // to warm up
		warm := *post
		warm.count /= 10
		warm.round(t, &received)
	}
	for range load.BenchRounds(t) {
		took, _ := load.PathRound(t, clients, raw, load.PathWindow, raw.Count)
		raw.Rates = append(raw.Rates, float64(raw.Count)/took.Seconds())
		for _, post := range mailers {
			post.round(t, &received)
		}
	}
	var figures []load.Figure
	for _, post := range mailers {
		group, name, _ := strings.Cut(post.name, ": ")
		figures = append(figures, load.NewFigure(group, string(kind), name, "requests/s", post.rates, raw.Rates))
	}
	load.KeepFigures(t, "post-"+string(kind), figures)
}
