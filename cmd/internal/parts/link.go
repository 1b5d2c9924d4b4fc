// Package parts makes parts of the program from its configuration: those that the
// running program needs, and also a live check that connects by itself.
package parts

import (
	"crypto/tls"
	"go.uber.org/zap"
	"time"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/component"
	"stanzahook/component/disco"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// LinkOptions are those of a component's link.
func LinkOptions(c *config.Component, domain jid.JID, h component.Handler, log *zap.Logger) component.Options {
	o := component.Options{
		Domain: domain, Addr: c.Server, Secret: c.Secret, Keepalive: c.Keepalive,
		Limits: stanza.Limits{MaxBytes: int(c.MaxStanzaBytes)}, Handler: h, Log: log,
	}
	if c.TLS.Mode == config.TLSDirect {
		o.TLS = &tls.Config{ServerName: c.TLS.ServerName, RootCAs: c.TLS.CAs, MinVersion: tls.VersionTLS12}
	}
	return o
}

// Responder answers service discovery for a component, and what else everybody
// may ask it.
func Responder(c *config.Component, started time.Time) *disco.Responder {
	return &disco.Responder{
		Identity: disco.Identity{Name: c.Identity.Name, Category: c.Identity.Category, Type: c.Identity.Type},
		Version:  build.Version, Started: started, Now: time.Now,
	}
}
