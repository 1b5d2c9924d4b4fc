package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Record is one event as it is stored.
type Record struct {
	ID           string // of the event; constant over restarts and replays
	Component    string // domain whose link it came over
	Conversation string // see Conversation
	Received     time.Time
	Since        time.Time // from when its age counts: Received, or when it was replayed
	Stanza       string    // exact XML
	Facts        string    // what was known of it when it came, without white space; may be empty

	// Sender owns the share of the queues that the event uses. It is not stored.
	Sender string
}

// Stored is a record with its place in the queue.
type Stored struct {
	Record
	Seq uint64
}

// Conversation returns the key of a conversation, whose order is kept: a hash of the two
// bare addresses.
func Conversation(from, to string) string {
	b := make([]byte, 0, 128)
	b = append(b, from...)
	b = append(b, 0)
	b = append(b, to...)
	h := sha256.Sum256(b)
	var out [16]byte
	token.Encode(out[:], h[:10])
	return string(out[:])
}

// data is a record's bytes: a line of fields, and the stanza. (Headers of the
// store would say the same at more than twice the cost.)
func (r *Record) data() []byte {
	b := make([]byte, 0, len(r.ID)+len(r.Component)+len(r.Stanza)+len(r.Facts)+48)
	b = append(append(b, r.ID...), ' ')
	b = append(append(b, r.Component...), ' ')
	b = append(strconv.AppendInt(b, r.Received.UnixMilli(), 10), ' ')
	b = strconv.AppendInt(b, r.Since.UnixMilli(), 10)
	if r.Facts != "" { // behind the place of withOrigin
		b = append(append(b, " 0 "...), r.Facts...)
	}
	b = append(b, '\n')
	return append(b, r.Stanza...)
}

// withOrigin returns the data of a record that moves from a place in another stream: that
// is the fifth field, with the place of the record that the same move has copied before it (0: none).
func withOrigin(data []byte, place, before uint64) []byte {
	line, stanza, ok := bytes.Cut(data, []byte{'\n'})
	if !ok {
		return data // it is damaged, and stays so
	}
	fields := bytes.Fields(line)
	b := make([]byte, 0, len(data)+43)
	b = append(append(b, bytes.Join(fields[:min(len(fields), 4)], []byte{' '})...), ' ')
	b = strconv.AppendUint(b, place, 10)
	if place > 0 {
		b = strconv.AppendUint(append(b, ','), before, 10)
	}
	if len(fields) > 5 {
		b = append(append(b, ' '), fields[5]...)
	}
	return append(append(b, '\n'), stanza...)
}

// originOf returns the place of withOrigin, 0 if there is none.
func originOf(data []byte) uint64 {
	place, _, _ := originsOf(data)
	return place
}

// originsOf returns the places of withOrigin; known is false if an earlier version has not written the
// second one.
func originsOf(data []byte) (place, before uint64, known bool) {
	line, _, _ := bytes.Cut(data, []byte{'\n'})
	fields := bytes.Fields(line)
	if len(fields) < 5 {
		return 0, 0, false
	}
	first, second, known := bytes.Cut(fields[4], []byte{','})
	place, _ = strconv.ParseUint(string(first), 10, 64) // 0 if it is damaged
	if known {
		before, _ = strconv.ParseUint(string(second), 10, 64)
	}
	return place, before, known
}

// idOf returns the id of a record's data.
func idOf(data []byte) string {
	id, _, _ := bytes.Cut(data, []byte{' '})
	return string(id)
}

// readRecord is the way back from data; subject is event.<endpoint>.<conversation>, or
// waiting.<endpoint>.<conversation>.
func readRecord(subject string, data []byte) (Record, error) {
	line, stanza, ok := bytes.Cut(data, []byte{'\n'})
	fields := strings.Fields(string(line))
	tokens := strings.Split(subject, ".")
	if !ok || len(fields) < 4 || len(fields) > 6 || len(tokens) != 3 {
		return Record{}, fmt.Errorf("a record of the queue is damaged: subject %q, %q", subject, clip(line))
	}
	received, err1 := strconv.ParseInt(fields[2], 10, 64)
	since, err2 := strconv.ParseInt(fields[3], 10, 64)
	if err1 != nil || err2 != nil {
		return Record{}, fmt.Errorf("a record of the queue is damaged: subject %q, %q", subject, clip(line))
	}
	r := Record{ID: fields[0], Component: fields[1], Conversation: tokens[2], Received: time.UnixMilli(received), Since: time.UnixMilli(since), Stanza: string(stanza)}
	if len(fields) > 5 {
		r.Facts = fields[5]
	}
	return r, nil
}

func clip(b []byte) []byte { return b[:min(len(b), 100)] }
