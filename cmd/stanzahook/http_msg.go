package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"stanzahook/component/privilege"
	"stanzahook/httpapi"
	"stanzahook/httpapi/postmsg"
	"stanzahook/pkg/account"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// The sessions of accounts that send without the privilege to.
const (
	maxSessions = 100
	sessionIdle = time.Minute
)

// messages is the surface of /msg.
func (a *app) messages(send sender, ours func() []jid.JID, limit func(jid.JID) stanza.Limits) httpapi.Mount {
	o := postmsg.Options{Sender: send, Domains: ours, Limits: limit, Log: a.log}
	if c := a.cfg.HTTP.Basic.Accounts; len(c.Hosts) > 0 {
		pool := account.NewPool(account.Dialer{Server: c.Server, Mode: account.Mode(c.TLS), RootCAs: c.CAs, Bounced: func(s *stanza.Stanza) {
			a.log.Info("a message of an account came back with an error", zap.String("stanza_id", s.ID))
		}}, maxSessions, sessionIdle)
		a.later("sessions of accounts", func(context.Context) { pool.Close() })
		as := &privilege.Messages{Deliver: send.Send}
		for _, domain := range ours() {
			as.Ways = append(as.Ways, privilege.Way{Keeper: a.keepers[domain.Domain()], Domain: domain, Limits: limit(domain)})
		}
		o.Accounts, o.Hosts, o.Privileged = pool, c.Hosts, as
	}
	return postmsg.New(o)
}
