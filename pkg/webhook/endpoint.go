package webhook

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// Format says how a stanza is put into a request, and what answers mean.
type Format string

// The formats.
const (
	FormatEvent         Format = "event"          // stanzahook's own
	FormatRestJSON      Format = "rest-json"      // mod_rest's callback in JSON
	FormatRestXML       Format = "rest-xml"       // mod_rest's callback in XML
	FormatComponentHTTP Format = "component-http" // mod_component_http's
)

// Endpoint is a webhook target.
type Endpoint struct {
	Name        string
	URL         string        // as for outbound.ParseAddress, with Placeholders; empty: the events are pulled
	Component   string        // domain; empty: all
	Kinds       []stanza.Kind // which stanzas it gets
	Match       Match         // and of these
	Copy        bool          // gets a copy: no replies, receipts or bounces
	Format      Format
	Queued      bool          // through the durable queue, with retries; else one attempt
	Timeout     time.Duration // of one attempt
	Concurrency int           // attempts in flight
	Headers     http.Header   // sent with every attempt
	Schedule    []time.Duration
	MaxAge      time.Duration      // of a queued event, until it is given up
	Components  []string           // domains of all our components: what is counted between them, see nsHops
	Hosts       []string           // whose users count one by one, with their subdomains; nil: those of all domains
	DropOld     bool               // give up without an error stanza to the sender
	Limits      stanza.Limits      // of replies
	Secrets     []signature.Secret // that requests are signed with
	Guard       *outbound.Guard    // which addresses may be reached; nil: loopback and public ones
	Proxy       *url.URL
	TLS         *tls.Config // of https; nil: the system's authorities
	UserAgent   string
}

// Matches reports whether a stanza that came over a component's link is for
// this endpoint.
func (e *Endpoint) Matches(component string, s *stanza.Stanza) bool {
	if e.Pulled() && s.Kind == stanza.IQ { // nobody is there to answer it in time
		return false
	}
	return (e.Component == "" || e.Component == component) && slices.Contains(e.Kinds, s.Kind) && e.Match.Matches(s)
}

// Event is one stanza for one endpoint.
type Event struct {
	ID        string // "evt_…"; the webhook-id, constant over attempts and restarts
	Component string // domain of the link it came over
	Received  time.Time
	Test      bool // made up, to try an endpoint
	Stanza    *stanza.Stanza
}

// conversation is the key of what stays in order.
func (ev *Event) conversation() string {
	return store.Conversation(ev.Stanza.From.Bare().String(), ev.Stanza.To.Bare().String())
}

// Outcome is what becomes of an event after an attempt.
type Outcome uint8

// The outcomes.
const (
	Done    Outcome = iota // accepted by the endpoint
	Refused                // judged by the endpoint: error stanza to the sender
	Again                  // not judged: try again if the event is queued
)

// Verdict is the result of one attempt.
type Verdict struct {
	Outcome Outcome
	Replies []*stanza.Stanza // of Done
	Err     *stanza.Error    // of Refused; of Again for events that are not queued
	After   time.Duration    // of Again: not before, as the endpoint asked
	Disable bool             // of Again: the endpoint asked to be left alone (410)
	Reason  string           // for the log
	Status  int              // of the answer; 0: there was none
	Fault   Fault            // unless Done

	body    []byte         // of the answer
	typed   string         // its Content-Type
	note    note           // what is to be told of it
	unsent  bool           // no request was made: of Refused
	attempt *store.Attempt // unless Done
	of      *setup         // that the attempt was made with; of Again
}

// Answer is what an endpoint answered.
type Answer struct {
	Status     int
	MediaType  string // lower case, without parameters
	Type       string // the Content-Type as it was sent
	Body       []byte
	Unread     error // why there is no Body, though the endpoint sent one: it is too long, or cannot be decoded
	RetryAfter time.Duration

	note note
	text []byte // the body, read; see content
	err  error
	read bool
}

// hasPlaceholders reports whether the URL is another one for each sender or address: what
// is answered there is said of that one, and not of the endpoint.
func (e *Endpoint) hasPlaceholders() bool {
	return slices.ContainsFunc(Placeholders(), func(p string) bool { return strings.Contains(e.URL, p) })
}
