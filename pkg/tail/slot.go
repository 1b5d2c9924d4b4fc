package tail

import "time"

// Texts of a slot. All kinds have the first three, which filters ask for.
const (
	endpointText = iota
	fromText
	toText
	idText
	stateText
	typeText
	reasonText
	errorText
	noteText
	allTexts
)

// slot is one place of the ring. It copies texts, which may be parts of large stanzas. All
// of a usual event is in one place of memory, and the next event is behind it: that is
// what makes adding cheap.
type slot struct {
	id   uint64 // of the event; 0: none yet
	at   int64  // in microseconds since 1970
	kind Kind
	text []byte // in room, if that is enough
	ends [allTexts]uint32
	data any // of all kinds but deliveries

	// of the attempt of a delivery
	n, status int
	took      time.Duration

	room [usualText]byte
}

const (
	// usualText is what the texts of nearly all events need.
	usualText = 224
	// usualFrame bounds the buffer of a frame that is kept for the next event.
	usualFrame = 2 << 10
)

// fill copies the texts of an event.
func (s *slot) fill(texts []string) {
	s.text, s.data = s.room[:0], nil
	for i, t := range texts {
		s.text = append(s.text, t...)
		s.ends[i] = uint32(len(s.text))
	}
}

// empty returns a buffer for the next frame.
func empty(b []byte) []byte {
	if cap(b) > usualFrame {
		return nil
	}
	return b[:0]
}

// of returns one of the texts.
func (s *slot) of(i int) []byte {
	if i == 0 {
		return s.text[:s.ends[0]]
	}
	return s.text[s.ends[i-1]:s.ends[i]]
}

// copyTo copies an event into a slot elsewhere.
func (s *slot) copyTo(c *slot) {
	*c = *s
	c.text = append(c.room[:0], s.text...)
}
