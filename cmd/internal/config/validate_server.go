package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"stanzahook/pkg/jid"
)

// httpServer checks what protects the server.
func (v checker) httpServer() {
	http := &v.c.HTTP
	if base := http.BasePath; base != "" && !isBasePath(base) {
		v.add("http.base_path", "%s is no prefix of a path; write for example /xmpp, without a slash at the end", quote(base))
	}
	for i, text := range http.TrustedProxies {
		network, err := parseProxyNetwork(text)
		if err != nil {
			v.add(fmt.Sprintf("http.trusted_proxies[%d]", i), "%s %v", quote(text), err)
			continue
		}
		http.Proxies = append(http.Proxies, network)
	}
	for i, text := range http.Hosts {
		name, _ := strings.CutSuffix(strings.ToLower(text), ".")
		if j, err := jid.Parse(name); err == nil && j.IsDomain() && !strings.ContainsAny(text, "*:/") {
			http.Hosts[i] = name
		} else if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
			http.Hosts[i] = addr.String()
		} else {
			v.add(fmt.Sprintf("http.hosts[%d]", i), "%s is no name of a host; write it as in a URL, without a port, for example stanzahook.example.com", quote(text))
		}
	}
	cert, key := v.isSet("http.tls.cert_file"), v.isSet("http.tls.key_file")
	switch {
	case v.isReported("http.tls.cert_file") || v.isReported("http.tls.key_file"):
	case cert && !key:
		v.add("http.tls.key_file", "is missing; a certificate needs its key")
	case key && !cert:
		v.add("http.tls.cert_file", "is missing; a key needs its certificate")
	case cert:
		certFound, keyFound, err := v.files.pair(http.TLS.CertFile, http.TLS.KeyFile)
		if err != nil {
			v.add("http.tls.cert_file", "%v", err)
			break
		}
		http.TLS = HTTPTLS{CertFile: certFound, KeyFile: keyFound}
	}
	rate := http.RateLimit
	switch {
	case rate.PerSecond < 0:
		v.add("http.rate_limit.per_second", "%d is less than nothing; write 0 for no limit", rate.PerSecond)
	case rate.Burst < 0:
		v.add("http.rate_limit.burst", "%d is less than nothing; write 0 for as many as per_second", rate.Burst)
	case rate.Burst > 0 && rate.PerSecond == 0:
		v.add("http.rate_limit.burst", "has no effect without per_second; write that too, or remove it")
	}
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
