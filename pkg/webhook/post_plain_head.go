package webhook

import (
	"bytes"
	"io"
	"strconv"
)

// quickHead is the head of an answer in the usual form: HTTP/1.1, a length, nothing that
// changes how the rest is read.
type quickHead struct {
	status      int
	length      int // of the body
	contentType []byte
	retryAfter  []byte
}

// quick reads an answer in the form of quickHead that is buffered already. For every other
// it reports false and reads nothing: those are net/http's, at four times the cost. It
// must read answers as net/http does (FuzzQuickAnswer).
func (c *plainConn) quick() (a *Answer, again bool, err error) {
	buffered, _ := c.in.Peek(c.in.Buffered()) // does not fail
	end := bytes.Index(buffered, []byte("\r\n\r\n"))
	if end < 0 {
		return nil, false, nil
	}
	h, ok := parseQuick(buffered[:end+2])
	if !ok {
		return nil, false, nil
	}
	if string(h.contentType) != c.contentType { // as a rule it is that of the last one
		c.contentType = string(h.contentType)
		c.mediaType = mediaType(c.contentType)
	}
	a = &Answer{Status: h.status, Type: c.contentType, MediaType: c.mediaType, RetryAfter: retryAfter(string(h.retryAfter))}
	_, _ = c.in.Discard(end + 4) // does not fail
	if h.length > 0 {
		a.Body = make([]byte, h.length)
		if _, err := io.ReadFull(c.in, a.Body); err == io.EOF {
			return nil, false, io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, false, err
		}
	}
	return a, true, nil
}

// parseQuick reads the lines of a head, each with its end.
func parseQuick(head []byte) (h quickHead, ok bool) {
	const begin = "HTTP/1.1 "
	line, head := cutLine(head)
	if len(line) < len(begin)+4 || string(line[:len(begin)]) != begin || line[len(begin)+3] != ' ' || !plainText(line) {
		return h, false
	}
	for _, c := range line[len(begin) : len(begin)+3] {
		if c < '0' || c > '9' {
			return h, false
		}
		h.status = 10*h.status + int(c-'0')
	}
	h.length = -1
	for len(head) > 0 {
		line, head = cutLine(head)
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || !plainName(line[:colon]) || !plainText(line[colon:]) || !h.field(line[:colon], bytes.Trim(line[colon+1:], " \t")) {
			return h, false
		}
	}
	switch {
	case h.status == 204 && h.length < 0:
		h.length = 0
	case h.status < 200 || h.status == 204 || h.status == 304:
		return h, false
	}
	return h, h.length >= 0 && h.length <= maxAnswer
}

// field reads a field of the head. It reports false for a field that changes how the rest
// is read.
func (h *quickHead) field(name, value []byte) bool {
	is := func(s string) bool { return bytes.EqualFold(name, []byte(s)) }
	switch name[0] | ' ' {
	case 'c':
		switch {
		case is("Content-Length"):
			n, err := strconv.ParseUint(string(value), 10, 31)
			if err != nil || h.length >= 0 || value[0] == '+' {
				return false
			}
			h.length = int(n)
		case is("Content-Type"):
			if h.contentType == nil {
				h.contentType = value
			}
		case is("Connection"):
			return bytes.EqualFold(value, []byte("keep-alive"))
		case is("Content-Encoding"):
			return false
		}
	case 'r':
		if is("Retry-After") && h.retryAfter == nil {
			h.retryAfter = value
		}
	case 't':
		return !is("Transfer-Encoding") && !is("Trailer")
	}
	return true
}

// cutLine splits after the first line, which it returns without its end.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.Index(b, []byte("\r\n"))
	return b[:i], b[i+2:]
}

// plainName reports whether a field's name has only letters, digits and -.
func plainName(name []byte) bool {
	for _, c := range name {
		if (c|' ' < 'a' || c|' ' > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// plainText reports whether a text is ASCII without control characters.
func plainText(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
