package config

import (
	"fmt"
	"net"
	"slices"

	"stanzahook/pkg/jid"
)

// accounts checks the section of XMPP accounts that may use /msg.
func (v checker) accounts() {
	const key = "http.basic.accounts"
	a := &v.c.HTTP.Basic.Accounts
	if v.isSet(key+".hosts") && len(a.Hosts) == 0 {
		v.add(key+".hosts", "is an empty list; write the domains of the accounts, or remove the key")
	}
	for _, name := range []string{"server", "tls", "ca_file", "allow_plain"} {
		if v.isSet(key+"."+name) && !v.isSet(key+".hosts") {
			v.add(key+".hosts", "is missing; write the domains of the accounts that may log in, for example example.com")
		}
	}
	for i, text := range a.Hosts {
		host := fmt.Sprintf("%s.hosts[%d]", key, i)
		j, err := jid.Parse(text)
		if err != nil || !j.IsDomain() {
			v.add(host, "%s is not a domain; write for example example.com", quote(text))
			continue
		}
		a.Hosts[i] = j.Domain()
		if slices.Contains(a.Hosts[:i], a.Hosts[i]) {
			v.add(host, "%s is in the list twice; keep one", quote(text))
		}
	}
	address := v.address(key+".server", a.Server, "127.0.0.1:5222")
	v.oneOf(key+".tls", a.TLS, TLSStart, TLSDirect, TLSNone)
	if a.TLS == TLSNone && address {
		if host, _, _ := net.SplitHostPort(a.Server); !IsLoopback(host) {
			v.add(key+".tls", "none sends passwords in the clear, so it is for loopback addresses only, and server is %s; write starttls or direct", quote(a.Server))
		}
	}
	if a.AllowPlain && (a.TLS == TLSStart || a.TLS == TLSDirect) {
		v.add(key+".allow_plain", "has no effect with tls: %s, where passwords are sent encrypted; remove it", a.TLS)
	}
	switch {
	case !v.isSet(key+".ca_file") || v.isReported(key+".ca_file"):
	case a.TLS == TLSNone:
		v.add(key+".ca_file", "has no effect with tls: none; write starttls or direct, or remove it")
	default:
		pool, path, err := v.files.certificates(a.CAFile)
		if err != nil {
			v.add(key+".ca_file", "%v", err)
			return
		}
		a.CAs, a.CAFile = pool, path
	}
}
