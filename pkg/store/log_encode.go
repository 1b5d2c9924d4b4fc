package store

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"
)

// An entry in a batch: four bytes of length, and then its fields. Texts have
// their length in front, times are milliseconds, and 0 is no time.

// states are the codes of states on disk; append only.
var states = [...]State{Queued, Retrying, Delivered, DeadState, Dropped}

var errDamaged = errors.New("a record is damaged")

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendVarint(b, t.UnixMilli())
}

// withMore is added to the status of an attempt that has a content type and a
// note behind its answer.
const withMore = 1 << 16

func appendAttempt(b []byte, a *Attempt) []byte {
	b = appendTime(b, a.Time)
	status, more := uint64(min(max(0, a.Status), withMore-1)), a.ContentType != "" || a.Note != ""
	if more {
		status |= withMore
	}
	b = binary.AppendUvarint(b, status)
	b = binary.AppendUvarint(b, uint64(max(0, a.Duration.Microseconds())))
	b = appendText(b, cut(a.Error, maxErrorLen))
	b = appendText(b, cut(a.Answer, maxAnswer))
	if more {
		b = appendText(appendText(b, cut(a.ContentType, maxType)), cut(a.Note, maxNote))
	}
	return b
}

func appendEntry(b []byte, e *Entry) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = appendText(b, e.ID)
	b = append(b, byte(slices.Index(states[:], e.State)))
	b = appendTime(b, e.Received)
	b = appendTime(b, e.Next)
	for _, s := range [...]string{e.Endpoint, e.From, e.To, e.Component, e.Type, cut(e.Reason, maxReason), e.Stanza} {
		b = appendText(b, s)
	}
	if e.Attempt == nil {
		b = append(b, 0)
	} else {
		b = appendAttempt(append(b, 1), e.Attempt)
	}
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// sizeBound is at least what an entry takes in a batch.
func (e *Entry) sizeBound() int {
	n := 96 + 9*binary.MaxVarintLen32 + len(e.ID) + len(e.Endpoint) + len(e.From) + len(e.To) + len(e.Component) + len(e.Type) + min(len(e.Reason), maxReason+8) + len(e.Stanza)
	if e.Attempt != nil {
		n += 64 + min(len(e.Attempt.Error), maxErrorLen+8) + min(len(e.Attempt.Answer), maxAnswer+8) + min(len(e.Attempt.ContentType), maxType+8) + min(len(e.Attempt.Note), maxNote+8)
	}
	return n
}

// cut bounds a text, at the end of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// fields reads what the functions above wrote. Once something does not fit,
// all that follows is empty, and bad is set.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) uint() uint64 {
	v, n := binary.Uvarint(f.b)
	if n <= 0 {
		f.b, f.bad = nil, true
		return 0
	}
	f.b = f.b[n:]
	return v
}

// bytes returns a text where it lies.
func (f *fields) bytes() []byte {
	n := f.uint()
	if n > uint64(len(f.b)) {
		f.b, f.bad = nil, true
		return nil
	}
	s := f.b[:n]
	f.b = f.b[n:]
	return s
}

func (f *fields) text() string { return string(f.bytes()) }

func (f *fields) time() time.Time {
	ms, n := binary.Varint(f.b)
	if n <= 0 {
		f.b, f.bad = nil, true
		return time.Time{}
	}
	f.b = f.b[n:]
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

func (f *fields) code() byte {
	if len(f.b) == 0 {
		f.bad = true
		return 0
	}
	c := f.b[0]
	f.b = f.b[1:]
	return c
}

func (f *fields) attempt() Attempt {
	at, status := f.time(), f.uint()
	a := Attempt{Time: at, Status: int(status &^ withMore), Duration: time.Duration(f.uint()) * time.Microsecond}
	a.Error, a.Answer = f.text(), f.text()
	if status&withMore != 0 {
		a.ContentType, a.Note = f.text(), f.text()
	}
	return a
}

// nextEntry cuts the first entry off a batch; rest is what follows it.
func nextEntry(batch []byte) (entry, rest []byte, err error) {
	if len(batch) < 4 {
		return nil, nil, errDamaged
	}
	n := binary.LittleEndian.Uint32(batch)
	batch = batch[4:]
	if uint64(n) > uint64(len(batch)) {
		return nil, nil, errDamaged
	}
	return batch[:n], batch[n:], nil
}

// readEntry is the way back from appendEntry. bare leaves out the stanza and
// the answer, which may be large.
func readEntry(entry []byte, bare bool) (Entry, error) {
	f := fields{b: entry}
	e := Entry{ID: f.text()}
	code := int(f.code())
	e.Received, e.Next = f.time(), f.time()
	e.Endpoint, e.From, e.To, e.Component, e.Type, e.Reason = f.text(), f.text(), f.text(), f.text(), f.text(), f.text()
	stanza := f.bytes()
	if f.code() == 1 {
		a := f.attempt()
		if bare {
			a.Answer = ""
		}
		e.Attempt = &a
	}
	if f.bad || code >= len(states) {
		return Entry{}, errDamaged
	}
	e.State = states[code]
	if !bare {
		e.Stanza = string(stanza)
	}
	return e, nil
}

// entryID returns the id of an entry, where it lies.
func entryID(entry []byte) []byte {
	f := fields{b: entry}
	return f.bytes()
}
