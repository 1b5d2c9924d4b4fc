package config

import "net"

// check checks whose XMPP accounts may use /msg.
func (a *Accounts) check(s scope) {
	if s.isSet("hosts") && len(a.Hosts) == 0 {
		s.add("hosts", "is an empty list; write the domains of the accounts, or remove the key")
	}
	for _, name := range []string{"server", "tls", "ca_file", "allow_plain"} {
		if s.isSet(name) && !s.isSet("hosts") {
			s.add("hosts", "is missing; write the domains of the accounts that may log in, for example example.com")
		}
	}
	for i := range a.Hosts {
		if s.domain(at("hosts", i), &a.Hosts[i], "example.com") {
			s.once("hosts", a.Hosts, i)
		}
	}
	address := s.address("server", a.Server, "127.0.0.1:5222")
	s.oneOf("tls", a.TLS, TLSStart, TLSDirect, TLSNone)
	if a.TLS == TLSNone && address {
		if host, _, _ := net.SplitHostPort(a.Server); !IsLoopback(host) {
			s.add("tls", "none sends passwords in the clear, so it is for loopback addresses only, and server is %s; write starttls or direct", quote(a.Server))
		}
	}
	if a.AllowPlain && (a.TLS == TLSStart || a.TLS == TLSDirect) {
		s.add("allow_plain", "has no effect with tls: %s, where passwords are sent encrypted; remove it", a.TLS)
	}
	if a.TLS == TLSNone && s.isSet("ca_file") {
		s.add("ca_file", "has no effect with tls: none; write starttls or direct, or remove it")
		return
	}
	a.CAs = s.authorities(&a.CAFile)
}
