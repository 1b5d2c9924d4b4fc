package config

import (
	"errors"
	"net"
	"net/netip"
	"strings"

	"stanzahook/pkg/jid"
)

// checkServer checks what protects the server.
func (h *HTTP) checkServer(s scope) {
	if h.BasePath != "" && !isBasePath(h.BasePath) {
		s.add("base_path", "%s is no prefix of a path; write for example /xmpp, without a slash at the end", quote(h.BasePath))
	}
	for i, text := range h.TrustedProxies {
		network, err := parseProxyNetwork(text)
		if err != nil {
			s.add(at("trusted_proxies", i), "%s %v", quote(text), err)
			continue
		}
		h.Proxies = append(h.Proxies, network)
	}
	for i, text := range h.Hosts {
		name, _ := strings.CutSuffix(strings.ToLower(text), ".")
		if j, err := jid.Parse(name); err == nil && j.IsDomain() && !strings.ContainsAny(text, "*:/") {
			h.Hosts[i] = name
		} else if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
			h.Hosts[i] = addr.String()
		} else {
			s.add(at("hosts", i), "%s is no name of a host; write it as in a URL, without a port, for example stanzahook.example.com", quote(text))
		}
	}
	if tls := s.in("tls"); tls.pair() {
		cert, key, err := s.files.pair(h.TLS.CertFile, h.TLS.KeyFile)
		if err != nil {
			tls.add("cert_file", "%v", err)
		} else {
			h.TLS = HTTPTLS{CertFile: cert, KeyFile: key}
		}
	}
	h.RateLimit.check(s.in("rate_limit"))
}

func (l RateLimit) check(s scope) {
	switch {
	case l.PerSecond < 0:
		s.add("per_second", "%d is less than nothing; write 0 for no limit", l.PerSecond)
	case l.Burst < 0:
		s.add("burst", "%d is less than nothing; write 0 for as many as per_second", l.Burst)
	case l.Burst > 0 && l.PerSecond == 0:
		s.add("burst", "has no effect without per_second; write that too, or remove it")
	}
}

// HasConsole reports whether /console/ is served. It does not ask who is in front: a proxy
// on this machine makes the console as public as the rest.
func (h *HTTP) HasConsole() bool {
	host, _, _ := net.SplitHostPort(h.Listen)
	return h.Console == ConsoleOn || h.Console == ConsoleAuto && IsLoopback(host)
}

// isBasePath reports whether a text is one or more segments that need no
// escaping (RFC 3986 section 3.3).
func isBasePath(text string) bool {
	rest, ok := strings.CutPrefix(text, "/")
	for _, segment := range strings.Split(rest, "/") {
		odd := strings.ContainsFunc(segment, func(c rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", c)
		})
		ok = ok && segment != "" && segment != "." && segment != ".." && !odd
	}
	return ok
}

// parseProxyNetwork reads a network, or one address.
func parseProxyNetwork(text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return p, errors.New("is neither a network nor an address; write for example 10.1.2.0/24 or 127.0.0.1")
		}
		p = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
	}
	if p.Bits() == 0 {
		return p, errors.New("is everybody, and anybody could write any address; write the addresses of your proxies")
	}
	return p.Masked(), nil
}
