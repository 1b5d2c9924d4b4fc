package httpapi

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// plainHead reads the heads of requests as net/http does, if they are plain, as those of nearly all
// programs are: one after the other into the same memory, as in a crowd each costs time that
// others want. Whatever is not plain net/http has to read.
type plainHead struct {
	request http.Request // valid until the next one is read
	url     url.URL
	header  http.Header
	values  [plainHeaders]string
}

// plainHeaders is how many headers a plain request has at most.
const plainHeaders = 24

func newPlainHead() *plainHead { return &plainHead{header: make(http.Header, plainHeaders)} }

// read returns the request of a head up to the empty line, with whatever is behind that, and without its
// body; nil if it is not plain.
func (p *plainHead) read(head string) *http.Request {
	line, rest, ok := strings.Cut(head, "\r\n")
	if !ok {
		return nil
	}
	method, line, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(line, " ")
	if version != "HTTP/1.1" || !isAll(method, 'A', 'Z', "") || !p.setURL(target) {
		return nil
	}
	clear(p.header)
	p.request = http.Request{Method: method, URL: &p.url, Proto: version, ProtoMajor: 1, ProtoMinor: 1, Header: p.header, Body: http.NoBody, RequestURI: target}
	for i := 0; ; i++ {
		if line, rest, ok = strings.Cut(rest, "\r\n"); !ok {
			return nil
		}
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if i == plainHeaders || !ok || !isAll(name, 'a', 'z', "-") {
			return nil
		}
		if value = strings.Trim(value, " \t"); !isPrintable(value) || !p.add(i, textproto.CanonicalMIMEHeaderKey(name), value) {
			return nil
		}
	}
	if p.request.Host == "" {
		return nil
	}
	return &p.request
}

// setURL takes a path of characters that no program writes in another way, and perhaps a query.
func (p *plainHead) setURL(target string) bool {
	path, query, asked := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || !isAll(path, 'a', 'z', "/-._~0123456789") || asked && !isAll(query, 'a', 'z', "-._~0123456789=&") {
		return false
	}
	p.url = url.URL{Path: path, RawQuery: query}
	return true
}

// add adds a header. It reports false if it is one that means something for the connection, or is
// there twice.
func (p *plainHead) add(i int, name, value string) bool {
	switch name {
	case "Transfer-Encoding", "Trailer", "Connection", "Upgrade", "Expect", "Pragma":
		return false
	case "Host":
		if p.request.Host != "" || !isAll(value, 'a', 'z', "-.:0123456789") {
			return false
		}
		p.request.Host = value
		return true
	case "Content-Length":
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil || !isAll(value, '0', '9', "") {
			return false
		}
		p.request.ContentLength = int64(n)
	}
	if _, twice := p.header[name]; twice {
		return false
	}
	p.values[i] = value
	p.header[name] = p.values[i : i+1 : i+1]
	return true
}

// isAll reports whether a text has nothing but letters or digits from one to another, in whatever case,
// and those of more. It has at least one.
func isAll(text string, from, to byte, more string) bool {
	for i := range len(text) {
		c := text[i]
		if from == 'a' && c >= 'A' && c <= 'Z' {
			continue
		}
		if (c < from || c > to) && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return text != ""
}

func isPrintable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
