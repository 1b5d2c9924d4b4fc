package webhook

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"stanzahook/pkg/message"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/stanza"
)

// Format is how a stanza becomes a request, and what answers mean.
type Format string

// The formats.
const (
	FormatEvent         Format = "event"          // stanzahook's own
	FormatRestJSON      Format = "rest-json"      // mod_rest's callback in JSON
	FormatRestXML       Format = "rest-xml"       // mod_rest's callback in XML
	FormatComponentHTTP Format = "component-http" // mod_component_http's
)

// Endpoint is a webhook target. Unset fields have defaults: see WithDefaults.
type Endpoint struct {
	Name         string
	URL          string                        // as for outbound.ParseAddress, with Placeholders; empty: the events are pulled
	Component    string                        // domain; empty: all
	Kinds        []stanza.Kind                 // which stanzas it gets; empty: all
	Match        Match                         // which of these
	Rooms        []string                      // groups of the events of rooms that it gets; empty: RoomMessages and RoomSelf
	ReplyInRooms string                        // ReplyAsReply: what it says in rooms refers to the message that it answers. Of FormatEvent
	Copy         bool                          // gets a copy: no replies, receipts or bounces
	Format       Format                        // empty: FormatEvent
	Queued       bool                          // through the durable queue, with retries; else one attempt
	Events       []message.Event               // which messages it gets of FormatEvent; empty: message.DefaultEvents
	Encrypted    Encrypted                     // what becomes of encrypted messages in FormatEvent; empty: EncryptedReply
	NotReadable  string                        // the text of EncryptedReply; empty: DefaultNotReadable
	Typing       Typing                        // who is shown that the endpoint works on a message
	Acknowledge  Acknowledge                   // the reactions by which people see what becomes of a message
	Stream       string                        // StreamFinal or StreamEdits; empty: StreamFinal. Of FormatEvent
	Batch        int                           // events of one conversation in a request at most, MaxBatch at most; 0, 1: one, and no array. Of FormatEvent
	Timeout      time.Duration                 // of one attempt; 0: DefaultTimeout
	Concurrency  int                           // attempts in flight at most; 0: DefaultConcurrency
	Headers      http.Header                   // sent with every attempt
	Schedule     []time.Duration               // waits between the attempts of a queued event, the last one repeatedly; empty: DefaultSchedule
	MaxAge       time.Duration                 // of a queued event, until it is given up; 0: DefaultMaxAge
	Components   []string                      // domains of all our components, between which hops count: see nsHops
	Hosts        []string                      // domains, with subdomains, whose users count one by one; nil: all domains
	KeepAnswers  bool                          // the delivery log gets the beginning of answers of success, too
	DropOld      bool                          // give up without an error stanza to the sender
	Limits       stanza.Limits                 // of replies
	Complete     func(message.Ref) message.Ref // a reference with what became known since it was made; nil: as it is
	Secrets      []signature.Secret            // that requests are signed with
	Guard        *outbound.Guard               // which addresses may be reached; nil: loopback and public ones
	Proxy        *url.URL
	TLS          *tls.Config // of https; nil: the system's authorities
	UserAgent    string      // empty: DefaultUserAgent
	Files        Files       // of answers in FormatEvent; nil: they have none
}

// Defaults of an Endpoint.
const (
	DefaultTimeout     = 15 * time.Second
	DefaultConcurrency = 32
	DefaultMaxAge      = 24 * time.Hour
	DefaultUserAgent   = "stanzahook"
)

// DefaultSchedule returns the waits between attempts.
func DefaultSchedule() []time.Duration {
	return []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour}
}

// WithDefaults returns the endpoint with defaults in its unset fields.
func (e *Endpoint) WithDefaults() *Endpoint {
	d := *e
	d.Format = cmp.Or(d.Format, FormatEvent)
	d.UserAgent = cmp.Or(d.UserAgent, DefaultUserAgent)
	d.Encrypted = cmp.Or(d.Encrypted, EncryptedReply)
	d.NotReadable = cmp.Or(d.NotReadable, DefaultNotReadable)
	if len(d.Events) == 0 {
		d.Events = message.DefaultEvents()
	}
	if d.Timeout <= 0 {
		d.Timeout = DefaultTimeout
	}
	if d.Concurrency <= 0 {
		d.Concurrency = DefaultConcurrency
	}
	if d.MaxAge <= 0 {
		d.MaxAge = DefaultMaxAge
	}
	if len(d.Schedule) == 0 {
		d.Schedule = DefaultSchedule()
	}
	return &d
}

// Matches reports whether a stanza that came over a component's link is for
// this endpoint.
func (e *Endpoint) Matches(component string, s *stanza.Stanza) bool {
	return e.Mismatch(component, s) == ""
}

// Mismatch returns the key of the configuration by which a stanza that came over a
// component's link is not for this endpoint; empty if it is for it.
func (e *Endpoint) Mismatch(component string, s *stanza.Stanza) string {
	return e.mismatch(component, s, RoomOf(s))
}

func (e *Endpoint) mismatch(component string, s *stanza.Stanza, room *Room) string {
	switch {
	case e.Pulled() && s.Kind == stanza.IQ: // a reader could not answer it in time
		return "url"
	case e.Component != "" && e.Component != component:
		return "component"
	case len(e.Kinds) > 0 && !slices.Contains(e.Kinds, s.Kind):
		return "stanzas"
	}
	return e.Match.mismatch(s, room, e.Copy)
}

// WantsRoom reports whether the endpoint gets an event of a room that matches. One that it
// does not get goes to no other endpoint.
func (e *Endpoint) WantsRoom(r *Room) bool {
	if e.Format != FormatEvent && e.Format != "" { // the modules' formats have stanzas, and no others
		return !r.Happening() || r.Type == "room.invite"
	}
	group := r.group()
	if len(e.Rooms) == 0 {
		return group == RoomMessages || group == RoomSelf
	}
	return slices.Contains(e.Rooms, group)
}

// Pulled reports whether the endpoint has no URL, and its events are read instead.
func (e *Endpoint) Pulled() bool { return e.URL == "" }

// hasPlaceholders reports whether the URL differs from event to event: an answer is about
// one address then, and not about the endpoint.
func (e *Endpoint) hasPlaceholders() bool {
	return slices.ContainsFunc(Placeholders(), func(p string) bool { return strings.Contains(e.URL, p) })
}
