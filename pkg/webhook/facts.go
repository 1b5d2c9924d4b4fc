package webhook

import (
	"encoding/base64"
	"strings"
)

// Facts are what of an event was known only when its stanza came. They are stored with it,
// so that each attempt has the same.
type Facts struct {
	// Ref is the text of the message's message.Ref; empty: that of message.Received.
	Ref string
	// Members are members of data: JSON without the braces, such as "ref_of":"r1_…".
	Members string
}

// FactAttachments is the member that stands in place of the attachments that the stanza has.
const FactAttachments = "attachments"

// Encode returns the facts as a text without white space; "" for none.
func (f Facts) Encode() string {
	if f == (Facts{}) {
		return ""
	}
	return f.Ref + "," + base64.RawURLEncoding.EncodeToString([]byte(f.Members))
}

// DecodeFacts is the way back from Encode; there are no facts in a damaged text.
func DecodeFacts(s string) Facts {
	ref, members, _ := strings.Cut(s, ",")
	data, err := base64.RawURLEncoding.DecodeString(members)
	if err != nil {
		return Facts{}
	}
	return Facts{ref, string(data)}
}

// With returns the facts with another member, whose value is JSON.
func (f Facts) With(name, value string) Facts {
	if f.Members != "" {
		f.Members += ","
	}
	f.Members += `"` + name + `":` + value
	return f
}

// Has reports whether the facts have a member.
func (f Facts) Has(name string) bool {
	return f.Members != "" && strings.Contains(f.Members, `"`+name+`":`) // inside a value the quotation mark would be escaped
}
