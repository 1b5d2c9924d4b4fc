package cli

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
	"stanzahook/component/peer"
)

// Domains of "stanzahook dev".
const (
	devHost  = "dev.localhost"
	devBots  = "bot.localhost"
	devRooms = "rooms." + devHost
)

// devStart bounds the start of the bridge, and a reload.
const devStart = 30 * time.Second

// devBridge is the bridge of "stanzahook dev", with a peer in place of an XMPP server.
type devBridge struct {
	peer *peer.Server
	api  *api
	down atomic.Bool // the bot counts as stopped
	stop func()
}

// startDevBridge starts the bridge with its store in a directory. When only a new process
// could go on, it calls cancel.
func startDevBridge(ctx context.Context, start StartFunc, o devOptions, dir string, cancel context.CancelCauseFunc) (*devBridge, error) {
	secret, token := rand.Text(), cmp.Or(os.Getenv(envToken), "sh_"+rand.Text())
	srv, err := peer.Listen("127.0.0.1:0", devBots, secret)
	if err != nil {
		return nil, err
	}
	srv.Forget()
	b := &devBridge{peer: srv}
	listen := cmp.Or(o.listen, freeOr(strings.TrimPrefix(defaultAPI, "http://")))
	load := func() (*config.Config, error) {
		text := fmt.Sprintf(devConfig, devBots, srv.Addr(), secret, b.botURL(o.bot), o.format, o.timeout, signing(o.secret), listen, sha256.Sum256([]byte(token)), dir)
		return config.Parse("stanzahook dev", []byte(text), nil) // the environment is that of another stanzahook
	}
	addr, stop, err := start(ctx, load, func() { cancel(errors.New("the store hangs; start stanzahook dev again")) })
	if err != nil {
		srv.Close()
		return nil, err
	}
	b.stop = func() { stop(); srv.Close() }
	if !srv.WaitConnected(1, devStart) {
		b.stop()
		return nil, errors.New("the component did not connect")
	}
	b.api = &api{url: "http://" + addr, bearer: token, client: http.Client{Timeout: apiTimeout}}
	return b, nil
}

// devConfig is the configuration; the rest has defaults.
const devConfig = `components:
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
func (b *devBridge) botURL(bot string) string {
	if b.down.Load() {
		return nobody
	}
	return bot
}

// setDown makes the bridge find nobody in the place of the bot, or the bot again.
func (b *devBridge) setDown(ctx context.Context, down bool) error {
	b.down.Store(down)
	ctx, cancel := context.WithTimeout(ctx, devStart)
	defer cancel()
	_, err := b.api.send(ctx, request{method: http.MethodPost, path: "/v1/reload"})
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
