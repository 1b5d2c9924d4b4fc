package rest

import (
	"crypto/rand"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// check makes the stanza of a draft, if the caller may send it. The stanza has an id, a
// sender at one of our domains, and, except for an echo, a recipient. The checks are in
// the order of mod_rest.
func (h handler) check(d *draft, who httpapi.Identity) (*stanza.Stanza, *fault) {
	hd := d.Header
	if f := validAddress(&hd.To, badTo); f != nil {
		return nil, f
	}
	if hd.To.IsZero() && !d.self && !d.nowhere {
		return nil, badTo.because("to is missing; write the address that the stanza goes to")
	}
	if f := validAddress(&hd.From, badFrom); f != nil {
		return nil, f
	}
	if err := who.MaySendKind(hd.Kind); err != nil {
		return nil, refusal(err)
	}
	var err error
	if hd.From, err = who.Sender(hd.From, h.Sender.Domains()); err != nil {
		return nil, refusal(err)
	}
	if hd.To.IsZero() && d.self && !d.nowhere {
		hd.To = hd.From.Bare()
	}
	if hd.ID == "" {
		hd.ID = rand.Text()[:24]
	}
	s, err := d.build(hd)
	if err != nil {
		// the draft is valid; with our attributes it is over a limit
		return nil, tooLarge.because("%s", err)
	}
	if err := who.MayContain(s); err != nil {
		return nil, refusal(err)
	}
	if s.Kind == stanza.IQ {
		if !s.NeedsAnswer() {
			return nil, badIQType.because("type is %q", s.Type)
		}
		if n := len(s.Children()); n != 1 {
			return nil, badIQContent.because("there are %d; write the query and nothing else", n)
		}
	}
	return s, nil
}

// validAddress checks an address by RFC 7622; stanza.Parse accepts any, as it also
// reads what servers send.
func validAddress(j *jid.JID, wrong fault) *fault {
	if j.IsZero() {
		return nil
	}
	valid, err := jid.Parse(j.String())
	if err != nil {
		return wrong.because("%s", err)
	}
	*j = valid
	return nil
}

// refusal returns a refusal of package gateway in the words of mod_rest.
func refusal(err error) *fault {
	r, ok := err.(*gateway.Refusal)
	switch {
	case ok && r.Missing:
		return badFrom.because("from %s", r.Text())
	case ok && r.Address:
		return foreignFrom.because("%s", r.Text())
	}
	return forbidden.because("%s", err)
}
