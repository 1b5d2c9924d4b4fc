package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// sameOrigin refuses requests that a page of another site makes a browser send: the
// browser adds a remembered Basic password, and without authentication it needs none. It
// does not add a Bearer token by itself. Other clients send no Origin, and pass. GET is no
// exception, as it changes something at some paths.
func (h *Handler) sameOrigin(next http.Handler) http.Handler {
	var protection http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		unsafe := *r
		unsafe.Method = http.MethodPost // check every method as an unsafe one
		if !strings.EqualFold(scheme, "Bearer") && (protection.Check(&unsafe) != nil || foreignPage(r)) {
			h.refuse(w, r, &Fault{
				Status: http.StatusForbidden,
				Text:   "this request comes from a page of another site; only requests with Authorization: Bearer may",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreignPage reports whether the Referer names another host, if there is nothing else to
// tell: a browser sends neither Sec-Fetch-Site nor Origin for an image over plain HTTP.
func foreignPage(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != "" || r.Referer() == "" {
		return false
	}
	page, err := url.Parse(r.Referer())
	return err != nil || page.Host != r.Host
}

// ownHost refuses requests for other hosts if there is no authentication: to a browser, a
// page whose name was pointed at this machine (DNS rebinding) has the same origin; only
// its Host differs.
func (h *Handler) ownHost(next http.Handler) http.Handler {
	if !h.o.NoAuth {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open := r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/metrics"
		if !open && !h.isOwn(r.Host) {
			h.refuse(w, r, &Fault{
				Status: http.StatusMisdirectedRequest, // RFC 9110 section 15.5.20
				Text:   "this host name is not one of this server's: with http.insecure_no_auth it is asked for as localhost, by a loopback address, by the host of http.listen, or by one of http.hosts",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isOwn reports whether a Host (RFC 9110 section 7.2) names this server. No browser sends
// an empty one.
func (h *Handler) isOwn(host string) bool {
	name := hostName(host)
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761 section 6.3
		return true
	}
	if addr, err := netip.ParseAddr(name); err == nil && addr.Unmap().WithZone("").IsLoopback() {
		return true
	}
	return name == hostName(h.o.Listen) || slices.ContainsFunc(h.o.Hosts, func(h string) bool { return hostName(h) == name })
}

// hostName returns a host without port, in normal form.
func hostName(text string) string {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(text, "[]"), "."))
}
