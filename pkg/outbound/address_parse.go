package outbound

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// socketPrefix begins the address of a socket.
const socketPrefix = "unix:"

// Errors of [ParseAddress] that callers may reword.
var (
	ErrNotAddress      = errors.New("is not an http or https URL")
	ErrPlaceholderHost = errors.New("has a placeholder outside the path and the query; move it there")
)

// ParseAddress reads an http or https URL, or a Unix socket with a path for requests,
// such as "unix:/run/bot.sock:/hook". placeholders are the placeholders allowed in
// path and query; without any, braces are text. Errors continue a sentence that
// begins with the key. They do not show the text, which may contain a password.
func ParseAddress(text string, placeholders ...string) (*Address, error) {
	if strings.ContainsFunc(text, unicode.IsControl) || strings.Contains(text, " ") {
		return nil, ErrNotAddress
	}
	if strings.Contains(text, "#") {
		return nil, errors.New("has a #, and what follows it is never sent; remove it, or write %23 if it is part of the path")
	}
	a, rest, err := parseOrigin(text, placeholders)
	if err != nil {
		return nil, err
	}
	if len(placeholders) > 0 && strings.ContainsAny(replace(rest, placeholders, ""), "{}") {
		return nil, fmt.Errorf("has an unknown placeholder; known are %s, and a brace itself is %%7B or %%7D", strings.Join(placeholders, " "))
	}
	path, query, asked := strings.Cut(rest, "?")
	a.asked, a.holes = asked, replace(rest, placeholders, "") != rest
	if _, err := url.PathUnescape(replace(path, placeholders, "x")); err != nil {
		return nil, ErrNotAddress
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		a.path = append(a.path, pieces(nil, segment, placeholders, false))
	}
	a.query = pieces(nil, query, placeholders, true)
	return a, nil
}

// parseOrigin reads the part before the path, and returns path and query.
func parseOrigin(text string, placeholders []string) (a *Address, rest string, err error) {
	if socket, found := strings.CutPrefix(text, socketPrefix); found {
		socket, rest, _ = strings.Cut(socket, ":")
		switch {
		case replace(socket, placeholders, "") != socket:
			return nil, "", ErrPlaceholderHost
		case !filepath.IsAbs(socket) || filepath.Clean(socket) != socket || socket == "/":
			return nil, "", errors.New("has no absolute path of a socket; write for example unix:/run/bot/bot.sock:/hook")
		case len(socket) > maxSocketPath:
			return nil, "", fmt.Errorf("has a path of a socket of %d bytes, and the system allows at most %d; use a shorter one", len(socket), maxSocketPath)
		case rest != "" && rest[0] != '/':
			return nil, "", errors.New("has no path behind the socket and the colon; write for example unix:/run/bot/bot.sock:/hook")
		}
		return &Address{scheme: "http", host: "localhost", socket: socket}, rest, nil
	}
	u, err := url.Parse(replace(text, placeholders, "x"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, "", ErrNotAddress
	}
	_, rest, _ = strings.Cut(text, "//")
	authority := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, rest = rest[:i], rest[i:]
	} else {
		rest = ""
	}
	switch port := u.Port(); {
	case replace(authority, placeholders, "") != authority:
		return nil, "", ErrPlaceholderHost
	case port != "" && !isPort(port):
		return nil, "", errors.New("has no port number from 1 to 65535")
	case u.User != nil:
		// URLs are shown in the status and in logs.
		return nil, "", errors.New("has a user or password, and URLs are not kept secret; write headers: {Authorization: \"Basic …\"} instead")
	}
	host, err := hostASCII(u)
	if err != nil {
		return nil, "", err
	}
	return &Address{scheme: u.Scheme, host: host}, rest, nil
}

// maxSocketPath is the limit of Linux (unix(7)).
const maxSocketPath = 107

func isPort(text string) bool {
	port, err := strconv.Atoi(text)
	return err == nil && port >= 1 && port <= 65535
}

// hostASCII returns the host and port of a URL, with an internationalised name in
// ASCII (RFC 5891), as in the DNS and the Host field.
func hostASCII(u *url.URL) (string, error) {
	name := ascii(u.Hostname())
	for i := range len(name) {
		if name[i] >= 0x80 {
			_, err := idna.Lookup.ToASCII(name)
			return "", fmt.Errorf("has a host that cannot be a name in the DNS (%v)", err)
		}
	}
	if name == u.Hostname() {
		return strings.TrimSuffix(u.Host, ":"), nil
	}
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if port := u.Port(); port != "" {
		name += ":" + port
	}
	return name, nil
}

// pieces splits a text at its placeholders, and escapes the text between them.
func pieces(all []piece, text string, placeholders []string, query bool) []piece {
	for text != "" {
		at, found := len(text), ""
		for _, p := range placeholders {
			if i := strings.Index(text, p); i >= 0 && i < at {
				at, found = i, p
			}
		}
		if at > 0 {
			all = append(all, piece{text: string(appendFixed(nil, text[:at], query))})
		}
		if text = text[at:]; found != "" {
			all, text = append(all, piece{text: found, hole: true}), text[len(found):]
		}
	}
	return all
}

func replace(text string, placeholders []string, by string) string {
	for _, p := range placeholders {
		text = strings.ReplaceAll(text, p, by)
	}
	return text
}
