package outbound_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/socket"
)

const forMe, forNobody = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nme", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nnobody"

// chatty serves connections. It answers each request with two answers: at once, or
// the second when the first has been read, as the channel says.
func chatty(t *testing.T, l net.Listener, read <-chan struct{}, said chan<- struct{}) {
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if read == nil {
						_, _ = io.WriteString(c, forMe+forNobody)
						continue
					}
					_, _ = io.WriteString(c, forMe)
					select {
					case <-read:
					case <-t.Context().Done():
						return
					}
					_, _ = io.WriteString(c, forNobody)
					said <- struct{}{}
				}
			}()
		}
	}()
}

// What a server says without being asked is nobody's answer: not the next one's.
func TestAnswerNobodyAskedFor(t *testing.T) {
	secured := httptest.NewTLSServer(nil)
	defer secured.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secured.Certificate())
	for _, secure := range []bool{false, true} {
		for _, later := range []bool{false, true} {
			t.Run(fmt.Sprintf("secure %v, later %v", secure, later), func(t *testing.T) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				require.NoError(t, err)
				address := "http://" + l.Addr().String()
				if secure {
					l = tls.NewListener(l, &tls.Config{Certificates: secured.TLS.Certificates, NextProtos: []string{"http/1.1"}})
					address = "https" + address[4:]
				}
				var read, said chan struct{}
				if later {
					read, said = make(chan struct{}), make(chan struct{}, 1000)
				}
				chatty(t, l, read, said)
				c := loopback(outbound.ClientOptions{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})
				defer c.CloseIdleConnections()
				for range 100 {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("x"))
					require.NoError(t, err)
					resp, err := c.Do(r)
					require.NoError(t, err)
					body, err := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if string(body) != "me" || err != nil {
						t.Fatalf("%s, %v", body, err)
					}
					if later {
						read <- struct{}{}
						<-said
					}
				}
			})
		}
	}
}

// A probe tells silence from bytes and from the end, and takes no time.
func TestProbe(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for what, do := range map[string]func(net.Conn){
			"silence": nil,
			"bytes":   func(c net.Conn) { _, _ = c.Write([]byte("x")) },
			"end":     func(c net.Conn) { _ = c.Close() },
		} {
			at := "127.0.0.1:0"
			if network == "unix" {
				at = filepath.Join(t.TempDir(), "s")
			}
			l, err := net.Listen(network, at)
			require.NoError(t, err)
			conn, err := net.Dial(network, l.Addr().String())
			require.NoError(t, err)
			other, err := l.Accept()
			require.NoError(t, err)
			_ = conn.SetDeadline(time.Unix(1, 0)) // counts for nothing
			quick, err := socket.New(conn, false)
			require.NoError(t, err)
			p := outbound.NewProbe(quick)
			if !p.Silent() {
				t.Errorf("%s: not silent before anything", network)
			}
			if do != nil {
				do(other)
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				if what == "bytes" {
					_, _ = other.Write([]byte("y"))
					if _, err := conn.Read(make([]byte, 1)); err != nil { // they are here
						t.Fatal(err)
					}
				} else {
					_, _ = conn.Read(make([]byte, 1))
				}
			}
			if got := p.Silent(); got != (do == nil) {
				t.Errorf("%s, %s: silent %v", network, what, got)
			}
			_, _, _ = conn.Close(), other.Close(), l.Close()
			if p.Silent() {
				t.Errorf("%s: a closed connection is silent", network)
			}
		}
	}
}

// A socket of the machine is reached by the client and by Reach, whatever the guard
// and the proxy say, and nothing else is.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Host, r.RequestURI)
	})}}
	s.Start()
	defer s.Close()
	a, err := outbound.ParseAddress("unix:" + path + ":/a?b=c")
	require.NoError(t, err)
	o := outbound.ClientOptions{Socket: a.Socket(), Proxy: parse(t, "http://10.1.2.3:1")}
	u, err := a.URL(nil)
	require.NoError(t, err)
	resp, err := outbound.NewClient(outbound.NewGuard(nil), o).Get(u.String())
	require.NoError(t, err)
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "localhost /a?b=c" || err != nil {
		t.Errorf("%s, %v", body, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := outbound.Reach(ctx, outbound.NewGuard(nil), o, a.Base()); err != nil {
		t.Error(err)
	}
	o.Socket += "x"
	if err := outbound.Reach(ctx, outbound.NewGuard(nil), o, a.Base()); err == nil {
		t.Error("no socket is reached")
	}
}

// What a target's TLS trusts and shows is for the target, and a proxy with https is
// no target.
func TestTLSIsForTheTarget(t *testing.T) {
	var shown int
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { shown += len(r.TLS.PeerCertificates) }))
	proxy.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	proxy.StartTLS()
	defer proxy.Close()
	roots := x509.NewCertPool()
	roots.AddCert(proxy.Certificate())
	o := outbound.ClientOptions{TLS: &tls.Config{RootCAs: roots, Certificates: proxy.TLS.Certificates, MinVersion: tls.VersionTLS12}}
	if status, err := get(t, loopback(o), proxy.URL); status != 200 || err != nil || shown != 1 {
		t.Errorf("as a target: %d, %v, %d certificates", status, err, shown)
	}
	o.Proxy, _ = url.Parse(proxy.URL)
	_, err := get(t, loopback(o), "http://8.8.8.8/")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reach := outbound.Reach(ctx, loopbackGuard, o, parse(t, "http://8.8.8.8/"))
	if err == nil || reach == nil || !strings.Contains(err.Error(), "certificate") || !strings.Contains(reach.Error(), "certificate") || shown != 1 {
		t.Errorf("as a proxy: %v, %v, %d certificates", err, reach, shown)
	}
}
