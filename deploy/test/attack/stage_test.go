//go:build integration

package attack

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// stage is where an attack takes place: a component of its own on a server, a bot, the
// program with its configuration, and who calls it.
type stage struct {
	t       *testing.T
	server  *lab.Server
	domain  string
	bot     *harness.Bot
	file    string
	program *harness.Program

	// What the configuration consists of, in lines of YAML.
	components, endpoints, tokens []string
	http, more                    string
	env                           []string // of the program, NAME=value

	firstAnswer string // to the request of keyAgain

	victims []string // the bot's addresses that the victim writes to
	// post is the request by which the victim posts.
	post func(ctx context.Context, text string) (*http.Request, error)
}

// attackServer has a component for each attack, and users who need not be good.
func attackServer(kind lab.Kind, all []attack) lab.Options {
	o := harness.ServerOptions(kind)
	o.Users[".."] = harness.Password
	if kind == lab.Ejabberd {
		o.API, o.Admin = true, harness.RosterAdmin
		o.Users[harness.RosterAdmin] = harness.RosterPassword
	}
	for _, a := range all {
		o.Components = append(o.Components, lab.Component{Domain: a.domain(), Secret: harness.Secret, Privileged: strings.HasPrefix(a.name, "roster")})
	}
	for _, more := range []string{ancestor, evilDomain, secondBot, deepBot} {
		o.Components = append(o.Components, lab.Component{Domain: more, Secret: harness.Secret})
	}
	return harness.WithRooms(o)
}

// Further components on the server.
const (
	ancestor   = "com"             // a domain over deepBot, not its parent
	deepBot    = "bot.example.com" // a component of ours
	secondBot  = "second.localhost"
	evilDomain = "evil.localhost" // a component of somebody else
)

// newStage is one with an endpoint that echoes.
func newStage(t *testing.T, s *lab.Server, domain string) *stage {
	t.Helper()
	st := &stage{t: t, server: s, domain: domain, bot: harness.NewBot(t)}
	st.file = filepath.Join(t.TempDir(), "stanzahook.yaml")
	st.addComponent(domain)
	st.addToken("victim", "send", "query")
	st.addToken("mallory", "send", "query")
	st.addToken("admin", "admin", "roster")
	st.endpoints = []string{fmt.Sprintf("{name: echo, url: %q, component: %s, retry: {schedule: [100ms, 200ms, 300ms]}}", st.bot.URL(), domain)}
	st.victims = []string{"echo@" + domain}
	st.post = func(ctx context.Context, text string) (*http.Request, error) {
		return st.request(ctx, "POST", "/rest", "victim", fmt.Sprintf(`{"to":"bob@localhost","from":"echo@%s","type":"headline","body":%q}`, domain, text))
	}
	return st
}

func (st *stage) addComponent(domain string) {
	st.components = append(st.components, fmt.Sprintf("{domain: %s, server: %q, secret: %s}", domain, st.server.ComponentAddr(), harness.Secret))
}

// addToken adds the token NAME-token.
func (st *stage) addToken(name string, scopes ...string) {
	st.tokens = append(st.tokens, fmt.Sprintf("{name: %s, hash: \"sha256:%x\", scopes: [%s]}", name, sha256.Sum256([]byte(name+"-token")), strings.Join(scopes, ", ")))
}

// removeToken takes a token out of the configuration; reload makes it so.
func (st *stage) removeToken(name string) {
	for i, line := range st.tokens {
		if strings.HasPrefix(line, "{name: "+name+",") {
			st.tokens = append(st.tokens[:i:i], st.tokens[i+1:]...)
			return
		}
	}
}

func (st *stage) write() {
	st.t.Helper()
	var b strings.Builder
	list := func(indent, key string, lines []string) {
		b.WriteString(indent + key + ":\n")
		for _, line := range lines {
			b.WriteString(indent + "  - " + line + "\n")
		}
	}
	list("", "components", st.components)
	list("", "endpoints", st.endpoints)
	b.WriteString("http:\n  listen: 127.0.0.1:0\n")
	if st.http != "" {
		b.WriteString("  " + st.http + "\n")
	}
	list("  ", "tokens", st.tokens)
	if !strings.Contains(st.more, "store:") {
		b.WriteString("store: {dir: store}\n")
	}
	b.WriteString("drain: 1s\n" + st.more + "\n")
	require.NoError(st.t, os.WriteFile(st.file, []byte(b.String()), 0o600))
}

// start starts the program, and waits for its links.
func (st *stage) start() {
	st.t.Helper()
	st.write()
	st.program = harness.CommandUnder(st.t, append([]string{"env"}, st.env...), "serve", "--config", st.file).Started()
	st.program.AwaitLinks(len(st.components))
}

func (st *stage) reload() {
	st.t.Helper()
	st.write()
	if status, _, body := st.call("POST", "/v1/reload", "admin", ""); status != http.StatusOK {
		st.t.Errorf("reload: %d %s", status, body)
	}
}

// request is one of a token's, by its name; without a name there is none.
func (st *stage) request(ctx context.Context, method, path, token, body string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+st.program.Addr+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token+"-token")
	}
	if body != "" {
		req.Header.Set("Content-Type", harness.AsJSON)
	}
	return req, nil
}

// call makes a request that must have an answer.
func (st *stage) call(method, path, token, body string) (status int, header http.Header, answer string) {
	st.t.Helper()
	req, err := st.request(st.t.Context(), method, path, token, body)
	if err != nil {
		st.t.Error(err)
		return 0, nil, ""
	}
	return st.do(http.DefaultClient, req)
}

func (st *stage) do(c *http.Client, req *http.Request) (status int, header http.Header, answer string) {
	st.t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		st.t.Errorf("%s %s: %v", req.Method, req.URL.Path, err)
		return 0, nil, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		st.t.Errorf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

// callerFrom is an HTTP client with a loopback address of its own.
func callerFrom(address string) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Timeout: harness.Patience, Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 8}}
}

// list returns the items of a list of /v1.
func (st *stage) list(path string) (items []map[string]any) {
	st.t.Helper()
	status, _, body := st.call("GET", path, "admin", "")
	var page struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK {
		st.t.Errorf("%s: %d %s", path, status, body)
	}
	return page.Items
}

// deadReasons counts the dead letters by reason.
func (st *stage) deadReasons() map[string]int {
	st.t.Helper()
	all := make(map[string]int)
	for _, d := range st.list("/v1/dead-letters?limit=500") {
		all[fmt.Sprint(d["reason"])]++
	}
	return all
}

// notOpened fails if a breaker ever opened.
func (st *stage) notOpened() {
	st.t.Helper()
	if strings.Contains(st.program.Log.String(), "endpoint down") {
		st.t.Error("the breaker opened although the endpoint answered everybody else")
	}
}

// lines counts the lines of the program's log, without the one that each request has.
func (st *stage) lines() int {
	return st.program.Log.Count(func(e harness.LogEntry) bool { return e.Level != "debug" && e.Msg != "request" })
}

// mallory logs the attacker in.
func (st *stage) mallory(resource string) *lab.Client {
	st.t.Helper()
	ctx, cancel := context.WithTimeout(st.t.Context(), harness.Patience)
	defer cancel()
	c, err := st.server.Login(ctx, "mallory", resource)
	require.NoError(st.t, err)
	st.t.Cleanup(func() { _ = c.Close() })
	return c
}

// say sends a stanza, and reports whether that was possible.
func (st *stage) say(c *lab.Client, format string, args ...any) bool {
	if err := c.SendRaw(fmt.Sprintf(format, args...)); err != nil {
		st.t.Errorf("the attacker's connection: %v", err)
		return false
	}
	return true
}

// pace waits a little between the blows of an attack, in full size. What is compared
// there is what stanzahook shares out among callers and senders; the CPU that the
// attacker's own client takes, on the same machine, is not. It is false when the attack
// is over.
func pace(ctx context.Context, d time.Duration) bool {
	if !fullAttacks() {
		d = 0
	}
	return lastsUntil(ctx, d)
}

// lastsUntil waits, unless the attack is over.
func lastsUntil(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
