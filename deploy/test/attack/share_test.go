//go:build integration

package attack

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab/harness"
)

// What is there for all, one sender or one token can have a share of.
func shareAttacks() []attack {
	return []attack{slowMessages(), storedMessages(), refusedMessages(), waitingPosts(), slowBodies()}
}

// Messages that a bot takes long for, in as many conversations as the sender likes,
// leave it time for others.
func slowMessages() attack {
	const messages = 400 // of each delivery
	n := 0
	return attack{
		name: "slow messages",
		set: func(st *stage) {
			done := st.t.Context().Done()
			st.bot.AnswerWith(func(h *harness.Hook) (int, string, string) {
				if h.Body == "slow" {
					select {
					case <-time.After(3 * time.Second):
					case <-done:
					}
					return http.StatusNoContent, "", ""
				}
				return harness.EchoAnswer(h)
			})
			st.endpoints = []string{
				fmt.Sprintf(`{name: echo, url: %q, match: {to: ["echo@*", "queued*@*"]}}`, st.bot.URL()),
				fmt.Sprintf(`{name: direct, url: %q, delivery: direct, match: {to: "direct*@*"}}`, st.bot.URL()),
			}
			st.victims = append(st.victims, "direct@"+st.domain)
		},
		before: func(_ context.Context, st *stage) {
			c := st.mallory(fmt.Sprint("slow", n))
			for range messages {
				n++
				st.say(c, "<message to='queued%d@%s' type='chat'><body>slow</body></message><message to='direct%d@%s' type='chat'><body>slow</body></message>", n, st.domain, n, st.domain)
			}
			st.quiesce(c)
		},
	}
}

// What waits of one sender does not fill the store.
func storedMessages() attack {
	return attack{
		name: "stored messages",
		set: func(st *stage) {
			st.more = "store: {dir: store, max_bytes: 16MiB}\n"
			st.endpoints = append([]string{`{name: pulled, match: {to: "pulled*@*"}}`}, st.endpoints...)
		},
		before: func(ctx context.Context, st *stage) {
			c := st.mallory("stored")
			for n := range 40 { // 8 MiB
				if !st.say(c, "<message to='pulled%d@%s' type='chat'><body>%s</body></message>", n, st.domain, strings.Repeat("x", 200_000)) || !lastsUntil(ctx, 5*time.Millisecond) {
					return
				}
			}
			st.quiesce(c)
		},
		holds: func(st *stage) {
			if r := st.program.Get("/readyz"); r.Status != http.StatusOK {
				st.t.Errorf("/readyz: %d %s", r.Status, r.Body)
			}
		},
	}
}

// The dead letters of one sender push out none of another's.
func refusedMessages() attack {
	return attack{
		name: "refused messages",
		set: func(st *stage) {
			st.more = "dead_letters: {max_bytes: 1MiB}\n"
			st.bot.AnswerWith(func(h *harness.Hook) (int, string, string) {
				if strings.HasPrefix(h.Body, "refused") {
					return http.StatusUnprocessableEntity, "", ""
				}
				return harness.EchoAnswer(h)
			})
		},
		ready: func(st *stage) {
			u := harness.Login(st.t, st.server, "frank")
			u.Send("<message to='echo@%s' type='chat'><body>refused</body></message>", st.domain)
			harness.Eventually(st.t, "the dead letter", func() bool { return len(st.list("/v1/dead-letters?jid=frank@localhost")) == 1 })
		},
		strike: func(ctx context.Context, st *stage) {
			c := st.mallory("refused")
			count, size := 45, 30_000 // more than all dead letters may take
			if fullAttacks() {        // the server reads a large one for as long as a whole answer takes
				count, size = 400, 15_000
			}
			for n := range count {
				if !st.say(c, "<message to='echo%d@%s' type='chat'><body>refused%s</body></message>", n, st.domain, strings.Repeat("x", size)) || !lastsUntil(ctx, 10*time.Millisecond) || !pace(ctx, 10*time.Millisecond) {
					return
				}
			}
			st.quiesce(c)
		},
		holds: func(st *stage) {
			if n := len(st.list("/v1/dead-letters?jid=frank@localhost")); n != 1 {
				st.t.Errorf("%d dead letters of the one who had one before", n)
			}
		},
	}
}

// What waits of one token while the server is away leaves room for others.
func waitingPosts() attack {
	var way *harness.Relay
	post := func(st *stage, token, text string) int {
		req, err := st.request(st.t.Context(), "POST", "/rest", token, fmt.Sprintf(`{"to":"bob@localhost","from":"echo@%s","type":"headline","body":%q}`, st.domain, text))
		require.NoError(st.t, err)
		status, _, _ := st.do(http.DefaultClient, req)
		return status
	}
	return attack{
		name: "waiting posts",
		set: func(st *stage) {
			st.more = "outbox: {max_bytes: 1MiB}\n"
			way = harness.NewRelay(st.t, st.server.ComponentAddr())
			st.components = []string{fmt.Sprintf("{domain: %s, server: %q, secret: %s}", st.domain, way.Addr(), harness.Secret)}
		},
		before: func(_ context.Context, st *stage) {
			way.Shut.Store(true)
			way.Cut()
			st.program.AwaitNotReady(st.domain)
			for _, size := range []int{50_000, 5_000, 500, 1} {
				for n := 0; post(st, "mallory", strings.Repeat("x", size)) == http.StatusAccepted; n++ {
					if n > 1<<20/size {
						st.t.Fatal("there is no bound")
					}
				}
			}
			for n := range 20 {
				if status := post(st, "victim", fmt.Sprint("late ", n)); status != http.StatusAccepted {
					st.t.Errorf("another token: %d", status)
					break
				}
			}
			way.Shut.Store(false)
			st.program.AwaitReady()
		},
	}
}

// Bodies that do not end take memory of one token alone.
func slowBodies() attack {
	const slow = 500 // 192 KiB each: more than there is for all; then small ones, to the last byte
	return attack{
		name: "slow bodies",
		strike: func(ctx context.Context, st *stage) {
			refused := make(chan struct{}, slow)
			for n := range 2 * slow {
				size := 180_000
				if n >= slow {
					size = 1_500
				}
				conn, err := net.Dial("tcp", st.program.Addr)
				require.NoError(st.t, err)
				defer conn.Close()
				pace(ctx, 4*time.Millisecond)
				go func() {
					_, _ = fmt.Fprintf(conn, "POST /rest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer mallory-token\r\nContent-Type: application/json\r\nContent-Length: 190000\r\n\r\n%s", strings.Repeat("x", size))
					line, _ := io.ReadAll(io.LimitReader(conn, 12))
					if strings.HasSuffix(string(line), " 429") || strings.HasSuffix(string(line), " 503") {
						refused <- struct{}{}
					}
				}()
			}
			select {
			case <-refused:
			case <-ctx.Done():
				st.t.Error("one token had all the memory there is for bodies")
			}
			lastsUntil(ctx, 2*attackTime()) // the victim goes on
		},
	}
}
