package main

import (
	"crypto/tls"

	"stanzahook/cmd/internal/config"
	"stanzahook/component"
	"stanzahook/component/privilege"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// linkOptions are those of a component's link, as the configuration has them.
func (a *app) linkOptions(c *config.Component, domain jid.JID, h component.Handler) component.Options {
	o := component.Options{
		Domain: domain, Addr: c.Server, Secret: c.Secret, Keepalive: c.Keepalive,
		Limits: stanza.Limits{MaxBytes: int(c.MaxStanzaBytes)}, Handler: h, Log: a.log,
	}
	if c.TLS.Mode == config.TLSDirect {
		o.TLS = &tls.Config{ServerName: c.TLS.ServerName, RootCAs: c.TLS.CAs, MinVersion: tls.VersionTLS12}
	}
	return o
}

// keeper makes what keeps a component's privileges.
func (a *app) keeper(domain string) *privilege.Keeper {
	k := &privilege.Keeper{Log: a.log, Hosts: believed(a.cfg, domain), Presence: a.triggers.loggedIn}
	a.keepers[domain] = k
	return k
}
