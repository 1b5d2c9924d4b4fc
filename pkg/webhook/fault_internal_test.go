package webhook

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestFaultOf(t *testing.T) {
	for fault, list := range map[Fault][]int{
		NoFault:    {200, 202, 204, 299},
		OfMessage:  {400, 413, 414, 422, 431},
		OfSender:   {301, 304, 401, 403, 404, 405, 408, 409, 410, 411, 415, 418, 425, 429, 451, 500, 501, 505, 507, 511, 599},
		OfEndpoint: {0, 502, 503, 504},
	} {
		for _, status := range list {
			if got := faultOf(status); got != fault {
				t.Errorf("%d: %v, want %v", status, got, fault)
			}
		}
	}
}

func TestLanguageTag(t *testing.T) {
	for _, good := range []string{"de", "en-GB", "gsw", "zh-Hant-TW", "sl-rozaj-biske-1994", "de-CH-1901", "x-klingon", "i-klingon", "en-u-co-phonebk", "qaa", "EN", "xx-XX"} {
		if !languageTag(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", "a", "a\x7fb", "de\r\nX: y", "de_DE", "en US", "-", "en-", "en--GB", "-en", "12", "ü", "en-x", "en,de", "abcdefghi", "de-" + strings.Repeat("abcdefgh-", 40) + "a"} {
		if languageTag(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

// A URL is bounded with its addresses escaped, for both clients.
func TestURLBound(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }))
	defer srv.Close()
	for _, spare := range []int{0, -1} {
		n := (maxURL - len(srv.URL+"/?")) / 6
		fixed := strings.Repeat("x", maxURL-len(srv.URL+"/?")-6*n-spare)
		r := client(t, &Endpoint{URL: srv.URL + "/" + fixed + "?{from}", Timeout: 5 * time.Second})
		defer r.Close()
		value := func(string) string { return strings.Repeat("ü", n) }
		_, err := r.plain.post(value, noFields, nil, watch{})
		u, _ := r.address.URL(value)
		if length := len(u.String()); length != maxURL-spare || (err == nil) != (spare == 0) || (sendable(length, nil) == nil) != (spare == 0) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

// A redirect says what to do about it.
func TestReasonOfRedirect(t *testing.T) {
	for status, want := range map[int]string{
		302: "HTTP 302: redirects are not followed; write the URL that it leads to",
		308: "HTTP 308: redirects are not followed; write the URL that it leads to",
		304: "HTTP 304", 404: "HTTP 404", 500: "HTTP 500",
	} {
		if got := reasonOf(status); got != want {
			t.Errorf("%d: %s", status, got)
		}
	}
}
