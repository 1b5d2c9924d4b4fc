// Package fields writes and reads the fields of a record, one behind the other. Texts
// have their length in front, times are milliseconds, and 0 is no time.
package fields

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// ErrDamaged means that a record is not as it was written.
var ErrDamaged = errors.New("a record is damaged")

// AppendText writes a text.
func AppendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendTime writes a time.
func AppendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendVarint(b, t.UnixMilli())
}

// Cut bounds a text, at the end of a character.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// Reader reads what the functions above wrote. Once something does not fit, all that
// follows is empty, and Damaged is set.
type Reader struct {
	Rest    []byte
	Damaged bool
}

// Uint reads an unsigned number (binary.AppendUvarint).
func (r *Reader) Uint() uint64 {
	v, n := binary.Uvarint(r.Rest)
	if n <= 0 {
		r.Rest, r.Damaged = nil, true
		return 0
	}
	r.Rest = r.Rest[n:]
	return v
}

// Bytes returns a text where it lies.
func (r *Reader) Bytes() []byte {
	n := r.Uint()
	if n > uint64(len(r.Rest)) {
		r.Rest, r.Damaged = nil, true
		return nil
	}
	s := r.Rest[:n]
	r.Rest = r.Rest[n:]
	return s
}

// Text reads a text.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Time reads a time.
func (r *Reader) Time() time.Time {
	ms, n := binary.Varint(r.Rest)
	if n <= 0 {
		r.Rest, r.Damaged = nil, true
		return time.Time{}
	}
	r.Rest = r.Rest[n:]
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// Byte reads a byte.
func (r *Reader) Byte() byte {
	if len(r.Rest) == 0 {
		r.Damaged = true
		return 0
	}
	c := r.Rest[0]
	r.Rest = r.Rest[1:]
	return c
}
