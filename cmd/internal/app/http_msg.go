package app

import (
	"context"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/sending"
	"stanzahook/component/privilege"
	"stanzahook/httpapi"
	"stanzahook/httpapi/postmsg"
	"stanzahook/pkg/account"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/stanza"
)

// The sessions of accounts that send without the privilege to.
const (
	maxSessions = 100
	sessionIdle = time.Minute
)

// messages is the surface of /msg.
func (a *App) messages(cfg *config.Config, send *sending.Sender) httpapi.Mount {
	o := postmsg.Options{Sender: send, Failures: &a.failures, Logins: &a.logins, Log: a.log}
	if c := cfg.HTTP.Basic.Accounts; len(c.Hosts) > 0 {
		as := &privilege.Messages{Deliver: func(ctx context.Context, s *stanza.Stanza) error {
			_, err := send.Send(ctx, s, gateway.Sending{ReportBounce: true})
			return err
		}}
		for _, domain := range send.Domains() {
			as.Routes = append(as.Routes, privilege.Route{Keeper: a.grants[domain.Domain()], Domain: domain, Limits: send.Limits(domain)})
		}
		o.Accounts, o.Hosts, o.Privileged = a.accounts, c.Hosts, as
	}
	return postmsg.New(o)
}

// setAccounts makes the sessions of accounts those of a configuration. It returns the
// pool before, to be closed when nobody uses it any more.
func (a *App) setAccounts(cfg *config.Config) (old *account.Pool) {
	old, a.accounts = a.accounts, nil
	if c := cfg.HTTP.Basic.Accounts; len(c.Hosts) > 0 {
		repeats := new(loglimit.Limiter)
		a.accounts = account.NewPool(account.Dialer{Server: c.Server, Mode: account.Mode(c.TLS), RootCAs: c.CAs, AllowPlain: c.AllowPlain, Bounced: func(s *stanza.Stanza) {
			repeats.Log(a.log, zapcore.InfoLevel, "bounce", "account message bounced", zap.String("stanza_id", s.ID))
		}}, maxSessions, sessionIdle)
	}
	return old
}
