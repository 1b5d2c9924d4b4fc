package store

import (
	"encoding/binary"

	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/store/internal/fields"
)

// data is a dead letter's bytes: its fields, its attempts, and the stanza last.
// Besides the stanza they take little more than 32 KiB.
func (d *DeadLetter) data() []byte {
	b := make([]byte, 0, len(d.Stanza)+1024)
	for _, s := range [...]string{d.ID, d.Component, d.Conversation, d.Endpoint, d.Type, d.From, d.To, fields.Cut(d.Reason, deliverylog.MaxReason)} {
		b = fields.AppendText(b, s)
	}
	b = fields.AppendTime(b, d.Received)
	b = fields.AppendTime(b, d.Since)
	b = fields.AppendTime(b, d.Died)
	attempts := d.Attempts[max(0, len(d.Attempts)-deliverylog.MaxAttempts):]
	b = binary.AppendUvarint(b, uint64(len(attempts)))
	for i, a := range attempts {
		if i < len(attempts)-wholeAnswers {
			a.Answer, a.Note = fields.Cut(a.Answer, shortAnswer), fields.Cut(a.Note, shortNote)
		}
		b = a.AppendTo(b)
	}
	b = fields.AppendText(b, d.Stanza)
	if d.Facts != "" {
		b = fields.AppendText(b, d.Facts)
	}
	return b
}

// readDeadLetter is the way back from data. bare leaves out the stanza and the
// answers.
func readDeadLetter(data []byte, bare bool) (DeadLetter, error) {
	f := fields.Reader{Rest: data}
	var d DeadLetter
	for _, s := range [...]*string{&d.ID, &d.Component, &d.Conversation, &d.Endpoint, &d.Type, &d.From, &d.To, &d.Reason} {
		*s = f.Text()
	}
	d.Received, d.Since, d.Died = f.Time(), f.Time(), f.Time()
	n := f.Uint()
	for i := uint64(0); i < n && !f.Damaged; i++ {
		a := deliverylog.ReadAttempt(&f)
		if bare {
			a.Answer = ""
		}
		d.Attempts = append(d.Attempts, a)
	}
	stanza := f.Bytes()
	if !bare {
		d.Stanza = string(stanza)
	}
	if len(f.Rest) > 0 {
		d.Facts = f.Text()
	}
	if f.Damaged {
		return DeadLetter{}, fields.ErrDamaged
	}
	return d, nil
}
