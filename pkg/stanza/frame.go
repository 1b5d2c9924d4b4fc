package stanza

import "bytes"

var (
	commentOpen = []byte("<!--")
	cdataOpen   = []byte("<![CDATA[")
	commentEnd  = []byte("-->")
	cdataEnd    = []byte("]]>")
	piEnd       = []byte("?>")
)

// scan reads the buffered bytes and reports whether an element ends at r.pos. It can
// stop anywhere and continue with more bytes; it reads only the few bytes of an
// incomplete mark twice.
func (r *Reader) scan() (bool, error) {
	for r.pos < r.end {
		switch r.state {
		case inText:
			i := bytes.IndexByte(r.buf[r.pos:r.end], '<')
			if i < 0 {
				r.pos = r.end
				if r.depth == 0 {
					r.begin()
				}
				return false, nil
			}
			r.pos += i
			if r.depth == 0 {
				r.begin()
			}
			r.tagStart = r.pos
			r.pos++
			r.state = afterLess
		case afterLess:
			switch r.buf[r.pos] {
			case '/':
				r.state = inEndTag
			case '!':
				r.state = inBang
			case '?':
				r.state = inPI
			default:
				r.state, r.selfClose = inTag, false
			}
			r.pos++
		case inTag:
			if r.startTag() {
				return true, nil
			}
		case inQuote:
			i := bytes.IndexByte(r.buf[r.pos:r.end], r.quote)
			if i < 0 {
				r.pos = r.end
				return false, nil
			}
			r.pos += i + 1
			r.state = inTag
		case inEndTag:
			i := bytes.IndexByte(r.buf[r.pos:r.end], '>')
			if i < 0 {
				r.pos = r.end
				return false, nil
			}
			r.pos += i + 1
			r.state = inText
			if r.depth == 0 {
				return false, ErrStreamEnd
			}
			r.depth--
			if r.depth == 0 {
				return true, nil
			}
		case inBang:
			if !r.bang() {
				return false, nil
			}
			if r.state == inDecl && r.depth == 0 {
				return false, ErrDoctype
			}
		case inComment:
			if !r.until(commentEnd) {
				return false, nil
			}
		case inCData:
			if !r.until(cdataEnd) {
				return false, nil
			}
		case inPI:
			if !r.until(piEnd) {
				return false, nil
			}
		case inDecl:
			if !r.until(cdataEnd[2:]) {
				return false, nil
			}
		}
	}
	return false, nil
}

// startTag reads a start tag up to a quote or its end, and reports whether a
// top-level element ends there.
func (r *Reader) startTag() bool {
	for i := r.pos; i < r.end; i++ {
		switch c := r.buf[i]; c {
		case '\'', '"':
			r.quote, r.state, r.selfClose = c, inQuote, false
			r.pos = i + 1
			return false
		case '/':
			r.selfClose = true
		case '>':
			r.pos = i + 1
			r.state = inText
			if r.header {
				r.header = false
				return true
			}
			if !r.selfClose {
				r.depth++
			}
			return r.depth == 0
		default:
			r.selfClose = false
		}
	}
	r.pos = r.end
	return false
}

// bang decides what "<!" begins; it returns false if it needs more bytes.
func (r *Reader) bang() bool {
	have := r.buf[r.tagStart:r.end]
	switch {
	case bytes.HasPrefix(have, commentOpen):
		r.state = inComment
		r.pos = r.tagStart + len(commentOpen)
	case bytes.HasPrefix(have, cdataOpen):
		r.state = inCData
		r.pos = r.tagStart + len(cdataOpen)
	case bytes.HasPrefix(commentOpen, have) || bytes.HasPrefix(cdataOpen, have):
		return false
	default:
		r.state = inDecl
	}
	return true
}

// until skips to the end of a mark and returns to state inText.
func (r *Reader) until(mark []byte) bool {
	if i := bytes.Index(r.buf[r.pos:r.end], mark); i >= 0 {
		r.pos += i + len(mark)
		r.state = inText
		return true
	}
	// keep what may be the start of the mark
	r.pos = max(r.pos, r.end-len(mark)+1)
	return false
}
