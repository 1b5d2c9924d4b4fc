package livecheck

import (
	"bufio"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/account/accounttest"
)

// saysTo is a server that waits for the first of a client and then says a text.
func saysTo(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		if _, err := r.ReadByte(); err != nil {
			return
		}
		_, _ = conn.Write([]byte(text))
		_, _ = r.WriteTo(discarded{}) // until the client goes
	}()
	return l.Addr().String()
}

type discarded struct{}

func (discarded) Write(p []byte) (int, error) { return len(p), nil }

// Whether passwords can be checked is tried, and what is wrong is said with what to
// do about it.
func TestCheckLiveTriesAccounts(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_ = nobody.Close() // nobody listens there any more
	starttls := accounttest.NewServer(t, accounttest.Options{StartTLS: true})
	other := accounttest.NewServer(t, accounttest.Options{StartTLS: true, Host: "example.net"})
	plain := accounttest.NewServer(t, accounttest.Options{})
	const header = "<?xml version='1.0'?><stream:stream from='example.com' id='s' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	for _, c := range []struct {
		name, server, tls, found, advice string
		trusted                          *accounttest.Server
	}{
		{"nobody listens", nobody.Addr().String(), config.TLSStart, "the XMPP server is unavailable", "http.basic.accounts.server", nil},
		{"no STARTTLS", plain.Addr(), config.TLSStart, "offers no STARTTLS", "give the server a certificate for example.com; or, in http.basic.accounts, name its port for direct TLS (most often 5223) with tls: direct, or over loopback write tls: none", nil},
		{"direct TLS at a port for STARTTLS", saysTo(t, header+"</stream:stream>"), config.TLSDirect, "does not look like a TLS handshake", "write tls: starttls in http.basic.accounts", nil},
		{"unknown authority", starttls.Addr(), config.TLSStart, "unknown authority", "into http.basic.accounts.ca_file", nil},
		{"certificate of another host", other.Addr(), config.TLSStart, "example.net", "give the server a certificate for example.com", other},
		{"no such host", saysTo(t, header+"<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"), config.TLSStart, "host-unknown", "has no host example.com: correct http.basic.accounts.hosts", nil},
	} {
		a := config.Accounts{Server: c.server, TLS: c.tls, Hosts: []string{"example.com"}}
		if c.trusted != nil {
			a.CAs = c.trusted.CAs()
		}
		i := &Inspection{Config: &config.Config{HTTP: config.HTTP{Basic: config.Basic{Accounts: a}}}}
		got := i.accounts(t.Context(), "example.com")
		if got.Verdict != v1.CheckFail || got.Subject != "example.com" || !strings.Contains(got.Found, c.found) || got.Advice == nil || !strings.Contains(*got.Advice, c.advice) {
			t.Errorf("%s: %+v", c.name, got)
			if got.Advice != nil {
				t.Error(*got.Advice)
			}
		}
	}
}
