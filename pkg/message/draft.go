package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"stanzahook/pkg/stanza"
)

// Draft is what somebody wants to do with a message, as HTTP callers and webhooks write it
// in JSON. Its references are texts of a [Ref], the word "this", or an id of ours.
type Draft struct {
	Does  Event  // Said, Correction, Reaction, Retraction, Marker or Typing; None: only to write
	To    string // which message; empty for typing
	Emoji []string
	Typed bool   // of Typing: is writing
	Quote bool   // of a reply: begin with a quote
	Text  string // of the quote; empty: that of the message
	Track bool   // ask for a receipt and a marker
	// Private is for one occupant of a room: the author of the message that is replied to, or
	// the recipient.
	Private bool
	Buttons []Button // that the body offers

	key string // that said so
}

// Bounds of reactions.
const (
	maxEmoji     = 100
	maxEmojiText = 100 // bytes of one
)

// Keys are those of a Draft.
func Keys() []string {
	return []string{"reply_to", "react", "correct", "retract", "displayed", "typing", "quote", "track", "buttons"}
}

// TwoThings means that a message wants to do two things at once.
type TwoThings struct{ first, second string }

func (e *TwoThings) Error() string {
	return fmt.Sprintf("%s: goes not with %s; send two messages", e.second, e.first)
}

// Take reads a key of a JSON object, if it is one of a Draft. The key displayed is also
// mod_rest's, with an id of a stanza; a Ref or "this" makes it one of a Draft. The error
// names the key; it is a [*TwoThings] if the object has another one.
func (d *Draft) Take(key string, value json.RawMessage) (taken bool, err error) {
	if key == "buttons" {
		d.Buttons, err = ReadButtons(value)
		return true, err
	}
	taken, err = d.take(key, value)
	if _, two := errors.AsType[*TwoThings](err); err != nil && !two {
		err = fmt.Errorf("%s: %w", key, err)
	}
	return taken, err
}

func (d *Draft) take(key string, value json.RawMessage) (taken bool, err error) {
	switch key {
	case "reply_to":
		return true, d.refer(Said, key, value)
	case "correct":
		return true, d.refer(Correction, key, value)
	case "retract":
		return true, d.refer(Retraction, key, value)
	case "displayed":
		var text string
		if json.Unmarshal(value, &text) != nil || text != "this" && !IsRef(text) {
			return false, nil
		}
		return true, d.refer(Marker, key, value)
	case "react":
		return true, d.react(key, value)
	case "typing":
		if err := d.does(Typing, key); err != nil {
			return true, err
		}
		return true, boolean(value, &d.Typed)
	case "track":
		return true, boolean(value, &d.Track)
	case "quote":
		if len(value) > 0 && value[0] == '"' {
			d.Quote = true
			return true, texts(value, &d.Text)
		}
		return true, boolean(value, &d.Quote)
	}
	return false, nil
}

func (d *Draft) does(event Event, key string) error {
	if d.key != "" {
		return &TwoThings{d.key, key}
	}
	d.Does, d.key = event, key
	return nil
}

func (d *Draft) refer(event Event, key string, value json.RawMessage) error {
	if err := d.does(event, key); err != nil {
		return err
	}
	return texts(value, &d.To)
}

func (d *Draft) react(key string, value json.RawMessage) error {
	if err := d.does(Reaction, key); err != nil {
		return err
	}
	var v struct {
		To    *string   `json:"to"`
		Emoji *[]string `json:"emoji"`
	}
	dec := json.NewDecoder(strings.NewReader(string(value)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil || v.To == nil || v.Emoji == nil {
		return errors.New(`an object {"to": ref, "emoji": ["👍"]} is expected`)
	}
	return d.React(*v.To, *v.Emoji)
}

// isLetter reports whether a character is one of a name, as :+1: and thumbs_up are; no
// program shows that as a reaction.
func isLetter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == ':'
}

// React makes a Draft a reaction with a whole set of emoji; none takes the earlier ones back.
func (d *Draft) React(to string, emoji []string) error {
	d.Does, d.To, d.key = Reaction, to, "react"
	if to == "" {
		return errors.New("to: is missing")
	}
	for i, e := range emoji {
		switch {
		case strings.TrimSpace(e) == "" || len(e) > maxEmojiText || stanza.CheckText(e) >= 0:
			return fmt.Errorf("emoji[%d]: an emoji is expected, of %d bytes at most", i, maxEmojiText)
		case strings.ContainsFunc(e, isLetter):
			return fmt.Errorf("emoji[%d]: %q is no emoji; write the character itself, such as 👍", i, e)
		case slices.Contains(emoji[:i], e):
			return fmt.Errorf("emoji[%d]: %s is in the list twice; write the whole set, each once", i, e)
		case i >= maxEmoji:
			return fmt.Errorf("emoji: %d at most", maxEmoji)
		}
	}
	d.Emoji = emoji
	return nil
}

// About makes a Draft a correction or a retraction.
func (d *Draft) About(event Event, to string) error {
	key := "correct"
	if event == Retraction {
		key = "retract"
	}
	if err := d.does(event, key); err != nil {
		return err
	}
	d.To = to
	return nil
}

// Key returns the key that says what the Draft does.
func (d *Draft) Key() string { return d.key }

// OnlyWrites reports whether the Draft says nothing: its message is what else there is.
func (d *Draft) OnlyWrites() bool {
	return d.key == "" && !d.Track && !d.Quote && len(d.Buttons) == 0
}

// Needs reports whether the message needs content of its own, such as a body.
func (d *Draft) Needs() bool {
	return d.Does == None || d.Does == Said || d.Does == Correction
}

func texts(value json.RawMessage, to *string) error {
	if json.Unmarshal(value, to) != nil || *to == "" {
		return errors.New("a string is expected")
	}
	if stanza.CheckText(*to) >= 0 {
		return errors.New("holds a character XML forbids")
	}
	return nil
}

func boolean(value json.RawMessage, to *bool) error {
	if json.Unmarshal(value, to) != nil || string(value) == "null" {
		return errors.New("true or false is expected")
	}
	return nil
}
