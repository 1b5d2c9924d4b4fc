package app

import (
	"strings"
	"testing"
)

// The console is there by http.console and the listener, and a reload switches it.
func TestConsole(t *testing.T) {
	x := startApp(t, noAuth)
	shows := func(status int) {
		t.Helper()
		for _, path := range []string{"/console/", "/console"} {
			x.request("GET", path, "", status, "")
		}
		x.request("GET", "/", "", status, "", "Accept", "text/html")
	}
	shows(200) // behind the redirects
	if _, page := x.call("", "GET", "/console/", ""); !strings.Contains(page, `content="none"`) {
		t.Errorf("the page asks for a token: %s", page)
	}
	x.reloads(strings.Replace(noAuth, "{", "{console: off, ", 1), "http")
	shows(404)
}
