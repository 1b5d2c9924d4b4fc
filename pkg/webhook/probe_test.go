package webhook

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestProbe(t *testing.T) {
	for _, tc := range []struct {
		name       string
		configured Format
		status     int
		accept     []string
		want       Format
	}{
		{"JSON", FormatRestXML, 200, []string{"application/json"}, FormatRestJSON},
		{"XML", FormatRestJSON, 200, []string{"application/xmpp+xml"}, FormatRestXML},
		{"both: the first", FormatRestXML, 200, []string{"text/plain, application/json, application/xmpp+xml"}, FormatRestJSON},
		{"both, in two headers", FormatRestJSON, 200, []string{"application/xmpp+xml", "application/json"}, FormatRestXML},
		{"the higher q", FormatRestXML, 200, []string{"application/xmpp+xml;q=0.5, application/json; q=0.9"}, FormatRestJSON},
		{"refused with q=0", FormatRestXML, 200, []string{"application/json;q=0"}, FormatRestXML},
		{"a parameter, and capitals", FormatRestXML, 200, []string{"Application/JSON; charset=utf-8"}, FormatRestJSON},
		{"broken q", FormatRestXML, 200, []string{"application/json;q=x, application/json;q=7"}, FormatRestXML},
		{"broken", FormatRestXML, 200, []string{";;, application/"}, FormatRestXML},
		{"neither", FormatRestJSON, 200, []string{"text/html"}, FormatRestJSON},
		{"a wildcard", FormatRestJSON, 200, []string{"*/*"}, FormatRestJSON},
		{"no header", FormatRestXML, 200, nil, FormatRestXML},
		{"another status", FormatRestXML, 404, []string{"application/json"}, FormatRestXML},
		{"204 is another status", FormatRestXML, 204, []string{"application/json"}, FormatRestXML},
		{"a redirect is not followed", FormatRestXML, 302, []string{"application/json"}, FormatRestXML},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodOptions || r.RequestURI != "/meta/info?to=bot.example.com&from=bot.example.com" || r.Header.Get("Authorization") != "Bearer x" || r.UserAgent() != "stanzahook/test" {
					t.Errorf("%s %s %v", r.Method, r.RequestURI, r.Header)
				}
				w.Header().Set("Location", "/elsewhere")
				w.Header()["Accept"] = tc.accept
				w.WriteHeader(tc.status)
			}))
			defer srv.Close()
			e := &Endpoint{URL: srv.URL + "/{kind}/{type}?to={to}&from={from}", Component: "bot.example.com", Format: tc.configured, Timeout: 5 * time.Second,
				Headers: http.Header{"Authorization": {"Bearer x"}}, UserAgent: "stanzahook/test"}
			if got, err := client(t, e).Negotiate(t.Context()); err != nil || got != tc.want {
				t.Errorf("%s %v, want %s", got, err, tc.want)
			}
		})
	}
}

func TestProbeOfNobody(t *testing.T) {
	srv := httptest.NewServer(nil)
	srv.Close()
	e := &Endpoint{URL: srv.URL, Format: FormatRestXML, Timeout: 5 * time.Second}
	if f, err := client(t, e).Negotiate(t.Context()); err == nil || f != FormatRestXML {
		t.Errorf("%s, %v", f, err)
	}
	e.Format = FormatEvent
	if f, err := client(t, e).Negotiate(t.Context()); err != nil || f != FormatEvent {
		t.Errorf("formats without a probe ask nobody: %s, %v", f, err)
	}
}
