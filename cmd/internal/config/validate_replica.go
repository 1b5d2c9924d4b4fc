package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	minFailover, maxFailover = time.Second, 30 * time.Second
	exampleAdvertise         = "http://10.0.0.1:5290"
)

var token = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// isToken reports whether a text is part of a subject of NATS, and readable everywhere.
func isToken(text string) bool { return token.MatchString(text) }

func (r *Replica) check(s scope) {
	if !s.c.Store.onNATS() && !s.isReported("store.nats") {
		for _, name := range []string{"name", "advertise", "failover"} {
			if s.isSet(name) {
				s.add("", "is for several processes with one store; write store.nats too, or remove it")
				return
			}
		}
		return
	}
	if r.Name != "" && !isToken(r.Name) {
		s.add("name", "%s is not a name; write 1 to 32 of the letters A to Z, digits, _ and -, or leave it out: then it is the name of the host", quote(r.Name))
	}
	if r.Failover < minFailover || r.Failover > maxFailover {
		s.add("failover", "%v is not between %v and %v; write for example 2s", r.Failover, minFailover, maxFailover)
	}
	if s.isSet("advertise") {
		r.checkAdvertise(s)
	}
}

func (r *Replica) checkAdvertise(s scope) {
	u, err := url.Parse(r.Advertise)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.Port() == "", u.User != nil, strings.Trim(u.Path, "/") != "", u.RawQuery != "", u.Fragment != "":
		shown := quote(r.Advertise)
		if strings.Contains(r.Advertise, "@") {
			shown = "the address with an @ in it"
		}
		s.add("advertise", "%s is not the address of a replica; write http:// or https://, its host and its port, for example %s", shown, exampleAdvertise)
	case isNowhere(u.Hostname()):
		s.add("advertise", "%s is no address that another machine can reach; write for example %s", quote(r.Advertise), exampleAdvertise)
	default:
		r.Advertise = strings.TrimRight(r.Advertise, "/")
	}
}

// isNowhere reports whether a host stands for all addresses of a machine.
func isNowhere(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

func (st *Store) onNATS() bool { return st.NATS.URL != "" }

// Advertised is where other replicas reach this one; empty: they do not, as it listens on
// loopback, or on all addresses, and does not say which is the right one.
func (cfg *Config) Advertised() string {
	if cfg.Replica.Advertise != "" {
		return cfg.Replica.Advertise
	}
	host, port, err := net.SplitHostPort(cfg.HTTP.Listen)
	if err != nil || port == "0" || isNowhere(host) || IsLoopback(host) {
		return ""
	}
	scheme := "http"
	if cfg.HTTP.TLS.CertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
