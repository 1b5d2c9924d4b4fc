package config

import (
	"errors"
	"net/url"
	"strconv"

	"stanzahook/pkg/outbound"
)

func (o *Outbound) check(s scope) {
	for i, text := range o.AllowNetworks {
		network, err := outbound.ParseNetwork(text)
		if err != nil {
			s.add(at("allow_networks", i), "%s %v", quote(text), err)
			continue
		}
		o.Networks = append(o.Networks, network)
	}
	if o.Proxy.IsZero() {
		return
	}
	u, err := parseProxyURL(o.Proxy.Reveal())
	if err != nil {
		s.add("proxy", "%v", err)
		return
	}
	s.reachableHost("proxy", u.Hostname())
}

// parseProxyURL checks the address of a proxy. Its errors do not show it: it
// may have a password in it.
func parseProxyURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || HasControl(text) {
		return nil, errors.New("is not an http or https URL; write for example http://proxy.example.com:3128")
	}
	if port, err := strconv.Atoi(portOf(u)); err != nil || port < 1 || port > 65535 {
		return nil, errors.New("has no port number from 1 to 65535")
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("has a path or query, and a proxy has none; write for example http://proxy.example.com:3128")
	}
	return u, nil
}

// ProxyURL is Proxy, parsed; nil for none. It is not kept, because a URL shows
// the password in it wherever it is printed.
func (o Outbound) ProxyURL() *url.URL {
	if o.Proxy.IsZero() {
		return nil
	}
	u, err := parseProxyURL(o.Proxy.Reveal())
	if err != nil {
		return nil // a Config that is checked has none of these
	}
	return u
}

// reachable checks an address as far as no DNS is needed for it. A socket is a
// file of this machine that the configuration alone names.
func (s scope) reachable(name string, a *outbound.Address) {
	if a.Socket() == "" {
		s.reachableHost(name, a.Base().Hostname())
	}
}

// reachableHost checks a host as far as no DNS is needed for it. It spares the
// operator to find out at the first delivery; the check that counts is made
// when dialling.
func (s scope) reachableHost(name, host string) {
	err := outbound.NewGuard(s.c.Outbound.Networks).CheckHost(host)
	if err == nil {
		return
	}
	refusal, special := errors.AsType[*outbound.Refusal](err)
	const list = "outbound.allow_networks"
	if special && !refusal.Always && (s.report.isReported(list) || len(s.c.Outbound.Networks) < len(s.c.Outbound.AllowNetworks)) {
		return // the entry that is wrong may be the one that allows it
	}
	s.add(name, "%v", err)
}
