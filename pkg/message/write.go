package message

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"stanzahook/pkg/stanza"
)

// Why a Draft cannot be written.
var (
	// ErrNoStableID means that others cannot find the message: it is in a room that gives
	// no stanza-ids, or has no id.
	ErrNoStableID = errors.New("the message has no id that others know it by")
	// ErrNotOwn means that the message of a correction or retraction is somebody else's.
	ErrNotOwn = errors.New("only messages of the bot itself are corrected and retracted")
)

// Written is what became of parts of a Draft that a message can be sent without.
type Written struct {
	NoReply  bool // the message refers to none: others could not find it
	NotQuote bool // there is no quote: the text is not known
}

// retracted is the body for clients that know no retractions (XEP-0424 section 3.1).
const retracted = "/me retracted a previous message, but it's unsupported by your client."

// Write returns the XML of a message that does what the Draft says with the message of a
// Ref, given the XML of its other content. quoted is the text of the message that is
// replied to, if it is known.
func (d *Draft) Write(ref Ref, inner, quoted string) (string, Written, error) {
	var w Written
	if len(d.Buttons) > 0 {
		if !d.Needs() {
			return "", w, &TwoThings{d.key, "buttons"}
		}
		var err error
		if inner, err = withLines(inner, d.Buttons); err != nil {
			return "", w, err
		}
	}
	switch d.Does {
	case Said:
		inner, w = d.reply(ref, inner, quoted)
	case Correction:
		if !ref.Mine {
			return "", w, ErrNotOwn
		}
		if ref.CorrectionID() == "" {
			return "", w, ErrNoStableID
		}
		inner += element("replace", nsCorrect, ref.CorrectionID(), "/>")
	case Retraction:
		if !ref.Mine {
			return "", w, ErrNotOwn
		}
		if ref.RetractionID() == "" {
			return "", w, ErrNoStableID
		}
		inner += element("retract", nsRetract, ref.RetractionID(), "/>") + "<fallback xmlns='" + nsFallback + "' for='" + nsRetract + "'/>" +
			stanza.TextElement("body", retracted) + hint("store")
	case Reaction:
		if ref.ReactionID() == "" {
			return "", w, ErrNoStableID
		}
		inner += element("reactions", nsReactions, ref.ReactionID(), ">")
		for _, e := range d.Emoji {
			inner += stanza.TextElement("reaction", e)
		}
		inner += "</reactions>" + hint("store")
	case Marker:
		if ref.DisplayedID() == "" {
			return "", w, ErrNoStableID
		}
		inner += element("displayed", nsMarkers, ref.DisplayedID(), "/>") + hint("store")
	case Typing:
		state := "active"
		if d.Typed {
			state = "composing"
		}
		inner += "<" + state + " xmlns='" + nsChatStates + "'/>" + hint("no-store")
	}
	if len(d.Buttons) > 0 {
		var err error
		if inner, err = withButtons(inner, d.Buttons); err != nil {
			return "", w, err
		}
	}
	if d.Track {
		inner += "<request xmlns='" + nsReceipts + "'/><markable xmlns='" + nsMarkers + "'/>"
	}
	return inner, w, nil
}

// ToOccupant is the XML by which servers and clients know a message to one occupant of a room
// (XEP-0045 section 7.5).
const ToOccupant = "<x xmlns='http://jabber.org/protocol/muc#user'/>"

// Origin returns the XML of an origin-id (XEP-0359), unless the content has one.
func Origin(id, inner string) string {
	if strings.Contains(inner, "<origin-id") {
		return ""
	}
	return element("origin-id", nsStanzaID, id, "/>")
}

func element(name, space, id, end string) string {
	b := append([]byte("<"+name+" xmlns='"+space+"'"), stanza.AppendAttr(nil, "id", id)...)
	return string(append(b, end...))
}

func hint(name string) string { return "<" + name + " xmlns='" + nsHints + "'/>" }

// reply adds what makes a message a reply, and a quote before its body, which clients that
// know replies leave out (XEP-0461 section 3.1).
func (d *Draft) reply(ref Ref, inner, quoted string) (string, Written) {
	if ref.ReplyID() == "" {
		return inner, Written{NoReply: true, NotQuote: d.Quote}
	}
	b := stanza.AppendAttr([]byte("<reply xmlns='"+nsReply+"'"), "id", ref.ReplyID())
	if to := ref.Writer(); !to.IsZero() {
		b = stanza.AppendAttr(b, "to", to.String())
	}
	inner += string(append(b, "/>"...))
	if !d.Quote {
		return inner, Written{}
	}
	if d.Text != "" {
		quoted = d.Text
	}
	begin, end := strings.Index(inner, "<body>"), strings.Index(inner, "</body>")
	if quoted == "" || begin < 0 || end < begin {
		return inner, Written{NotQuote: true}
	}
	quote := "> " + strings.ReplaceAll(strings.TrimRight(quoted, "\n"), "\n", "\n> ") + "\n"
	at := begin + len("<body>")
	return inner[:at] + string(stanza.AppendText(nil, quote)) + inner[at:] + "<fallback xmlns='" + nsFallback + "' for='" + nsReply +
		"'><body start='0' end='" + strconv.Itoa(utf8.RuneCountInString(quote)) + "'/></fallback>", Written{}
}
