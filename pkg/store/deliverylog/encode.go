package deliverylog

import (
	"encoding/binary"
	"slices"
	"time"

	"stanzahook/pkg/store/internal/fields"
)

// An entry in a batch: four bytes of length, and then its fields.

// states are the codes of states on disk; append only.
var states = [...]State{Queued, Retrying, Delivered, Dead, Dropped}

// withMore is added to the status of an attempt that has a content type and a
// note behind its answer.
const withMore = 1 << 16

// AppendTo writes an attempt behind b.
func (a *Attempt) AppendTo(b []byte) []byte {
	b = fields.AppendTime(b, a.Time)
	status, more := uint64(min(max(0, a.Status), withMore-1)), a.ContentType != "" || a.Note != ""
	if more {
		status |= withMore
	}
	b = binary.AppendUvarint(b, status)
	b = binary.AppendUvarint(b, uint64(max(0, a.Duration.Microseconds())))
	b = fields.AppendText(b, fields.Cut(a.Error, maxErrorLen))
	b = fields.AppendText(b, fields.Cut(a.Answer, maxAnswer))
	if more {
		b = fields.AppendText(fields.AppendText(b, fields.Cut(a.ContentType, maxType)), fields.Cut(a.Note, maxNote))
	}
	return b
}

func appendEntry(b []byte, e *Entry) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	b = fields.AppendText(b, e.ID)
	b = append(b, byte(slices.Index(states[:], e.State)))
	b = fields.AppendTime(b, e.Received)
	b = fields.AppendTime(b, e.Next)
	for _, s := range [...]string{e.Endpoint, e.From, e.To, e.Component, e.Type, fields.Cut(e.Reason, MaxReason), e.Stanza} {
		b = fields.AppendText(b, s)
	}
	if e.Attempt == nil {
		b = append(b, 0)
	} else {
		b = e.Attempt.AppendTo(append(b, 1))
	}
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// sizeBound is at least what an entry takes in a batch.
func (e *Entry) sizeBound() int {
	n := 96 + 9*binary.MaxVarintLen32 + len(e.ID) + len(e.Endpoint) + len(e.From) + len(e.To) + len(e.Component) + len(e.Type) + min(len(e.Reason), MaxReason+8) + len(e.Stanza)
	if e.Attempt != nil {
		n += 64 + min(len(e.Attempt.Error), maxErrorLen+8) + min(len(e.Attempt.Answer), maxAnswer+8) + min(len(e.Attempt.ContentType), maxType+8) + min(len(e.Attempt.Note), maxNote+8)
	}
	return n
}

// ReadAttempt is the way back from AppendTo.
func ReadAttempt(f *fields.Reader) Attempt {
	at, status := f.Time(), f.Uint()
	a := Attempt{Time: at, Status: int(status &^ withMore), Duration: time.Duration(f.Uint()) * time.Microsecond}
	a.Error, a.Answer = f.Text(), f.Text()
	if status&withMore != 0 {
		a.ContentType, a.Note = f.Text(), f.Text()
	}
	return a
}

// nextEntry cuts the first entry off a batch; rest is what follows it.
func nextEntry(batch []byte) (entry, rest []byte, err error) {
	if len(batch) < 4 {
		return nil, nil, fields.ErrDamaged
	}
	n := binary.LittleEndian.Uint32(batch)
	batch = batch[4:]
	if uint64(n) > uint64(len(batch)) {
		return nil, nil, fields.ErrDamaged
	}
	return batch[:n], batch[n:], nil
}

// readEntry is the way back from appendEntry. bare leaves out the stanza and
// the answer, which may be large.
func readEntry(entry []byte, bare bool) (Entry, error) {
	f := fields.Reader{Rest: entry}
	e := Entry{ID: f.Text()}
	code := int(f.Byte())
	e.Received, e.Next = f.Time(), f.Time()
	e.Endpoint, e.From, e.To, e.Component, e.Type, e.Reason = f.Text(), f.Text(), f.Text(), f.Text(), f.Text(), f.Text()
	stanza := f.Bytes()
	if f.Byte() == 1 {
		a := ReadAttempt(&f)
		if bare {
			a.Answer = ""
		}
		e.Attempt = &a
	}
	if f.Damaged || code >= len(states) {
		return Entry{}, fields.ErrDamaged
	}
	e.State = states[code]
	if !bare {
		e.Stanza = string(stanza)
	}
	return e, nil
}

// entryPlace returns the id of an entry, where it lies, and when its event was received, in
// milliseconds.
func entryPlace(entry []byte) (id []byte, at int64) {
	f := fields.Reader{Rest: entry}
	id = f.Bytes()
	f.Byte() // the state
	return id, f.Time().UnixMilli()
}
