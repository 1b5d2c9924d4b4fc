package livecheck

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/account"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// accounts tries whether passwords of a host's accounts can be checked for /msg, with
// an account that does not exist: the server has to refuse it, and no other reason
// will do.
func (i *Inspection) accounts(ctx context.Context, host string) v1.Check {
	const what = "accounts"
	c := &i.Config.HTTP.Basic.Accounts
	nobody, err := jid.Parse("stanzahook-check-" + strings.ToLower(rand.Text()[:10]) + "@" + host)
	if err != nil {
		return failing(what, host, err.Error(), "correct http.basic.accounts.hosts")
	}
	d := account.Dialer{Server: c.Server, Mode: account.Mode(c.TLS), RootCAs: c.CAs, AllowPlain: c.AllowPlain, Timeout: checkTimeout}
	err = d.Verify(ctx, nobody, secret.New(rand.Text()))
	switch {
	case errors.Is(err, account.ErrPassword), errors.Is(err, account.ErrDisabled):
		return fine(what, host, c.Server+" checks passwords for /msg (tls: "+c.TLS+")")
	case err == nil:
		return failing(what, host, c.Server+" lets in an account that does not exist, with any password", "so everybody could send by /msg; remove the host from http.basic.accounts.hosts, or switch anonymous logins off")
	case errors.Is(err, account.ErrMechanism):
		return failing(what, host, err.Error(), "write tls: starttls in http.basic.accounts; allow_plain: true sends passwords as they are, over loopback only")
	case errors.Is(err, account.ErrTLS):
		return failing(what, host, err.Error(), safeConnection(err, host))
	case errors.Is(err, account.ErrNoHost):
		return failing(what, host, err.Error(), c.Server+" has no host "+host+": correct http.basic.accounts.hosts, or http.basic.accounts.server")
	}
	return failing(what, host, err.Error(), "write the server's address for clients into http.basic.accounts.server, most often port 5222 with tls: starttls, or 5223 with tls: direct")
}

// safeConnection says what to do where there is no safe connection to the server of
// a host's accounts.
func safeConnection(err error, host string) string {
	_, inTheClear := errors.AsType[tls.RecordHeaderError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, otherName := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case errors.Is(err, account.ErrNoStartTLS):
		return "give the server a certificate for " + host + "; or, in http.basic.accounts, name its port for direct TLS (most often 5223) with tls: direct, or over loopback write tls: none"
	case inTheClear:
		return "no TLS is spoken there from the first byte: write tls: starttls in http.basic.accounts, or name the port for direct TLS, most often 5223"
	case unknown:
		return "write the CA, or the server's certificate where it is self-made, into http.basic.accounts.ca_file"
	case otherName:
		return "give the server a certificate for " + host
	case invalid:
		return "give the server a certificate that is valid now"
	}
	return "see the log of the XMPP server: its TLS has to be 1.2 or later, with a certificate for " + host
}
