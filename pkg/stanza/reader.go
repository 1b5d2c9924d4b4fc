package stanza

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Errors of [Reader] that end the stream.
var (
	// ErrStreamEnd means that the other side sent </stream:stream>.
	ErrStreamEnd = errors.New("stream closed by the server")
	// ErrLost means that an element did not end within 64 MiB: the stream is
	// broken.
	ErrLost = errors.New("the end of an element was not found; the stream is broken")
	// ErrDoctype means that the stream has a document type declaration, which RFC
	// 6120 section 11.1 forbids.
	ErrDoctype = errors.New("document type declaration in the stream (restricted-xml)")
)

// TooLarge is the error of [Reader.Next] for an element over Limits.MaxBytes. The
// element is skipped; the next call continues the stream.
type TooLarge struct {
	// Head is the start tag, closed with "/>" so that it parses on its own; it
	// is empty if the tag alone was longer than 4 KiB.
	Head string
	// Begin and Tail are how it begins and ends, at most 4 KiB each: servers put an error before
	// or behind what it is about, and a room its id behind what was said.
	Begin, Tail string
	// Size is the number of skipped bytes.
	Size int
}

func (e *TooLarge) Error() string {
	return fmt.Sprintf("stanza of %d bytes is over the size limit", e.Size)
}

const (
	firstBuffer = 64 << 10
	maxHead     = 4 << 10
	maxTail     = 4 << 10
	maxSkip     = 64 << 20 // after that the reader stops looking for an element's end
)

type readerState uint8

const (
	inText    readerState = iota
	afterLess             // '<' was read
	inTag                 // in a start tag, outside quotes
	inQuote               // in an attribute value
	inEndTag
	inBang // "<!" was read, not yet known what it is
	inComment
	inCData
	inPI
	inDecl // any other "<!…>"
)

// Reader splits an XML stream into the exact bytes of its top-level elements. It
// balances tags and knows quotes, comments, CDATA and processing instructions, so it
// finds the end of any well-formed element. [Parse] checks whether the element is
// well formed and allowed. Reader allocates nothing per element.
//
// Killed: the content of its buffer is lost, since XEP-0114 has no
// acknowledgements and the server counts it as delivered.
type Reader struct {
	r   io.Reader
	lim Limits

	buf        []byte
	start      int // first byte of the current element, or of what is not yet looked at
	pos, end   int // next byte to look at; end of data
	state      readerState
	quote      byte
	depth      int
	selfClose  bool // last byte seen in the tag was '/'
	tagStart   int
	header     bool // return the next start tag as soon as it is complete
	skipping   bool
	skipped    int
	head       []byte
	first      []byte
	haveHead   bool
	readErr    error
	emptyReads int
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader, lim Limits) *Reader {
	return &Reader{r: r, lim: lim.withDefaults(), buf: make([]byte, firstBuffer)}
}

// Open reads up to the stream header and returns its start tag
// (RFC 6120 section 4.7), parsed.
func (r *Reader) Open() (*StreamHeader, error) {
	r.header = true
	tag, err := r.Next()
	if err != nil {
		return nil, err
	}
	return parseStreamHeader(string(tag), r.lim)
}

// Next returns the next top-level element. The bytes are valid until the
// following call. Character data between elements is skipped (Prosody's
// mod_privilege writes some, and servers keep idle streams alive with spaces).
// Errors: [*TooLarge] (the stream goes on), [ErrStreamEnd], [ErrLost],
// [ErrDoctype], and those of the underlying reader (io.EOF at its end).
func (r *Reader) Next() ([]byte, error) {
	if r.depth == 0 && r.state == inText {
		r.begin()
	}
	for {
		done, err := r.scan()
		if err != nil {
			return nil, err
		}
		if done {
			if r.skipping || r.pos-r.start > r.lim.MaxBytes {
				r.captureHead()
				return nil, &TooLarge{Head: string(r.head), Begin: string(r.first), Tail: string(r.buf[max(r.start, r.pos-maxTail):r.pos]), Size: r.skipped + r.pos - r.start}
			}
			return r.buf[r.start:r.pos], nil
		}
		if err := r.bound(); err != nil {
			return nil, err
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// Buffered reports whether the buffer has bytes that Next did not return yet.
func (r *Reader) Buffered() bool { return r.end > r.pos }

// begin starts a new element at r.pos.
func (r *Reader) begin() {
	r.start = r.pos
	r.skipping, r.skipped, r.head, r.first, r.haveHead = false, 0, nil, nil, false
}

// bound starts to skip an element that is too large, and drops the bytes of a
// skipped element, but for its end.
func (r *Reader) bound() error {
	if !r.skipping && r.pos-r.start > r.lim.MaxBytes {
		r.captureHead()
		r.skipping = true
	}
	if !r.skipping {
		return nil
	}
	keep := r.pos
	if r.state == afterLess || r.state == inBang {
		keep = r.tagStart // the kind of the tag is not known yet
	}
	keep = max(r.start, min(keep, r.pos-maxTail))
	r.skipped += keep - r.start
	r.start = keep
	if r.skipped > maxSkip {
		return ErrLost
	}
	return nil
}

// captureHead copies the start tag of an element that will be skipped.
func (r *Reader) captureHead() {
	if r.haveHead {
		return
	}
	r.haveHead = true
	r.first = bytes.Clone(r.buf[r.start:min(r.pos, r.start+maxHead)])
	var quote byte
	for i := r.start; i < r.pos && i-r.start < maxHead; i++ {
		switch c := r.buf[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '>':
			tag := bytes.TrimSuffix(r.buf[r.start:i], []byte{'/'})
			r.head = append(append([]byte(nil), tag...), '/', '>')
			return
		}
	}
}

// fill makes room and reads more.
func (r *Reader) fill() error {
	if r.readErr != nil {
		return r.readErr
	}
	if r.end == len(r.buf) {
		if r.start > 0 {
			n := copy(r.buf, r.buf[r.start:r.end])
			r.pos -= r.start
			r.tagStart -= r.start
			r.start, r.end = 0, n
		} else {
			r.buf = append(r.buf, make([]byte, len(r.buf))...)
		}
	}
	n, err := r.r.Read(r.buf[r.end:])
	r.end += n
	if n > 0 {
		r.readErr, r.emptyReads = err, 0
		return nil
	}
	if err == nil {
		if r.emptyReads++; r.emptyReads > 100 {
			return io.ErrNoProgress
		}
	}
	return err
}
