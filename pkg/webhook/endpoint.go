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

// Pulled reports whether nobody is called for the endpoint: whoever wants its
// events asks for them.
func (e *Endpoint) Pulled() bool { return e.URL == "" }

// hasPlaceholders reports whether the URL is another one for each sender or address: what
// is answered there is said of that one, and not of the endpoint.
func (e *Endpoint) hasPlaceholders() bool {
	return slices.ContainsFunc(Placeholders(), func(p string) bool { return strings.Contains(e.URL, p) })
}
