package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// sameOrigin refuses what a page of another site makes a browser send: the browser
// adds what it knows of a user, such as a remembered Basic password, and where
// nobody has to say who he is, that is enough to be let in. A Bearer token is not
// added by itself. What is no browser has no Origin, and passes. A GET does
// something at some paths, so it is no exception.
func (s *Server) sameOrigin(next http.Handler) http.Handler {
	var protection http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		unsafe := *r
		unsafe.Method = http.MethodPost // of any method as of one that changes something
		if !strings.EqualFold(scheme, "Bearer") && (protection.Check(&unsafe) != nil || foreignPage(r)) {
			s.refuse(w, r, &Fault{
				Status: http.StatusForbidden,
				Text:   "this request comes from a page of another site; only requests with Authorization: Bearer may",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreignPage reports whether the Referer names another host where the browser says
// nothing else: it has neither Sec-Fetch-Site nor Origin for an image at an address
// that is not encrypted.
func foreignPage(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != "" || r.Referer() == "" {
		return false
	}
	page, err := url.Parse(r.Referer())
	return err != nil || page.Host != r.Host
}

// ownHost refuses requests for other hosts where nobody has to say who he is: a
// page whose name was pointed at this machine (DNS rebinding) is of the same
// origin to the browser, and its Host tells it.
func (s *Server) ownHost(next http.Handler) http.Handler {
	if !s.o.NoAuth {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open := r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/metrics"
		if !open && !s.isOwn(r.Host) {
			s.refuse(w, r, &Fault{
				Status: http.StatusMisdirectedRequest, // RFC 9110 section 15.5.20
				Text:   "this host name is not one of this server's: with http.insecure_no_auth it is asked for as localhost, by a loopback address, by the host of http.listen, or by one of http.hosts",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isOwn reports whether a Host (RFC 9110 section 7.2) names this server. One that is
// empty comes from no browser.
func (s *Server) isOwn(host string) bool {
	name := hostName(host)
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761 section 6.3
		return true
	}
	if addr, err := netip.ParseAddr(name); err == nil && addr.Unmap().WithZone("").IsLoopback() {
		return true
	}
	return name == hostName(s.o.Listen) || slices.ContainsFunc(s.o.Hosts, func(h string) bool { return hostName(h) == name })
}

// hostName is a host without a port, in one spelling.
func hostName(text string) string {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(text, "[]"), "."))
}
