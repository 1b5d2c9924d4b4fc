package config

import (
	"crypto/x509"
	"net"
	"strings"
	"time"

	"stanzahook/pkg/secret"
)

func (c *Component) check(s scope, before []Component) {
	if c.Domain == "" {
		s.add("domain", "is missing; write the component's name in the server's configuration, for example bot.example.com")
	} else if s.domain("domain", &c.Domain, "bot.example.com") {
		unique(s, "domain", before, func(other *Component) bool { return other.Domain == c.Domain }, c.Domain,
			"is the domain of components[%d] already; a server takes one connection for each")
	}
	if s.address("server", c.Server, "127.0.0.1:5347") {
		host, port, _ := net.SplitHostPort(c.Server)
		if host == "" || port == "0" {
			s.add("server", "%s is no address to connect to; write for example 127.0.0.1:5347", quote(c.Server))
		}
	}
	if s.secretOrFile("secret", &c.Secret, &c.SecretFile) && HasControl(c.Secret.Reveal()) {
		name := "secret"
		if s.isSet("secret_file") {
			name = "secret_file"
		}
		s.add(name, "the secret has a line break or another control character in it; write it in one line")
	}
	c.TLS.check(s.in("tls"))
	c.Identity.check(s.in("identity"))
	s.oneOf("presence", c.Presence, PresenceAuto, PresenceForward)
	if c.Keepalive < time.Second {
		s.add("keepalive", "%v is too often; write 1s or more", c.Keepalive)
	}
	if size := c.MaxStanzaBytes; size < minStanzaBytes || size > maxStanzaBytes {
		s.add("max_stanza_bytes", "%v is not between %d (the least that RFC 6120 allows) and %v", size, minStanzaBytes, maxStanzaBytes)
	}
	c.Uploads.check(s.in("uploads"))
}

// check checks the parts of the identity: XEP-0030 wants none of them empty.
func (i *Identity) check(s scope) {
	for _, part := range [...]struct{ name, value string }{{"name", i.Name}, {"category", i.Category}, {"type", i.Type}} {
		if strings.TrimSpace(part.value) == "" || HasControl(part.value) {
			s.add(part.name, "%s is empty or has a control character in it; write one line of text, or remove the key", quote(part.value))
		}
	}
}

func (t *TLS) check(s scope) {
	s.oneOf("mode", t.Mode, TLSNone, TLSDirect)
	if t.Mode != TLSNone {
		t.CAs = s.authorities(&t.CAFile)
		return
	}
	for _, name := range []string{"ca_file", "server_name"} {
		if s.isSet(name) {
			s.add(name, "has no effect with mode: none; write mode: direct or remove it")
		}
	}
}

// authorities reads the key ca_file, and makes its path the one where the file is.
func (s scope) authorities(path *string) *x509.CertPool {
	if !s.isSet("ca_file") || s.isReported("ca_file") {
		return nil
	}
	pool, found, err := s.files.certificates(*path)
	if err != nil {
		s.add("ca_file", "%v", err)
		return nil
	}
	*path = found
	return pool
}

// secretOrFile checks that exactly one of two keys is set, a secret and the file that
// holds it, and reads the file.
func (s scope) secretOrFile(name string, value *secret.String, path *string) bool {
	file := name + "_file"
	switch {
	case s.isReported(name) || s.isReported(file):
		return false
	case s.isSet(name) && s.isSet(file):
		s.add(file, "is here together with %s; keep one of them", name)
		return false
	case s.isSet(file):
		text, found, err := s.files.secret(*path)
		if err != nil {
			s.add(file, "%v", err)
			return false
		}
		*value, *path = text, found
	case s.isSet(name) && value.IsZero():
		s.add(name, "is empty; write the secret, or %s_file in place of it", name)
		return false
	case !s.isSet(name):
		s.add(name, "is missing; write %s or %s_file", name, name)
		return false
	}
	return true
}
