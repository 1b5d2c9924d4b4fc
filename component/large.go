package component

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
)

// tooLarge handles a stanza that was skipped. It is answered, if it may be.
//
// What a server gives back is larger than what it got: it adds the error or ids, and writes
// quotation marks with six bytes. So an error counts without what it is about, and a caller that waits for
// a room's copy of a message gets it without the body.
func (c *connection) tooLarge(e *stanza.TooLarge) {
	l := c.l
	s := c.shortened(e)
	switch {
	case s == nil:
	case s.Type == "error":
		l.dispatch(s)
		return
	case l.o.Large != nil && l.o.Large(&Incoming{Stanza: s, link: l}):
		return
	}
	l.Counters.TooLarge.Add(1)
	l.repeats.Warn(l.log, "large stanza refused", zap.Int("bytes", e.Size), zap.String("hint", "components[].max_stanza_bytes is the limit"))
	why := &stanza.Error{Type: stanza.Modify, Condition: stanza.NotAcceptable,
		Text: fmt.Sprintf("the stanza has %d bytes; %d are allowed (components[].max_stanza_bytes)", e.Size, l.o.Limits.Max())}
	c.refuse(e.Head, why)
}

// shortened returns an error of a message or presence, or a groupchat message, without its body;
// nil if it is another stanza, or more than the end of the groupchat message is behind the body.
func (c *connection) shortened(e *stanza.TooLarge) *stanza.Stanza {
	head, err := c.parser.Parse(e.Head)
	if err != nil || head.Kind == stanza.IQ || head.Type != "error" && (head.Kind != stanza.Message || head.Type != "groupchat") {
		return nil
	}
	with := func(inner string) *stanza.Stanza {
		s, err := c.parser.Parse(strings.TrimSuffix(e.Head, "/>") + ">" + inner)
		if err != nil || s.Type == "error" && !hasError(s) {
			return nil
		}
		return s
	}
	if head.Type != "error" {
		if i := strings.LastIndex(e.Tail, endOfBody); i >= 0 {
			return with(e.Tail[i+len(endOfBody):])
		}
		return nil
	}
	// ejabberd has the error before what it is about.
	for _, text := range [...]string{e.Begin, e.Tail[max(0, strings.LastIndex(e.Tail, "<error")):]} {
		_, inner, has := strings.Cut(text, "<error")
		inner, _, ends := strings.Cut(inner, "</error>")
		if !has || !ends {
			continue
		}
		if s := with("<error" + inner + "</error></" + head.Kind.String() + ">"); s != nil {
			return s
		}
	}
	why := stanza.Error{Type: stanza.Cancel, Condition: stanza.UndefinedCondition, Text: "the error came with a stanza that is larger than components[].max_stanza_bytes"}
	s, err := stanza.Build(head.Header, why.XML(), stanza.Limits{})
	if err != nil {
		return nil
	}
	return s
}

const endOfBody = "</body>"

func hasError(s *stanza.Stanza) bool {
	_, has := s.StanzaError()
	return has
}
