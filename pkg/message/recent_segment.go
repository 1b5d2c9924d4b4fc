package message

import (
	"encoding/binary"
	"time"
)

// segment has entries one after the other. The oldest segment is dropped as a whole.
//
// To add an entry is to append it. Its keys are found when somebody looks for one, and a
// segment that is full gets an index then.
type segment struct {
	data []byte
	ids  int // of all entries

	read  int               // so much of data has keys
	keys  []uint64          // of the ids of the entries that were read
	at    []uint32          // where the entry of each key begins
	index map[uint64]uint32 // of at by key, the latest of each; nil: there is none yet
}

// entry is one message.
type entry struct {
	since  time.Time // in seconds
	record []byte    // of its Ref, without the checksum
	text   string    // of its Ref, if it is not that of record
	author string
	body   string
}

// ref returns the text of the Ref.
func (e *entry) ref() string {
	if e.text != "" {
		return e.text
	}
	return string(appendRecord(nil, e.record))
}

func (g *segment) add(e entry) {
	b := binary.BigEndian.AppendUint64(g.data, uint64(e.since.Unix()))
	b = append(binary.AppendUvarint(b, uint64(len(e.record))), e.record...)
	g.data = appendField(appendField(appendField(b, e.text), e.author), e.body)
}

// entry returns the entry that begins at a place.
func (g *segment) entry(at uint32) entry {
	rest := fields{b: g.data[at+8:]}
	return entry{time.Unix(int64(binary.BigEndian.Uint64(g.data[at:])), 0), rest.take(), rest.next(), rest.next(), rest.next()}
}

// find calls end with the place of each entry of a key, the latest first, until it is true, and
// reports whether it was. keyOf makes keys; full says that no entry will follow. A key is there
// several times where senders reuse ids.
func (g *segment) find(key uint64, keyOf func(own, peer string, kind idKind, id string) uint64, full bool, end func(at uint32) bool) bool {
	g.readKeys(keyOf)
	if full {
		if at, ok := g.latest(key); !ok || end(at) {
			return ok
		}
	}
	for i := len(g.keys) - 1; i >= 0; i-- {
		if g.keys[i] == key && end(g.at[i]) {
			return true
		}
	}
	return false
}

// latest returns where the latest entry of a key begins, by the index.
func (g *segment) latest(key uint64) (at uint32, ok bool) {
	if g.index == nil {
		g.index = make(map[uint64]uint32, len(g.keys))
		for i, k := range g.keys {
			g.index[k] = g.at[i]
		}
	}
	at, ok = g.index[key]
	return at, ok
}

// readKeys finds the keys of the entries that were added since the last time.
func (g *segment) readKeys(keyOf func(own, peer string, kind idKind, id string) uint64) {
	for g.read < len(g.data) {
		at := uint32(g.read)
		rest := fields{b: g.data[at+8:]}
		ids := fields{b: rest.take()}
		rest.take()
		rest.take()
		rest.take()
		g.read = len(g.data) - len(rest.b)
		flags := ids.b[0]
		ids.b = ids.b[1:]
		own, peer, id := ids.next(), ids.next(), ids.next()
		put := func(kind idKind, id string) {
			if id != "" {
				g.keys, g.at = append(g.keys, keyOf(own, peer, kind, id)), append(g.at, at)
			}
		}
		put(byID, id)
		if flags&flagSameOrigin == 0 {
			put(byID, ids.next())
		}
		put(byRoomID, ids.next())
	}
}

// clear removes all entries, and keeps the memory.
func (g *segment) clear() {
	g.data, g.ids, g.read, g.keys, g.at, g.index = g.data[:0], 0, 0, g.keys[:0], g.at[:0], nil
}

// size is the memory of a segment, in bytes.
func (g *segment) size() int { return cap(g.data) + 12*cap(g.keys) + 16*len(g.index) }
