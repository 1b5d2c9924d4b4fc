//go:build integration

package attack

import (
	"bytes"
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// What comes by the link is believed of the server alone, and fills no log.
func linkAttacks() []attack { return []attack{spoofedPrivileges(), spoofedAncestor()} }

const advertisement = "<message from='%s' to='%s'><privilege xmlns='urn:xmpp:privilege:2'><perm access='message' type='outgoing'/><perm access='roster' type='both'/></privilege></message>"

// stranger is a component of somebody else, without a library: it sends what it likes.
type stranger struct {
	conn net.Conn
	t    *testing.T
}

func newStranger(t *testing.T, s *lab.Server, domain string) *stranger {
	t.Helper()
	conn, err := net.Dial("tcp", s.ComponentAddr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(harness.Patience))
	buf := make([]byte, 4096)
	fmt.Fprintf(conn, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>", domain)
	var header []byte
	for !bytes.Contains(header, []byte("id=")) || header[len(header)-1] != '>' {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("%s: %v", header, err)
		}
		header = append(header, buf[:n]...)
	}
	id := header[bytes.Index(header, []byte(" id="))+5:]
	id = id[:bytes.IndexAny(id, `'"`)]
	fmt.Fprintf(conn, "<handshake>%x</handshake>", sha1.Sum(append(bytes.Clone(id), harness.Secret...)))
	if n, err := conn.Read(buf); err != nil || !bytes.Contains(buf[:n], []byte("<handshake")) {
		t.Fatalf("instead of a handshake came %q: %v", buf[:n], err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	return &stranger{conn, t}
}

func (x *stranger) say(format string, args ...any) bool {
	if _, err := fmt.Fprintf(x.conn, format, args...); err != nil {
		x.t.Errorf("the stranger's connection: %v", err)
		return false
	}
	return true
}

// mostLines is what hundreds of hostile requests and stanzas of each kind may add to the log.
const mostLines = 20

// Whoever sends the same again and again fills no log with it.
func spoofedPrivileges() attack {
	const each = 400
	lines := 0
	return attack{
		name: "spoofed privileges",
		set: func(st *stage) {
			silent := c2s(st.t, func(net.Conn) {})
			st.http = fmt.Sprintf("basic: {component: true, accounts: {server: %q, hosts: [localhost], tls: none}}", silent)
		},
		strike: func(ctx context.Context, st *stage) {
			lines = st.lines()
			c, x := st.mallory("attack"), newStranger(st.t, st.server, evilDomain)
			defer x.conn.Close()
			for range each {
				st.say(c, advertisement, c.JID(), st.domain)
				x.say(advertisement, evilDomain, st.domain)
				x.say("<message from='%s' to='%s'/>", "x@"+evilDomain, "a@"+st.domain)
				x.say("<iq type='result' id='unknown' from='%s' to='%s'/>", "x@"+evilDomain, "a@"+st.domain)
				x.say("<message type='error' from='%s' to='%s'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", "x@"+evilDomain, "a@"+st.domain)
				if !pace(ctx, 10*time.Millisecond) {
					return
				}
			}
			for n := range each / 5 {
				pace(ctx, 10*time.Millisecond)
				for _, body := range []string{
					`{"to":"bob@localhost","xml":"<privilege xmlns='urn:xmpp:privilege:2'/>"}`,
					`{"to":"bob@localhost","from":"x@elsewhere.localhost","body":"x"}`,
					`{`,
				} {
					_, _, _ = st.call("POST", "/v1/messages", "mallory", body)
				}
				_, _, _ = st.call("GET", "/v1/status", "nobody", "")
				_, _, _ = st.login(http.DefaultClient, fmt.Sprintf("user%d@localhost", n), "x")
			}
			st.quiesce(c)
		},
		holds: func(st *stage) {
			if n := st.lines() - lines; n > mostLines {
				st.t.Errorf("%d lines in the log: %v", n, st.mostFrequent())
			}
			status, _, body := st.call("GET", "/v1/status", "admin", "")
			if status != http.StatusOK || strings.Contains(body, "message=outgoing") {
				st.t.Errorf("a stranger's advertisement counts: %s", body)
			}
		},
	}
}

// quiesce waits until what the attacker has sent has been dealt with: an answer to him
// comes behind it.
func (st *stage) quiesce(c *lab.Client) {
	st.t.Helper()
	if !st.say(c, "<iq type='get' id='quiet' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", st.domain) {
		return
	}
	ctx, cancel := context.WithTimeout(st.t.Context(), harness.Patience)
	defer cancel()
	if _, err := c.Next(ctx, func(r lab.Received) bool { return r.ID == "quiet" }); err != nil {
		st.t.Error(err)
	}
}

// mostFrequent counts the log's messages.
func (st *stage) mostFrequent() map[string]int {
	all := make(map[string]int)
	for _, e := range st.program.Log.Entries() {
		if all[e.Msg]++; e.Level == "debug" {
			delete(all, e.Msg)
		}
	}
	return all
}

// A domain above the component's parent is not the server.
func spoofedAncestor() attack {
	return attack{
		name: "spoofed ancestor",
		set:  func(st *stage) { st.addComponent(deepBot) },
		strike: func(_ context.Context, st *stage) {
			x := newStranger(st.t, st.server, ancestor)
			c := st.mallory("attack")
			x.say(advertisement, ancestor, deepBot)
			// The server keeps no order between the two; the stranger's has long come.
			for range 5 {
				st.quiesce(c)
			}
			_ = x.conn.Close()
		},
		holds: func(st *stage) {
			status, _, body := st.call("GET", "/v1/status", "admin", "")
			if status != http.StatusOK || strings.Contains(body, "message=outgoing") {
				st.t.Errorf("the advertisement of %s counts for %s: %s", ancestor, deepBot, body)
			}
		},
	}
}
