package delivery

import (
	"encoding/base32"
	"encoding/binary"
	"hash/fnv"
	"time"

	"stanzahook/pkg/gateway"
)

// cursor is a place in a pulled queue: up to and with an event. Readers see it as opaque
// text.
type cursor struct {
	queue uint32 // mark of the queue: a queue that was removed and made again has another
	event uint32 // mark of the event at the place; 0: none
	place uint64
}

const cursorBytes = 16

func cursorEncoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

func (c cursor) String() string {
	b := make([]byte, 0, cursorBytes)
	b = binary.BigEndian.AppendUint32(b, c.queue)
	b = binary.BigEndian.AppendUint64(b, c.place)
	b = binary.BigEndian.AppendUint32(b, c.event)
	return cursorEncoding().EncodeToString(b)
}

func parseCursor(text string) (cursor, error) {
	b, err := cursorEncoding().DecodeString(text)
	if err != nil || len(b) != cursorBytes {
		return cursor{}, gateway.ErrCursor
	}
	return cursor{queue: binary.BigEndian.Uint32(b), place: binary.BigEndian.Uint64(b[4:]), event: binary.BigEndian.Uint32(b[12:])}, nil
}

// markOf returns a mark that tells one event, or queue, from another at the same place.
// Places are used again when the store is restored from a copy, or has lost its end
// in a power cut; a cursor from before must not acknowledge an event that its reader has
// not seen.
func markOf(id string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(id)) // of a hash: it does not fail
	return max(h.Sum32(), 1)
}

func markOfQueue(endpoint string, made time.Time) uint32 {
	return markOf(endpoint + " " + made.UTC().Format(time.RFC3339Nano))
}
