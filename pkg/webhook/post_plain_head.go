package webhook

import (
	"bufio"
	"bytes"
	"errors"
)

// errTwoLengths means that an answer has two lengths that differ, so that nobody
// knows where it ends (RFC 9112 section 6.3).
var errTwoLengths = errors.New("the endpoint's answer has two Content-Length that differ")

// twoLengths reports whether the header that comes next has two lengths that
// differ; it takes nothing of it. fasthttp would take the last.
func twoLengths(in *bufio.Reader) bool {
	for n := 1; ; n = in.Buffered() + 1 {
		if _, err := in.Peek(n); err != nil {
			return false // no header at all, which its reader tells in its own words
		}
		head, _ := in.Peek(in.Buffered()) // it is there
		if differ, whole := lengthsDiffer(head); differ || whole {
			return differ
		}
	}
}

// lengthsDiffer looks through a header; whole says that its end is there.
func lengthsDiffer(head []byte) (differ, whole bool) {
	const field = "content-length:"
	var length []byte
	for {
		line, rest, found := bytes.Cut(head, []byte{'\n'})
		if !found {
			return false, false
		}
		head = rest
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 {
			return false, true
		}
		if len(line) < len(field) || line[0]|' ' != 'c' || !bytes.EqualFold(line[:len(field)], []byte(field)) {
			continue
		}
		value := bytes.TrimSpace(line[len(field):])
		if length != nil && !bytes.Equal(length, value) {
			return true, false
		}
		length = value
	}
}
