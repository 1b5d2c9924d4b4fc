//go:build integration && bench

package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// pathClient is a user who writes as fast as the answers come, and takes as
// little as possible of the cores that it shares with what is measured.
type pathClient struct {
	t    *testing.T
	conn net.Conn
	buf  []byte
	rest int // bytes of buf that belong to a stanza that is not complete
}

func pathLogin(t *testing.T, s *lab.Server, user string) *pathClient {
	t.Helper()
	conn, err := net.Dial("tcp", s.ClientAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &pathClient{t: t, conn: conn, buf: make([]byte, 256<<10)}
	header := "<?xml version='1.0'?><stream:stream to='" + s.Host() + "' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
	c.ask(header, "</stream:features>")
	c.ask("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"+base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+testPassword))+"</auth>", "<success")
	c.ask(header, "</stream:features>")
	c.ask("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>path</resource></bind></iq>", "</iq>")
	c.ask("<presence/><iq type='get' id='ping' to='"+s.Host()+"'><ping xmlns='urn:xmpp:ping'/></iq>", "ping")
	return c
}

// ask writes and reads until the answer has something in it.
func (c *pathClient) ask(text, want string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
	var got strings.Builder
	for !strings.Contains(got.String(), want) {
		n, err := c.conn.Read(c.buf)
		if err != nil {
			c.t.Fatalf("instead of %s came %q: %v", want, got.String(), err)
		}
		got.Write(c.buf[:n])
	}
}

// pathRound lets clients write n messages in all, each at most window without
// an answer. It returns how long it took, and the median of the times until an
// answer came.
func pathRound(t *testing.T, clients []*pathClient, w *walker, window, n int) (took, waited time.Duration) {
	t.Helper()
	began := time.Now()
	all := make([][]time.Duration, len(clients))
	errs := make([]error, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() { all[i], errs[i] = c.walk(w, window, n/len(clients)) })
	}
	wg.Wait()
	took = time.Since(began)
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return took, median(slices.Concat(all...))
}

// walk writes n messages to a bot. All answers must come, in order if it keeps that.
func (c *pathClient) walk(w *walker, window, n int) ([]time.Duration, error) {
	if err := c.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	sent := make([]time.Time, n)
	waited := make([]time.Duration, 0, n)
	var out []byte
	wrote, answered := 0, 0
	for answered < n {
		out = out[:0]
		now := time.Now()
		for ; wrote < min(n, answered+window); wrote++ {
			sent[wrote] = now
			out = fmt.Appendf(out, "<message type='chat' id='m%d' to='%s'><body>message %d of some twenty letters</body></message>", wrote, w.address, wrote)
		}
		if len(out) > 0 {
			if _, err := c.conn.Write(out); err != nil {
				return nil, err
			}
		}
		got, err := c.conn.Read(c.buf[c.rest:])
		if err != nil {
			return nil, fmt.Errorf("after %d of %d answers: %w", answered, n, err)
		}
		data := c.buf[:c.rest+got]
		now = time.Now()
		for {
			end := bytes.Index(data, []byte("</message>"))
			if end < 0 {
				break
			}
			number, err := numberOf(data[:end])
			if err != nil || number != answered && !w.disorder || number < 0 || number >= wrote || sent[number].IsZero() {
				return nil, fmt.Errorf("instead of the answer to message %d came %s: %v", answered, data[:end], err)
			}
			waited = append(waited, now.Sub(sent[number]))
			sent[number] = time.Time{}
			answered++
			data = data[end+len("</message>"):]
		}
		c.rest = copy(c.buf, data)
	}
	return waited, nil
}

// numberOf is the number of the message that this one answers.
func numberOf(message []byte) (int, error) {
	_, body, _ := bytes.Cut(message, []byte("<body>"))
	_, body, _ = bytes.Cut(body, []byte("message "))
	digits, _, _ := bytes.Cut(body, []byte(" "))
	return strconv.Atoi(string(digits))
}
