//go:build integration

package attack

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab/harness"
)

// Whoever may try passwords locks nobody out, holds nobody up, and learns nothing.
func accountAttacks() []attack {
	return []attack{wrongPasswords(), hangingLogins(), plainPasswords(), guessedSecrets()}
}

const bobsPassword = harness.Password

// basicRequest is a post to alice with an account's password.
func (st *stage) basicRequest(ctx context.Context, account, password string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+st.program.Addr+"/msg/bob", strings.NewReader("hello"))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "text/plain")
	req.SetBasicAuth(account, password)
	return req, nil
}

func (st *stage) login(c *http.Client, account, password string) (int, http.Header, string) {
	st.t.Helper()
	req, err := st.basicRequest(st.t.Context(), account, password)
	require.NoError(st.t, err)
	return st.do(c, req)
}

// Wrong passwords of one account, from many addresses, do not keep its owner out.
func wrongPasswords() attack {
	owner, strangers := callerFrom("127.0.0.20"), 0
	return attack{
		name: "wrong passwords",
		set: func(st *stage) {
			st.http = fmt.Sprintf("basic: {accounts: {server: %q, hosts: [localhost], tls: none%s}}", st.server.ClientAddr(), plainAllowed)
			st.post = func(ctx context.Context, _ string) (*http.Request, error) {
				return st.basicRequest(ctx, "carol@localhost", bobsPassword)
			}
		},
		ready: func(st *stage) {
			if status, _, body := st.login(owner, "carol@localhost", bobsPassword); status != http.StatusCreated {
				st.t.Errorf("%d %s", status, body)
			}
		},
		before: func(_ context.Context, st *stage) {
			// Few, from one address: the account is free for all others.
			for n := range 8 {
				status, _, _ := st.login(callerFrom("127.0.0.21"), "dave@localhost", "wrong")
				if want := map[bool]int{true: http.StatusUnauthorized, false: http.StatusTooManyRequests}[n < 5]; strikes() == 1 && status != want {
					st.t.Errorf("wrong password %d: %d, want %d", n, status, want)
				}
			}
			if status, _, body := st.login(callerFrom("127.0.0.22"), "dave@localhost", bobsPassword); status != http.StatusCreated {
				st.t.Errorf("the owner, from another address: %d %s", status, body)
			}
			// Many, from many: the owner's own address stays free.
			var wg sync.WaitGroup
			for range 15 {
				strangers++
				me := fmt.Sprintf("127.0.1.%d", strangers)
				c := callerFrom(me)
				wg.Go(func() {
					for n := range 5 { // the same at the same time would be one guess
						_, _, _ = st.login(c, "carol@localhost", fmt.Sprint("wrong ", n, " of ", me))
					}
				})
			}
			wg.Wait()
		},
		holds: func(st *stage) {
			if status, _, _ := st.login(callerFrom("127.0.2.1"), "carol@localhost", "wrong"); status != http.StatusTooManyRequests {
				st.t.Errorf("after %d failures one more guess is answered with %d", 5*strangers, status)
			}
		},
	}
}

// c2s is a listener in the place of a server's for clients.
func c2s(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				serve(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// Logins that hang, which need no credentials, take no requests from those who have a
// token.
func hangingLogins() attack {
	const logins = 1100
	return attack{
		name: "hanging logins",
		set: func(st *stage) {
			silent := c2s(st.t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
			st.http = fmt.Sprintf("basic: {accounts: {server: %q, hosts: [localhost], tls: none}}", silent)
		},
		strike: func(ctx context.Context, st *stage) {
			ctx, cancel := context.WithTimeout(ctx, 2*attackTime())
			defer cancel()
			caller := &http.Client{Transport: &http.Transport{}}
			var wg sync.WaitGroup
			for n := range logins {
				if !pace(ctx, 5*time.Millisecond) {
					break
				}
				wg.Go(func() {
					req, err := st.basicRequest(ctx, fmt.Sprintf("user%d@localhost", n), "x")
					if err != nil {
						st.t.Error(err)
						return
					}
					resp, err := caller.Do(req)
					if err != nil {
						return // the time is over
					}
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusServiceUnavailable {
						st.t.Errorf("a login that hangs: %d", resp.StatusCode)
					}
				})
			}
			status, _, body := st.call("GET", "/v1/status", "admin", "")
			if status != http.StatusOK {
				st.t.Errorf("the admin: %d %s", status, body)
			}
			wg.Wait()
		},
	}
}

// A password does not go to whoever listens where the server was.
func plainPasswords() attack {
	var leaked atomic.Int64
	return attack{
		name: "plain passwords",
		set: func(st *stage) {
			fake := c2s(st.t, func(conn net.Conn) {
				in := bufio.NewReader(conn)
				buf := make([]byte, 4096)
				_, _ = in.Read(buf)
				_, _ = io.WriteString(conn, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='x' from='localhost' version='1.0'><stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>")
				for {
					n, err := in.Read(buf)
					if strings.Contains(string(buf[:n]), "PLAIN") {
						leaked.Add(1)
					}
					if err != nil {
						return
					}
				}
			})
			st.http = fmt.Sprintf("basic: {accounts: {server: %q, hosts: [localhost], tls: none}}", fake)
		},
		strike: func(_ context.Context, st *stage) {
			if status, _, body := st.login(callerFrom("127.0.0.30"), "carol@localhost", bobsPassword); status != http.StatusServiceUnavailable {
				st.t.Errorf("%d %s", status, body)
			}
		},
		holds: func(st *stage) {
			if leaked.Load() > 0 {
				st.t.Error("the password went out in the clear")
			}
		},
	}
}

// instanceID is what differs in every answer.
var instanceID = regexp.MustCompile(`"instance_id":"[^"]*"`)

// Secrets of components cannot be tried out, nor domains.
func guessedSecrets() attack {
	return attack{
		name: "guessed secrets",
		set:  func(st *stage) { st.http = "basic: {component: true}" },
		strike: func(_ context.Context, st *stage) {
			c := callerFrom("127.0.0.40")
			answers := make(map[string]string)
			late := 0
			for n := range 200 {
				for _, domain := range []string{st.domain, "unknown.localhost"} {
					req, err := st.request(st.t.Context(), "POST", "/rest", "", `{"to":"bob@localhost","body":"x"}`)
					require.NoError(st.t, err)
					req.SetBasicAuth(domain, "guess")
					status, _, body := st.do(c, req)
					if status == http.StatusTooManyRequests {
						late++
					}
					if n == 0 {
						answers[domain] = fmt.Sprint(status, instanceID.ReplaceAllString(body, ""))
					}
				}
			}
			if late < 380 && strikes() == 1 {
				st.t.Errorf("400 guesses, of which %d were refused as too many", late)
			}
			if answers[st.domain] != answers["unknown.localhost"] {
				st.t.Errorf("the answer tells which domains there are: %v", answers)
			}
			req, err := st.request(st.t.Context(), "POST", "/rest", "", fmt.Sprintf(`{"to":"bob@localhost","from":"x@%s","type":"headline","body":"x"}`, st.domain))
			require.NoError(st.t, err)
			req.SetBasicAuth(st.domain, harness.Secret)
			if status, _, body := st.do(callerFrom("127.0.0.41"), req); status != http.StatusAccepted {
				st.t.Errorf("the owner, from another address: %d %s", status, body)
			}
		},
	}
}

// plainAllowed is what a server that knows no SCRAM needs, where there is no TLS.
const plainAllowed = ", allow_plain: true"
