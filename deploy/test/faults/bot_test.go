//go:build integration

package faults

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// The bot is killed, hangs, and is behind a network that fails in all ways. It
// gets everything, in order; nobody gets an error; and who is written to by us
// does not notice.
func TestFaultsBotNetwork(t *testing.T) {
	rounds, lasting := 1, 200*time.Millisecond
	if harness.FullFaults() {
		rounds, lasting = 3, 2*time.Second
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := load.NewTally(t)
		way := harness.NewRelay(t, b.Addr)
		c := load.TrafficConfig(s, "net2", "http://"+way.Addr()+"/hook")
		c.Endpoints[0].Timeout = "1s"
		p := harness.LaunchConnected(t, c)
		tr := load.StartTraffic(t, s, p, b, load.Dense, "echo@net2.localhost")
		failed := func() int {
			return p.Log.Count(func(e harness.LogEntry) bool { return strings.HasPrefix(e.Msg, "endpoint failing") })
		}
		for range rounds {
			tr.During("the bot is killed", "", "", func() {
				before := failed()
				b.Close()
				harness.Eventually(t, "a failure", func() bool { return failed() > before })
				b.Open()
			})
			tr.During("reset", "", "", func() {
				for range 10 {
					way.Cut()
					lasts(t, lasting/10)
				}
			})
			tr.During("reset in the middle of a request, and of an answer", "", "", func() {
				for range 5 {
					way.CutHalf(harness.ToServer)
					lasts(t, lasting/10)
					way.CutHalf(harness.ToClient)
					lasts(t, lasting/10)
				}
			})
			duringSlowness(tr, way, lasting)
			tr.During("silence", "", "", func() {
				before := failed()
				way.Silence(true)
				harness.Eventually(t, "a failure", func() bool { return failed() > before })
				way.Silence(false)
			})
		}
		users, callers := tr.Finish()
		if users.Bounced > 0 || callers.Bounced > 0 {
			t.Errorf("%d users and %d callers were told of errors", users.Bounced, callers.Bounced)
		}
		users.Close(t)
		callers.Close(t)
	})
}

// brokenAnswer is something that a bot says to a request, on the bare connection. What
// is refused ends with an error for the sender; everything else is tried again.
type brokenAnswer struct {
	name    string
	refused bool
	write   func(conn net.Conn) error
}

func literally(text string) func(net.Conn) error {
	return func(conn net.Conn) error {
		_, err := io.WriteString(conn, text)
		return err
	}
}

// endlessly writes until the connection ends, as fast as it takes it.
func endlessly(begin, more string) func(net.Conn) error {
	return func(conn net.Conn) error {
		_, err := io.WriteString(conn, begin)
		for err == nil {
			_, err = io.WriteString(conn, more)
		}
		return err
	}
}

// drip writes a text one byte at a time.
func drip(text string) func(net.Conn) error {
	return func(conn net.Conn) error {
		for _, c := range []byte(text) {
			if _, err := conn.Write([]byte{c}); err != nil {
				return err
			}
			time.Sleep(100 * time.Millisecond) // so slow it is
		}
		return nil
	}
}

// bomb is 512 MiB of zeros, packed: one MiB, again and again.
func bomb(t *testing.T) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.Repeat(b.String(), bombSize>>20)
}

const bombSize = 512 << 20

func brokenAnswers(t *testing.T) []brokenAnswer {
	ok := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	zipped := bomb(t)
	return []brokenAnswer{
		{"nothing, and a reset", false, func(conn net.Conn) error { return conn.(*net.TCPConn).SetLinger(0) }},
		{"nothing, and no end", false, func(conn net.Conn) error { _, err := io.Copy(io.Discard, conn); return err }},
		{"another protocol", false, literally("SSH-2.0-OpenSSH_9.2\r\n")},
		{"half of the headers", false, literally("HTTP/1.1 200 OK\r\nContent-Ty")},
		{"half of the body", false, literally(ok + "Content-Length: 1000\r\n\r\nwrong")},
		{"more than the length", false, func(conn net.Conn) error {
			_, err := io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n"+ok+"Content-Length: 5\r\n\r\nwrong")
			_, _ = io.Copy(io.Discard, conn)
			return err
		}},
		{"two answers", false, func(conn net.Conn) error {
			_, err := io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"+ok+"Content-Length: 5\r\n\r\nwrong")
			_, _ = io.Copy(io.Discard, conn)
			return err
		}},
		{"a negative length", false, literally(ok + "Content-Length: -5\r\n\r\nwrong")},
		{"two lengths", false, literally(ok + "Content-Length: 5\r\nContent-Length: 3\r\n\r\nwrong")},
		{"broken chunks", false, literally(ok + "Transfer-Encoding: chunked\r\n\r\nZZ\r\nwrong\r\n0\r\n\r\n")},
		{"chunks without an end", false, literally(ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nwrong\r\n")},
		{"headers without an end", false, endlessly("HTTP/1.1 200 OK\r\n", "X-More: "+strings.Repeat("x", 1000)+"\r\n")},
		{"patience without an end", false, endlessly("", "HTTP/1.1 100 Continue\r\n\r\n")},
		{"a body without an end", true, endlessly(ok+"\r\n", strings.Repeat("wrong", 1000))},
		{"a body without an end, in chunks", true, endlessly(ok+"Transfer-Encoding: chunked\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n", 5000, strings.Repeat("wrong", 1000)))},
		{"byte by byte", false, drip(ok + "Content-Length: 5\r\n\r\nwrong")},
		{"bad JSON", true, literally("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"body\":")},
		{"bad XML", true, literally("HTTP/1.1 200 OK\r\nContent-Type: application/xmpp+xml\r\nContent-Length: 14\r\n\r\n<message><body")},
		{"a bomb", true, literally(ok + "Content-Encoding: gzip\r\nContent-Length: " + fmt.Sprint(len(zipped)) + "\r\n\r\n" + zipped)},
	}
}

// The bot answers with garbage of all kinds, on a third of the requests. What
// was no answer is asked again; an answer that cannot be read is an error for the
// sender; no part of one becomes an answer to somebody else; and memory stays.
func TestFaultsBotGarbage(t *testing.T) {
	rounds := 1
	if harness.FullFaults() {
		rounds = 4
	}
	answers := brokenAnswers(t)
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := load.NewTally(t)
		c := load.TrafficConfig(s, "bots", b.URL())
		c.Endpoints[0].Timeout = "5s" // in which a busy machine reads as much of an endless answer as is refused
		p := harness.LaunchConnected(t, c)
		var requests, refused atomic.Int64
		garbage := func(_ string, w http.ResponseWriter, r *http.Request) bool {
			n := int(requests.Add(1))
			if n%3 != 0 {
				return true
			}
			bad := answers[n/3%len(answers)]
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return false
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(harness.Patience)) // so that it ends when the test does
			_ = bad.write(conn)                                    // the program may have had enough
			if bad.refused {
				refused.Add(1)
			}
			return false
		}
		tr := load.StartTraffic(t, s, p, b, load.Dense, "echo@bots.localhost")
		tr.During("garbage", "", "", func() {
			b.AnswerWith(garbage)
			harness.Await(t, "each kind of garbage was said", 2*time.Minute, func() bool { return int(requests.Load()) > (rounds+1)*3*len(answers) })
			if n := p.ResidentNow(); n > bombSize {
				t.Errorf("%d MiB resident", n>>20)
			}
			b.AnswerWith(nil)
		})
		users, callers := tr.Finish()
		if n := int(refused.Load()); users.Bounced != n {
			t.Errorf("%d answers could not be read; %d senders were told", n, users.Bounced)
		}
		for _, k := range tr.People {
			for n, condition := range k.Errors {
				if condition != "internal-server-error" {
					t.Errorf("message %d of %s: %s", n, k.Name, condition)
				}
			}
		}
		users.Close(t)
		callers.Close(t)
	})
}
