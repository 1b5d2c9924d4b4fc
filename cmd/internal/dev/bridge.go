package dev

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/component/peer"
)

// Domains of "stanzahook dev".
const (
	userHost = "dev.localhost"
	botHost  = "bot.localhost"
	roomHost = "rooms." + userHost
)

// startTime bounds the start of the bridge, and a reload.
const startTime = 30 * time.Second

// bridge is the bridge of "stanzahook dev", with a peer in place of an XMPP server.
type bridge struct {
	peer *peer.Server
	api  *instance.API
	down atomic.Bool // the bot counts as stopped
	stop func()
}

// startBridge starts the bridge with its store in a directory. When only a new process
// could go on, it calls cancel.
func startBridge(ctx context.Context, start StartFunc, o Options, dir string, cancel context.CancelCauseFunc) (*bridge, error) {
	secret, token := rand.Text(), cmp.Or(os.Getenv(instance.EnvToken), "sh_"+rand.Text())
	srv, err := peer.Listen("127.0.0.1:0", botHost, secret)
	if err != nil {
		return nil, err
	}
	srv.Forget()
	b := &bridge{peer: srv}
	listen := cmp.Or(o.Listen, freeOr(strings.TrimPrefix(instance.DefaultURL, "http://")))
	load := func() (*config.Config, error) {
		text := fmt.Sprintf(configText, botHost, srv.Addr(), secret, b.botURL(o.Bot), o.Format, o.Timeout, signing(o.Secret), listen, sha256.Sum256([]byte(token)), dir)
		return config.Parse("stanzahook dev", []byte(text), nil) // the environment is that of another stanzahook
	}
	addr, stop, err := start(ctx, load, func() { cancel(errors.New("the store hangs; start stanzahook dev again")) })
	if err != nil {
		srv.Close()
		return nil, err
	}
	b.stop = func() { stop(); srv.Close() }
	if !srv.WaitConnected(1, startTime) {
		b.stop()
		return nil, errors.New("the component did not connect")
	}
	b.api = &instance.API{URL: "http://" + addr, Bearer: token, Client: http.Client{Timeout: instance.Timeout}}
	return b, nil
}

// configText is the configuration; the rest has defaults.
const configText = `components:
  - {domain: %q, server: %q, secret: %q}
endpoints:
  - {name: bot, url: %q, format: %s, timeout: %v%s}
deliveries: {keep_answers: true}
outbound:
  allow_networks: [127.0.0.0/8, "::1/128", 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "fc00::/7"]
http:
  listen: %q
  tokens:
    - {name: dev, hash: "sha256:%x", scopes: [send, query, roster, rooms, events, admin]}
store: {dir: %q}
drain: 2s
`

// signing is the key of an endpoint that signs with a secret, if there is one.
func signing(secret string) string {
	if secret == "" {
		return ""
	}
	return fmt.Sprintf(", signing_secrets: [%q]", secret)
}

// nobody is an address where no bot listens.
const nobody = "http://127.0.0.1:1/"

// botURL is where the bridge looks for the bot.
func (b *bridge) botURL(bot string) string {
	if b.down.Load() {
		return nobody
	}
	return bot
}

// setDown makes the bridge find nobody in the place of the bot, or the bot again.
func (b *bridge) setDown(ctx context.Context, down bool) error {
	b.down.Store(down)
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	_, err := b.api.Send(ctx, instance.Request{Method: http.MethodPost, Path: "/v1/reload"})
	return err
}

// freeOr returns an address where nobody listens, else any of loopback.
func freeOr(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close() // nothing was accepted
	return addr
}
