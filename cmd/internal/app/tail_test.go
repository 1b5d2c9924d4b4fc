package app

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/stanza"
)

// tailed is an event of the tail.
type tailed struct {
	ID, Event string
	Data      struct {
		ID, Endpoint, State, Type, From, To, Reason string
		Attempt                                     *struct {
			N      int
			Status int
			Note   string
		}
		Component, User, Result, Route, Token, Hook, Command, By string
		Count, Bytes, Status, Lost                               int
	}
}

// follow reads the tail until the test ends.
func (x *running) follow(token, query string) <-chan tailed {
	x.t.Helper()
	r, err := http.NewRequestWithContext(x.t.Context(), http.MethodGet, "http://"+x.Addr+"/v1/tail"+query, nil)
	require.NoError(x.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(x.t, err)
	if resp.StatusCode != http.StatusOK {
		x.t.Fatalf("the tail: %d", resp.StatusCode)
	}
	events := make(chan tailed, 10_000)
	go func() {
		defer close(events)
		defer resp.Body.Close()
		var e tailed
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				e.ID = value
			case "event":
				e.Event = value
			case "data":
				if err := json.Unmarshal([]byte(value), &e.Data); err != nil {
					x.t.Errorf("%s: %v", value, err)
				}
				events <- e
				e = tailed{}
			}
		}
	}()
	return events
}

// comes waits for an event.
func comes(t *testing.T, events <-chan tailed, what string, is func(tailed) bool) tailed {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("%s: the tail has ended", what)
			}
			if is(e) {
				return e
			}
		case <-late:
			t.Fatalf("%s did not come", what)
		}
	}
}

// What happens is in the tail, of each kind: a message and its way, with the note that says
// why there is no reply; the endpoint, the link, the outbox, requests.
func TestTail(t *testing.T) {
	bot := newWeb(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "hello")
	})
	x := startApp(t, "http: {listen: \"127.0.0.1:0\", tokens: ["+token("ops", "send, admin")+"]}\nendpoints: [{name: echo, url: \""+bot.URL+"\"}]\n")
	events := x.follow("ops", "")
	x.send("u", "echo", "hi")
	queued := comes(t, events, "queued", func(e tailed) bool { return e.Event == "delivery" })
	if d := queued.Data; d.State != "queued" || d.Endpoint != "echo" || d.Type != "message.chat" || d.From != "u@example.com/r" || d.To != "echo@bot.example.com" || d.Attempt != nil {
		t.Errorf("%+v", d)
	}
	done := comes(t, events, "delivered", func(e tailed) bool { return e.Event == "delivery" })
	if d := done.Data; d.ID != queued.Data.ID || d.State != "delivered" || d.Attempt == nil || d.Attempt.N != 1 || d.Attempt.Status != 200 || !strings.Contains(d.Attempt.Note, "text/html") {
		t.Errorf("%+v %+v", d, d.Attempt)
	}
	if status, body := x.call("ops", "GET", "/v1/deliveries/"+done.Data.ID, ""); status != 200 || !strings.Contains(body, `"state":"delivered"`) || !strings.Contains(body, `"content_type":"text/html"`) {
		t.Errorf("%d %s", status, body)
	}
	request := comes(t, events, "the request", func(e tailed) bool { return e.Event == "http" })
	if d := request.Data; d.Token != "ops" || d.Route != "/v1/deliveries/{id}" || d.Status != 200 {
		t.Errorf("%+v", d)
	}
	for _, query := range []string{"?range=2m", "?range=2m&endpoint=echo"} { // the minute may have ended
		var s struct {
			Items []struct {
				In, Delivered int
				P50           *float64 `json:"p50_ms"`
			}
		}
		status, body := x.call("ops", "GET", "/v1/summary"+query, "")
		if err := json.Unmarshal([]byte(body), &s); err != nil || status != 200 || len(s.Items) != 2 {
			t.Fatalf("%d %s", status, body)
		}
		in, delivered, answered := 0, 0, false
		for _, i := range s.Items {
			in, delivered, answered = in+i.In, delivered+i.Delivered, answered || i.P50 != nil
		}
		if in < 1 || delivered != 1 || !answered {
			t.Errorf("%s: %s", query, body)
		}
	}
	if status, body := x.call("ops", "POST", "/v1/endpoints/echo/disable", ""); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	comes(t, events, "disabled", func(e tailed) bool {
		return e.Event == "endpoint" && e.Data.State == "disabled" && e.Data.Endpoint == "echo" && e.Data.Reason == "by an operator"
	})
	x.srv.Refuse("<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
	x.srv.Drop()
	comes(t, events, "down", func(e tailed) bool {
		return e.Event == "link" && e.Data.State == "down" && e.Data.Component == "bot.example.com" && e.Data.Reason != ""
	})
	if status, body := x.call("ops", "POST", "/v1/messages", `{"to":"u@example.com","body":"later"}`); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	comes(t, events, "the outbox", func(e tailed) bool {
		return e.Event == "outbox" && e.Data.Count == 1 && e.Data.Bytes > 50 && e.Data.Component == "bot.example.com"
	})
}

// A tail ends when its token goes, or the scope that it began with; one with the scope
// read goes on.
func TestTailEndsWithItsScope(t *testing.T) {
	config := func(scopes ...string) string {
		var tokens []string
		for i, name := range []string{"gone", "less", "kept"} {
			if scopes[i] != "" {
				tokens = append(tokens, token(name, scopes[i]))
			}
		}
		return "http: {listen: \"127.0.0.1:0\", tokens: [" + strings.Join(tokens, ", ") + "]}\n"
	}
	x := startApp(t, config("read", "admin", "read"))
	gone, less, kept := x.follow("gone", ""), x.follow("less", ""), x.follow("kept", "?kinds=delivery")
	x.reloads(config("", "read", "read, send"), "http.tokens")
	for reason, events := range map[string]<-chan tailed{"unauthorized": gone, "forbidden": less} {
		comes(t, events, reason, func(e tailed) bool { return e.Event == "end" && e.Data.Reason == reason })
		if e, more := <-events; more {
			t.Errorf("behind the end: %+v", e)
		}
	}
	select {
	case e, more := <-kept:
		t.Errorf("the one that is kept: %+v %v", e, more)
	default:
	}
}

// raw opens a tail on a connection of its own, which nobody reads.
func (x *running) raw(token string) *net.TCPConn {
	x.t.Helper()
	conn, err := net.Dial("tcp", x.Addr)
	require.NoError(x.t, err)
	x.t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET /v1/tail HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", token)
	return conn.(*net.TCPConn)
}

// A reader that does not read harms nobody: messages flow, and another reader gets all,
// or knows how many it has lost.
func TestTailWithASlowReader(t *testing.T) {
	x := startApp(t, "http: {listen: \"127.0.0.1:0\", tokens: ["+token("ops", "admin")+"]}\nendpoints: [{name: echo, url: \""+newWeb(t, pong).URL+"\"}]\n")
	require.NoError(t, x.raw("ops").SetReadBuffer(4096))
	harness.Eventually(t, "it reads", func() bool { return x.happenings.Counts().Readers == 1 })
	events := x.follow("ops", "?kinds=delivery")
	const n = 2000
	long := strings.Repeat("r", 1000) // 4000 events with two addresses each are more than the socket holds
	go func() {
		for i := range n {
			x.srv.Send(fmt.Sprintf("<message type='chat' from='u%d@example.com/%s' to='echo@bot.example.com/%s' id='%d'><body>hi</body></message>", i%20, long, long, i))
		}
	}()
	for range n {
		x.srv.Expect("a reply", func(s *stanza.Stanza) bool { return s.Kind == stanza.Message })
	}
	for seen := 0; seen < 2*n; seen++ {
		if e := comes(t, events, "a delivery", func(tailed) bool { return true }); e.Event == "gap" {
			seen += e.Data.Lost - 1
		}
	}
	if c := x.happenings.Counts(); c.Readers != 2 {
		t.Errorf("%+v", c)
	}
}

// BenchmarkEventQueuedTail is the whole walk with readers of the tail. Compare cpu-ns/op,
// which has the bot, the peer and the sockets of the readers in it.
func BenchmarkEventQueuedTail(b *testing.B) {
	for _, n := range []int{0, 1, 8} {
		b.Run(fmt.Sprintf("readers=%d", n), func(b *testing.B) {
			x := startApp(b, noAuth+fmt.Sprintf("endpoints: [{name: echo, url: %q}]\n", newWeb(b, pong).URL))
			for range n {
				conn := x.raw("")
				go func() { _, _ = io.Copy(io.Discard, conn) }() // until the end
			}
			harness.Eventually(b, "they read", func() bool { return x.happenings.Counts().Readers == n })
			x.benchmark(b)
			c := x.happenings.Counts()
			b.ReportMetric(float64(c.Lost)/float64(max(1, n))/float64(c.Events), "lost/event")
		})
	}
}
