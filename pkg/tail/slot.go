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

// slot is one place of the ring. It copies texts, which may be parts of large stanzas;
// its buffer is used again by the next event of the place.
type slot struct {
	id   uint64 // of the event; 0: none yet
	at   int64  // in microseconds since 1970
	kind Kind
	text []byte
	ends [allTexts]uint32
	data any // of all kinds but deliveries

	// of the attempt of a delivery
	n, status int
	took      time.Duration
}

// usualText bounds the buffer of a slot or frame that is kept for the next event.
const usualText = 2 << 10

// fill copies the texts of an event.
func (s *slot) fill(texts []string) {
	s.text, s.data = empty(s.text), nil
	for i, t := range texts {
		s.text = append(s.text, t...)
		s.ends[i] = uint32(len(s.text))
	}
}

// empty returns a buffer for the next text.
func empty(b []byte) []byte {
	if cap(b) > usualText {
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

// copyTo copies an event into a slot elsewhere, whose buffer it uses.
func (s *slot) copyTo(c *slot) {
	text := append(empty(c.text), s.text...)
	*c = *s
	c.text = text
}
