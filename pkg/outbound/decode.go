package outbound

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	acceptEncoding = "Accept-Encoding"
	// Identity is the Accept-Encoding for uncompressed answers (RFC 9110 section
	// 12.5.3). Without the field a server may choose.
	Identity = "identity"
)

// maxCodings bounds the content codings of an answer.
const maxCodings = 2

// CodingError means that an answer cannot be decoded.
type CodingError struct{ Text string }

// Error says what to do.
func (e *CodingError) Error() string { return e.Text }

// Decode replaces the body of an answer by its decompressed content
// (Content-Encoding: gzip, or deflate with or without zlib's frame). Reading it may
// return a [*CodingError]. The caller must bound how much it reads.
func Decode(resp *http.Response) {
	if resp.Body == http.NoBody || resp.ContentLength == 0 || len(resp.Header["Content-Encoding"]) == 0 {
		return
	}
	codings := codingsOf(resp.Header)
	if len(codings) == 0 {
		return
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength, resp.Uncompressed = -1, true
	resp.Body = &decoded{raw: resp.Body, codings: codings}
}

// codingsOf returns the codings of an answer, in the order of their application.
func codingsOf(h http.Header) []string {
	var all []string
	for one := range strings.SplitSeq(strings.Join(h["Content-Encoding"], ","), ",") {
		switch one = strings.ToLower(strings.Trim(one, " \t")); one {
		case "", Identity, "utf-8", "utf8": // a charset is not a coding, but some servers send it
		default:
			all = append(all, one)
		}
	}
	return all
}

// decoded is a body that decompresses while it is read.
type decoded struct {
	raw     io.ReadCloser
	broken  error // of raw
	codings []string
	in      io.Reader // nil: nothing was read yet
	err     error
}

func (d *decoded) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if d.in == nil {
		if d.in, d.err = d.open(); d.err != nil {
			return 0, d.err
		}
	}
	n, err := d.in.Read(p)
	if err != nil {
		d.err = d.explain(err)
		if err == io.EOF { // read the framing after the body, so that the connection can be reused
			_, _ = io.CopyN(io.Discard, d.raw, 4<<10)
		}
	}
	return n, d.err
}

func (d *decoded) open() (io.Reader, error) {
	if len(d.codings) > maxCodings {
		return nil, &CodingError{fmt.Sprintf("the answer is compressed %d times (Content-Encoding: %.100s); send it as it is", len(d.codings), strings.Join(d.codings, ", "))}
	}
	for _, c := range d.codings {
		switch c {
		case "gzip", "x-gzip", "deflate":
		default:
			return nil, &CodingError{fmt.Sprintf("the answer has Content-Encoding: %.100s, though it was asked for with Accept-Encoding: identity; send it as it is, or with gzip or deflate", c)}
		}
	}
	in := bufio.NewReader(readerFunc(func(p []byte) (int, error) {
		n, err := d.raw.Read(p)
		if err != nil && err != io.EOF {
			d.broken = err
		}
		return n, err
	}))
	if _, err := in.Peek(1); err != nil {
		return nil, err // an empty body is valid with any coding
	}
	for i := len(d.codings) - 1; i >= 0; i-- {
		next, err := decoder(d.codings[i], in)
		if err != nil {
			return nil, d.explain(err)
		}
		in = bufio.NewReader(next)
	}
	return in, nil
}

func decoder(coding string, in *bufio.Reader) (io.Reader, error) {
	if coding != "deflate" {
		return gzip.NewReader(in)
	}
	// RFC 9110 section 8.4.1.2: with zlib's frame. Some servers omit it. Only a
	// stored block with invalid padding could be mistaken for the frame (RFC 1950
	// section 2.2).
	if head, err := in.Peek(2); err == nil && head[0]&15 == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(in)
	}
	return flate.NewReader(in), nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// explain distinguishes errors of the codings from those of the connection.
func (d *decoded) explain(err error) error {
	if d.broken != nil {
		return d.broken
	}
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	switch {
	case corrupt, errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, zlib.ErrHeader), errors.Is(err, zlib.ErrChecksum), errors.Is(err, zlib.ErrDictionary), errors.Is(err, io.ErrUnexpectedEOF):
		return &CodingError{fmt.Sprintf("the answer has Content-Encoding: %s, and cannot be decoded so (%v)", strings.Join(d.codings, ", "), err)}
	}
	return err
}

func (d *decoded) Close() error { return d.raw.Close() }
