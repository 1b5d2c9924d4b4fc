package component

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"stanzahook/pkg/stanza"
)

// trouble is why there is no connection, for an operator.
type trouble struct {
	what     string // what is wrong and what to do about it
	config   bool   // only a change of the configuration helps: slow retries
	conflict bool   // another connection has the name: a fixed delay
	replaced bool   // and has taken it from this one
	silent   bool   // the server may not know that the connection is lost
}

// errSilent means that nothing comes over the connection any more.
var errSilent = errors.New("the server has not sent anything back within two keepalives")

// explain says why the connection of a domain to an address ended, or could not be made.
func explain(err error, addr, domain string) trouble {
	var (
		se    *StreamError
		dns   *net.DNSError
		host  x509.HostnameError
		ca    x509.UnknownAuthorityError
		bad   x509.CertificateInvalidError
		cert  *tls.CertificateVerificationError
		te    *tlsError
		other *notXMPP
	)
	switch {
	case errors.As(err, &se):
		return explainStream(se, addr, domain)
	case errors.As(err, &dns):
		return trouble{what: fmt.Sprintf("the host name in components[].server (%s) cannot be resolved: %s", addr, dns.Err)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return trouble{what: fmt.Sprintf("nothing listens at %s: start the server, and see that its component listener is on (Prosody: component_ports; ejabberd: a listener with module ejabberd_service)", addr)}
	case errors.As(err, &host):
		return trouble{config: true, what: fmt.Sprintf("the certificate at %s is for another name: %s; set components[].tls.server_name to a name in it", addr, host.Error())}
	case errors.As(err, &bad) && bad.Reason == x509.Expired:
		return trouble{config: true, what: fmt.Sprintf("the certificate at %s does not hold now: %s; renew it there, or set the clock here", addr, err)}
	case errors.As(err, &ca), errors.As(err, &cert):
		return trouble{config: true, what: fmt.Sprintf("the certificate at %s is not trusted: %s; set components[].tls.ca_file to the CA that signed it", addr, err)}
	case errors.As(err, &te):
		return trouble{what: fmt.Sprintf("TLS with %s failed: %s; is that listener a TLS one (ejabberd: tls: true and a certfile of its own)? if not, set components[].tls.mode to none", addr, te.err)}
	case errors.Is(err, stanza.ErrStreamEnd), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		if errors.As(err, &other) {
			return trouble{what: fmt.Sprintf("%s closed the connection before its stream began: it is stopping, or that port is no plain component listener (with ejabberd's tls: true set components[].tls.mode to direct)", addr)}
		}
		return trouble{what: fmt.Sprintf("the server at %s closed the connection; it is stopping or restarting", addr)}
	case errors.As(err, &other):
		return trouble{config: true, what: fmt.Sprintf("what answers at %s is no component listener (%s): components[].server must be the server's component port, usually 5347", addr, other.err)}
	case errors.Is(err, errSilent):
		return trouble{silent: true, what: fmt.Sprintf("%s: the connection to %s is dead", err, addr)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return trouble{what: fmt.Sprintf("%s does not answer in time: is it the server's component port, and is a firewall between?", addr)}
	}
	// The server may not have noticed the error of the network.
	return trouble{silent: true, what: fmt.Sprintf("the connection to %s failed: %s", addr, err)}
}

func explainStream(e *StreamError, addr, domain string) trouble {
	switch e.content {
	case "", stanza.NSComponent:
	case stanza.NSClient:
		return wrongPort(addr, "the one for clients", e)
	case "jabber:server":
		return wrongPort(addr, "the one for other servers", e)
	}
	switch e.Condition {
	case "not-authorized":
		return trouble{config: true, what: fmt.Sprintf("the server at %s does not accept the secret for %s: components[].secret must be the same as component_secret of Component %q in Prosody, or as the password under hosts: of the listener in ejabberd (which says the same when it does not know the domain)", addr, domain, domain)}
	case "host-unknown":
		return trouble{config: true, what: fmt.Sprintf("the server at %s does not know %s: add Component %q with its component_secret to prosody.cfg.lua (or the domain under hosts: of the ejabberd_service listener), or correct components[].domain", addr, domain, domain)}
	case "conflict":
		if e.established {
			return trouble{conflict: true, replaced: true, what: fmt.Sprintf("somebody else has connected as %s, and the server has ended this connection for it (component_conflict_resolve is \"kick_old\" there): a second stanzahook, or another program, has the same domain and secret and takes the name away in turn; stop it, or give it a domain of its own (%s)", domain, e.Text)}
		}
		return trouble{conflict: true, what: fmt.Sprintf("another connection uses the name %s, or our old one is not yet timed out; on Prosody component_conflict_resolve = \"kick_old\" helps (%s)", domain, e.Text)}
	case "invalid-namespace":
		return wrongPort(addr, "probably the one for clients", e)
	}
	return trouble{what: e.Error()}
}

// wrongPort says that another service of the server answers.
func wrongPort(addr, which string, e *StreamError) trouble {
	return trouble{config: true, what: fmt.Sprintf("%s is not the component port of the server (%s): correct components[].server, usually port 5347 (the server says %s)", addr, which, e.Condition)}
}

// refusal returns err if it is a stream error by which a server ends the stream
// because of what we wrote (RFC 6120 section 4.9.3). For a stanza over its
// limit ejabberd says policy-violation, Prosody 0.12 not-well-formed.
func refusal(err error) error {
	var e *StreamError
	if !errors.As(err, &e) {
		return nil
	}
	switch e.Condition {
	case "not-well-formed", "xml-not-well-formed", "invalid-xml", "restricted-xml", "bad-format", "bad-namespace-prefix", "unsupported-encoding",
		"policy-violation", "improper-addressing", "invalid-from", "unsupported-stanza-type":
		return e
	}
	return nil
}
