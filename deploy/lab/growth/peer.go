//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"stanzahook/deploy/lab/harness"
)

// leanServer is the XMPP server's side of a component's stream (XEP-0114), which keeps
// nothing of what it sees: it gives markers back, and counts everything else.
type leanServer struct {
	t       testing.TB
	conn    net.Conn
	buf     []byte
	rest    int          // bytes of buf that belong to a stanza that is not complete
	missing map[int]bool // messages without an answer, by number
}

// acceptComponent takes the connection of a component.
func acceptComponent(t testing.TB, l net.Listener) *leanServer {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &leanServer{t: t, conn: conn, buf: make([]byte, 1<<20)}
	s.readUntil("to='load.localhost'>")
	s.write("<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' from='load.localhost' id='1'>")
	s.readUntil("</handshake>")
	s.write("<handshake/>")
	return s
}

func (s *leanServer) write(text string) {
	s.t.Helper()
	if _, err := s.conn.Write([]byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// readUntil reads to what is not an element of the stream's content.
func (s *leanServer) readUntil(end string) {
	s.t.Helper()
	var got []byte
	for !bytes.Contains(bytes.ReplaceAll(got, []byte(`"`), []byte("'")), []byte(end)) {
		n, err := s.conn.Read(s.buf)
		if err != nil {
			s.t.Fatalf("instead of %s came %q: %v", end, got, err)
		}
		got = append(got, s.buf[:n]...)
	}
}

// read takes what the component has written.
func (s *leanServer) read() {
	s.t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(3 * harness.Patience)); err != nil {
		s.t.Fatal(err)
	}
	n, err := s.conn.Read(s.buf[s.rest:])
	if err != nil {
		s.t.Fatalf("%d answers are missing: %v", len(s.missing), err)
	}
	data := s.buf[:s.rest+n]
	var back []byte
	for {
		data = bytes.TrimLeft(data, " \n")
		end, mark := []byte("</message>"), bytes.HasPrefix(data, []byte("<message type='normal' from='load.localhost/stanzahook-"))
		if mark { // of component.Link, which wants it back
			end = []byte("/>")
		}
		at := bytes.Index(data, end)
		if at < 0 {
			break
		}
		stanza := data[:at+len(end)]
		switch {
		case mark:
			back = append(back, stanza...)
		default:
			s.answered(stanza)
		}
		data = data[len(stanza):]
	}
	s.rest = copy(s.buf, data)
	if len(back) > 0 {
		s.write(string(back))
	}
}

// answered takes a reply, which has the number of a message that has none yet.
func (s *leanServer) answered(reply []byte) {
	s.t.Helper()
	_, body, _ := bytes.Cut(reply, []byte("<body>"))
	digits, _, _ := bytes.Cut(body, []byte(" "))
	n, err := strconv.Atoi(string(digits))
	if err != nil || !s.missing[n] || bytes.Contains(reply, []byte("<error")) {
		s.t.Fatalf("instead of an answer that is missing came %.500s", reply)
	}
	delete(s.missing, n)
}

// converse writes n messages, at most window of them without an answer, and waits for
// all answers. next makes one, with its number.
func (s *leanServer) converse(n, window int, next func() (int, string)) {
	s.t.Helper()
	s.missing = make(map[int]bool)
	wrote := 0
	var out bytes.Buffer
	for wrote < n || len(s.missing) > 0 {
		out.Reset()
		for ; wrote < n && len(s.missing) < window; wrote++ {
			number, text := next()
			s.missing[number] = true
			out.WriteString(text)
		}
		if out.Len() > 0 {
			s.write(out.String())
		}
		s.read()
	}
}

// growthMessage is a chat stanza of so many bytes, or the shortest possible, with its
// number in the text.
func growthMessage(i, user int, endpoint string, bytes int) string {
	head := fmt.Sprintf("<message type='chat' id='m%d' from='u%d@localhost/r' to='%s@load.localhost'><body>%d ", i, user, endpoint, i)
	const tail = "</body></message>"
	pad := max(1, bytes-len(head)-len(tail))
	return head + string(growthText[:pad]) + tail
}

var growthText = bytes.Repeat([]byte("x"), 64<<10)
