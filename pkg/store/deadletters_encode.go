package store

import "encoding/binary"

// data is a dead letter's bytes: its fields, its attempts, and the stanza last.
// Beside the stanza they fit into recordOverhead.
func (d *Dead) data() []byte {
	b := make([]byte, 0, len(d.Stanza)+1024)
	for _, s := range [...]string{d.ID, d.Component, d.Conversation, d.Endpoint, d.Type, d.From, d.To, cut(d.Reason, maxReason)} {
		b = appendText(b, s)
	}
	b = appendTime(b, d.Received)
	b = appendTime(b, d.Since)
	b = appendTime(b, d.Died)
	attempts := d.Attempts[max(0, len(d.Attempts)-maxAttempts):]
	b = binary.AppendUvarint(b, uint64(len(attempts)))
	for i, a := range attempts {
		if i < len(attempts)-wholeAnswers {
			a.Answer, a.Note = cut(a.Answer, shortAnswer), cut(a.Note, shortNote)
		}
		b = appendAttempt(b, &a)
	}
	return appendText(b, d.Stanza)
}

// readDead is the way back from data. bare leaves out the stanza and the
// answers.
func readDead(data []byte, bare bool) (Dead, error) {
	f := fields{b: data}
	var d Dead
	for _, s := range [...]*string{&d.ID, &d.Component, &d.Conversation, &d.Endpoint, &d.Type, &d.From, &d.To, &d.Reason} {
		*s = f.text()
	}
	d.Received, d.Since, d.Died = f.time(), f.time(), f.time()
	n := f.uint()
	for i := uint64(0); i < n && !f.bad; i++ {
		a := f.attempt()
		if bare {
			a.Answer = ""
		}
		d.Attempts = append(d.Attempts, a)
	}
	stanza := f.bytes()
	if !bare {
		d.Stanza = string(stanza)
	}
	if f.bad {
		return Dead{}, errDamaged
	}
	return d, nil
}
