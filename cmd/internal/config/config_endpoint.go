package config

import (
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/signature"
)

// Endpoint is a webhook or a pull queue. A stanza goes to the first in the file that it
// matches.
type Endpoint struct {
	Name           string                   `mapstructure:"name"`
	URL            string                   `mapstructure:"url"`       // as written, with its {placeholders}
	Component      string                   `mapstructure:"component"` // a component's domain; "": every component
	Format         string                   `mapstructure:"format"`
	Stanzas        []string                 `mapstructure:"stanzas"`
	Match          Match                    `mapstructure:"match"`
	Rooms          []string                 `mapstructure:"rooms"`    // which events of rooms it gets
	Copy           bool                     `mapstructure:"copy"`     // gets what matches besides the endpoint that answers
	Delivery       string                   `mapstructure:"delivery"` // always set: its default depends on format and copy
	Events         []string                 `mapstructure:"events"`   // which messages it gets in format event
	Encrypted      string                   `mapstructure:"encrypted"`
	EncryptedText  string                   `mapstructure:"encrypted_text"`
	ReplyInRooms   string                   `mapstructure:"reply_in_rooms"`
	Typing         Typing                   `mapstructure:"typing"`
	Acknowledge    Acknowledge              `mapstructure:"acknowledge"`
	Stream         string                   `mapstructure:"stream"` // final or edits
	Batch          int                      `mapstructure:"batch"`  // 1: each event is sent alone, and is no array
	Timeout        time.Duration            `mapstructure:"timeout"`
	Concurrency    int                      `mapstructure:"concurrency"`
	SigningSecrets []secret.String          `mapstructure:"signing_secrets"` // none: requests are not signed
	Headers        map[string]secret.String `mapstructure:"headers"`         // canonical names, as in http.Header
	TLS            ClientTLS                `mapstructure:"tls"`             // of an https URL
	Retry          Retry                    `mapstructure:"retry"`
	OnExhausted    string                   `mapstructure:"on_exhausted"` // drop for every copy
	Address        *outbound.Address        `mapstructure:"-"`            // URL, parsed; nil: none
	SigningKeys    []signature.Secret       `mapstructure:"-"`            // SigningSecrets, parsed
	Given          map[string]any           `mapstructure:"-"`            // by the API: its keys, with secrets masked; nil: it is of the file
}

// Match says which stanzas of its kinds go to an endpoint: those that match each key that
// is set; a list matches if one of its elements does.
type Match struct {
	To            oneOrMore     `mapstructure:"to"`          // patterns of the addressed bare JID
	From          oneOrMore     `mapstructure:"from"`        // patterns of the sender's bare JID
	Type          oneOrMore     `mapstructure:"type"`        // normal is also no type of a message, available no type of a presence
	Payload       oneOrMore     `mapstructure:"payload"`     // "NS" or "NS name" of any direct child
	Body          bool          `mapstructure:"body"`        // it has a body; there is no key for having none
	Mention       bool          `mapstructure:"mention"`     // in a room: the bot is meant
	Own           bool          `mapstructure:"own"`         // in a room: the bot's own words, and no others
	Affiliation   oneOrMore     `mapstructure:"affiliation"` // in a room: of the author
	Role          oneOrMore     `mapstructure:"role"`        // in a room: of the author
	RealFrom      oneOrMore     `mapstructure:"real_from"`   // in a room: patterns of the author's bare JID
	ToGlobs       []jid.Glob    `mapstructure:"-"`           // To, parsed
	FromGlobs     []jid.Glob    `mapstructure:"-"`           // From, parsed
	Payloads      []PayloadName `mapstructure:"-"`           // Payload, parsed
	RealFromGlobs []jid.Glob    `mapstructure:"-"`           // RealFrom, parsed
}

// PayloadName names children of a stanza: one element, or, with an empty Local,
// every one of the namespace.
type PayloadName struct{ Space, Local string }

// oneOrMore is a list that the file may write as a single text.
type oneOrMore []string

// Retry is the pace of a queued delivery: the last step repeats until
// MaxAge.
type Retry struct {
	Schedule []time.Duration `mapstructure:"schedule"`
	MaxAge   time.Duration   `mapstructure:"max_age"`
}

// Typing says when the sender of a message sees that the endpoint works on it.
type Typing struct {
	After time.Duration `mapstructure:"after"` // since the request was sent; 0: never
	Rooms bool          `mapstructure:"rooms"` // in rooms, too
}

// Acknowledge has the reactions to a message by which its sender sees what becomes of it; an empty
// one is not sent.
type Acknowledge struct {
	Received string `mapstructure:"received"` // the first attempt begins
	Done     string `mapstructure:"done"`     // the endpoint has accepted it
	Failed   string `mapstructure:"failed"`   // it was refused or given up
}
