// Package disco answers the common queries of XMPP for the component's host and
// every JID in its domain: identity and features (XEP-0030), ping (XEP-0199),
// software version (XEP-0092), time (XEP-0202) and uptime (XEP-0012). [Ask]
// asks other hosts.
package disco

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"time"

	payload "gosrc.io/xmpp/stanza"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

const (
	nsPing = "urn:xmpp:ping"
	nsTime = "urn:xmpp:time"
	nsLast = "jabber:iq:last"
	nsVers = "jabber:iq:version"

	nsPubSub = "http://jabber.org/protocol/pubsub"
)

// Identity is the identity of a component (XEP-0030 section 3.1).
type Identity struct{ Name, Category, Type string }

// Responder answers for one component.
type Responder struct {
	Identity Identity
	Version  string    // of the software
	Started  time.Time // for XEP-0012
	Now      func() time.Time
	// Features are those of an address besides OwnFeatures; nil: none.
	Features func(jid.JID) []string
}

// Handler returns the handler that answers these queries and passes on all other
// stanzas.
func (r *Responder) Handler() component.Handler {
	answers := map[[2]string]func(*component.Incoming) (any, error){
		{payload.NSDiscoInfo, "query"}:  r.info,
		{payload.NSDiscoItems, "query"}: r.items,
		{nsPing, "ping"}:                func(*component.Incoming) (any, error) { return nil, nil },
		{nsVers, "query"}:               r.version,
		{nsTime, "time"}:                r.time,
		{nsLast, "query"}:               r.last,
		{nsPubSub, "pubsub"}:            devices,
	}
	return component.HandlerFunc(func(in *component.Incoming) bool {
		if in.Kind != stanza.IQ || in.Type != "get" {
			return false
		}
		c, _ := in.Payload()
		answer := answers[[2]string{c.Space, c.Local}]
		if c.Space == nsPubSub && !asksForDevices(in) {
			return false
		}
		return answer != nil && respond(in, answer)
	})
}

// respond answers a query with the payload or the error that answer returns.
func respond(in *component.Incoming, answer func(*component.Incoming) (any, error)) bool {
	p, err := answer(in)
	if err != nil {
		in.Fail(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound, Text: err.Error()})
		return true
	}
	if p == nil {
		in.Result("")
		return true
	}
	x, err := xml.Marshal(p)
	if err != nil {
		return false // the link answers service-unavailable
	}
	in.Result(string(x))
	return true
}

// node returns the node of a query.
func node(in *component.Incoming) string {
	query, _ := in.Payload()
	name, _ := in.Element(query).Attr("node")
	return name
}

func (r *Responder) info(in *component.Incoming) (any, error) {
	if n := node(in); n != "" {
		return nil, fmt.Errorf("there is no node %q", n)
	}
	d := &payload.DiscoInfo{}
	if in.To.Local() == "" {
		d.AddIdentity(r.Identity.Name, r.Identity.Category, r.Identity.Type)
	} else {
		d.AddIdentity(in.To.Local(), "client", "bot")
	}
	d.AddFeatures(OwnFeatures()...)
	if r.Features != nil {
		d.AddFeatures(r.Features(in.To)...)
	}
	return d, nil
}

// OwnFeatures returns the features of all addresses of a component.
func OwnFeatures() []string {
	return []string{payload.NSDiscoInfo, payload.NSDiscoItems, nsPing, nsVers, nsTime, nsLast, "urn:xmpp:receipts"}
}

func (r *Responder) items(in *component.Incoming) (any, error) {
	if n := node(in); n != "" {
		return nil, fmt.Errorf("there is no node %q", n)
	}
	return &payload.DiscoItems{}, nil
}

func (r *Responder) version(*component.Incoming) (any, error) {
	return &payload.Version{Name: "stanzahook", Version: r.Version}, nil
}

// entityTime is the answer of XEP-0202 section 3.
type entityTime struct {
	XMLName xml.Name `xml:"urn:xmpp:time time"`
	TZO     string   `xml:"tzo"`
	UTC     string   `xml:"utc"`
}

func (r *Responder) time(*component.Incoming) (any, error) {
	now := r.Now()
	return entityTime{TZO: now.Format("-07:00"), UTC: now.UTC().Format("2006-01-02T15:04:05Z")}, nil
}

// lastActivity is the answer of XEP-0012: for a service, its uptime in seconds
// (section 5).
type lastActivity struct {
	XMLName xml.Name `xml:"jabber:iq:last query"`
	Seconds string   `xml:"seconds,attr"`
}

func (r *Responder) last(*component.Incoming) (any, error) {
	return lastActivity{Seconds: strconv.FormatInt(int64(r.Now().Sub(r.Started).Seconds()), 10)}, nil
}
