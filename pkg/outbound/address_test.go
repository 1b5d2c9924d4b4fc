package outbound_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/outbound"
)

func endpointAddress(text string) (*outbound.Address, error) {
	return outbound.ParseAddress(text, "{to}", "{type}")
}

// What is configured goes out as it is, and escaped where it has to be; values are
// always escaped, byte by byte, and the same over net/http and in a request line.
func TestAddress(t *testing.T) {
	const nasty = "a/../../admin?x#y%2F&é\x80 +."
	const escaped = "a%2F..%2F..%2Fadmin%3Fx%23y%252F%26%C3%A9%80%20%2B."
	for text, want := range map[string]string{ // the URL, and what is sent: Host and target
		"http://h":              "h /",
		"https://h:8443?":       "h:8443 /?",
		"http://h/?a=b?c":       "h /?a=b?c",
		"http://h//x/":          "h //x/",
		"http://h:/x":           "h /x",
		"http://h/users/{to}/é": "h /users/" + escaped + "/%C3%A9",
		"http://h/users/{to}":   "h /users/" + escaped,
		`http://h/a|"^` + "`" + `<>\b/{to}?q="|{to}é`: "h /a%7C%22%5E%60%3C%3E%5Cb/" + escaped + "?q=%22%7C" + escaped + "%C3%A9",
		"http://h/a%2fb/%C3%A9/{to}":                  "h /a%2fb/%C3%A9/" + escaped,
		"http://h/a;b=c,d:e@f!$&'()*+=[x]/{to}":       "h /a;b=c,d:e@f!$&'()*+=[x]/" + escaped,
		"http://h/{type}-{to}/../x?f[a]=%zz":          "h /t-" + escaped + "/../x?f[a]=%zz",
		"http://bücher.example/{to}":                  "xn--bcher-kva.example /" + escaped,
		"http://BÜCHER.example:81/":                   "xn--bcher-kva.example:81 /",
		"http://１２７.0.0.1/":                           "127.0.0.1 /",
		"http://[::1]:8080/":                          "[::1]:8080 /",
		"unix:/run/bot.sock:/é/{to}?x={type}":         "localhost /%C3%A9/" + escaped + "?x=t",
		"unix:/run/bot.sock":                          "localhost /",
		"unix:/run/bot.sock:":                         "localhost /",
	} {
		a, err := endpointAddress(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		value := func(placeholder string) string {
			if placeholder == "{to}" {
				return nasty
			}
			return "t"
		}
		u, err := a.URL(value)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		line, err := a.AppendTarget([]byte(a.Host()+" "), value)
		if err != nil || string(line) != want || u.Host+" "+u.RequestURI() != want {
			t.Errorf("%s:\ngot  %s, %v\nurl  %s %s\nwant %s", text, line, err, u.Host, u.RequestURI(), want)
		}
	}
}

// A server reads back what was put in, wherever the configured part has bytes that
// Go keeps no escapes for.
func TestAddressIsReadBack(t *testing.T) {
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		segments := strings.Split(r.URL.EscapedPath(), "/")
		got, _ = url.PathUnescape(segments[2])
		got += " " + r.URL.Query().Get("q")
	}))
	defer srv.Close()
	for _, fixed := range []string{"", "é", "|", `"`, "^", "%2f", "é%2F|"} {
		a, err := endpointAddress(srv.URL + "/u/{to}/" + fixed + "?q={to}&r=" + fixed)
		require.NoError(t, err)
		const value = "a/../../admin?x#y"
		u, err := a.URL(func(string) string { return value })
		require.NoError(t, err)
		if _, err := get(t, loopback(outbound.ClientOptions{}), u.String()); err != nil || got != value+" "+value {
			t.Errorf("%q: %q, %v", fixed, got, err)
		}
	}
}

// A segment that is "." or ".." leads to another path, and no escape helps.
func TestDotSegments(t *testing.T) {
	for text, refused := range map[string]map[string]bool{
		"http://h/{to}/x":        {".": true, "..": true, "...": false, "a": false, "../": false, "": false, "%2e": false, "..;a": false},
		"http://h/x/{to}":        {".": true, "..": true, ".a": false},
		"http://h/.{to}":         {".": true, "": true, "..": false, "a": false},
		"http://h/%2E{to}":       {".": true, "": true, "a": false},
		"http://h/{to}{to}/x":    {".": true, "..": false},
		"http://h/{to}%2e/x":     {".": true, "": true, "a": false},
		"http://h/a{to}/../x":    {".": false, "..": false},
		"http://h/?q={to}":       {".": false, "..": false},
		"http://h/?q=/{to}/":     {"..": false},
		"unix:/run/b.sock:/{to}": {"..": true, "a": false},
	} {
		a, err := endpointAddress(text)
		require.NoError(t, err)
		for value, want := range refused {
			_, err := a.URL(func(string) string { return value })
			_, err2 := a.AppendTarget(nil, func(string) string { return value })
			_, is := errors.AsType[*outbound.SegmentError](err)
			_, is2 := errors.AsType[*outbound.SegmentError](err2)
			if is != want || is2 != want || !want && (err != nil || err2 != nil) {
				t.Errorf("%s with %q: %v, %v", text, value, err, err2)
			}
		}
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "is not an http or https URL",
		"ftp://h/":                          "is not an http or https URL",
		"http:///x":                         "is not an http or https URL",
		"http:h/x":                          "is not an http or https URL",
		"http://h/a b":                      "is not an http or https URL",
		"http://h/\n":                       "is not an http or https URL",
		"http://h/%zz":                      "is not an http or https URL",
		"http://h/%{to}":                    "is not an http or https URL",
		"http://h:0/":                       "has no port number from 1 to 65535",
		"http://h:70000/":                   "has no port number from 1 to 65535",
		"http://u:p@h/":                     "has a user or password",
		"http://h/#x":                       "has a #",
		"http://h/{who}":                    "has an unknown placeholder; known are {to} {type}",
		"http://h/?a={":                     "has an unknown placeholder",
		"http://{to}.example/":              "has a placeholder outside the path and the query",
		"http://h:{to}/":                    "is not an http or https URL",
		"http://bü_cher.example/":           "has a host that cannot be a name in the DNS",
		"unix:bot.sock:/":                   "has no absolute path of a socket",
		"unix:":                             "has no absolute path of a socket",
		"unix:@abstract:/":                  "has no absolute path of a socket",
		"unix://run/bot.sock:/":             "has no absolute path of a socket",
		"unix:/run/../bot.sock:/":           "has no absolute path of a socket",
		"unix:/run/{to}.sock:/":             "has a placeholder outside the path and the query",
		"unix:/run/bot.sock:hook":           "has no path behind the socket and the colon",
		"unix:/run/bot.sock:?a=b":           "has no path behind the socket and the colon",
		"unix:/run/bot.sock:/%zz":           "is not an http or https URL",
		"unix:/run/bot.sock:/{x}":           "has an unknown placeholder",
		"unix:/" + strings.Repeat("x", 107): "has a path of a socket of 108 bytes",
	} {
		if _, err := endpointAddress(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestPublicURL(t *testing.T) {
	for in, want := range map[string]string{
		"http://example.com/hook":                                  "http://example.com/hook",
		"https://user:secret@example.com/h/{to}?k=secret&f={from}": "https://example.com/h/{to}?k=***&f={from}",
		"https://a@b:secret@example.com?secret":                    "https://example.com?***",
		"":                                                         "",
	} {
		if got := outbound.PublicURL(in); got != want || strings.Contains(got, "secret") {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
