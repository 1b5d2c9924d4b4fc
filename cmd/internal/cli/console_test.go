package cli

import (
	"os"
	"strings"
	"testing"
)

// The URL is printed if the console is there, and has no password in it.
func TestConsoleURL(t *testing.T) {
	asked := standIn(t, `200 {}`, `200 {}`, `404 {"detail":"there is nothing at this path"}`)
	url := strings.TrimSuffix(os.Getenv(EnvAPI), "/") + "/console/"
	if code, out, errs := inProgram(t, "console"); code != 0 || out != url+"\n" || !strings.HasPrefix((*asked)[0], "GET /console/") {
		t.Errorf("%d %q %q, asked %q", code, out, errs, *asked)
	}
	if code, out, _ := inProgram(t, "console", "--json"); code != 0 || !strings.Contains(out, `"url": "`+url) && !strings.Contains(out, `"url":"`+url) {
		t.Errorf("%d %q", code, out)
	}
	if code, out, errs := inProgram(t, "console"); code != 1 || out != "" || !strings.Contains(errs, "the console is off") || !strings.Contains(errs, "http.console: on") {
		t.Errorf("off: %d %q %q", code, out, errs)
	}
}
