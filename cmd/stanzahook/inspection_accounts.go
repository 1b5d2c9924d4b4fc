package main

import (
	"context"
	"crypto/rand"
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
func (i *inspection) accounts(ctx context.Context, host string) v1.Check {
	const what = "accounts"
	c := &i.cfg.HTTP.Basic.Accounts
	nobody, err := jid.Parse("stanzahook-check-" + strings.ToLower(rand.Text()[:10]) + "@" + host)
	if err != nil {
		return failing(what, host, err.Error(), "correct http.basic.accounts.hosts")
	}
	d := account.Dialer{Server: c.Server, Mode: account.Mode(c.TLS), RootCAs: c.CAs, AllowPlain: c.AllowPlain, Timeout: inspectionTimeout}
	err = d.Verify(ctx, nobody, secret.New(rand.Text()))
	switch {
	case errors.Is(err, account.ErrPassword), errors.Is(err, account.ErrDisabled):
		return fine(what, host, c.Server+" checks passwords for /msg (tls: "+c.TLS+")")
	case err == nil:
		return failing(what, host, c.Server+" lets in an account that does not exist, with any password", "so everybody could send by /msg; remove the host from http.basic.accounts.hosts, or switch anonymous logins off")
	case errors.Is(err, account.ErrMechanism):
		return failing(what, host, err.Error(), "write tls: starttls in http.basic.accounts; allow_plain: true sends passwords as they are, over loopback only")
	case errors.Is(err, account.ErrTLS):
		return failing(what, host, err.Error(), "write the CA, or the server's certificate where it is self-made, into http.basic.accounts.ca_file")
	}
	return failing(what, host, err.Error(), "write into http.basic.accounts.server where the server takes clients, most often port 5222 with tls: starttls, or 5223 with tls: direct")
}
