// Package disco answers what every XMPP entity is asked: what it is and can do
// (XEP-0030), whether it is there (XEP-0199), its software (XEP-0092), its
// time (XEP-0202) and how long it is up (XEP-0012). It answers for the
// component's host and for every JID in its domain.
package disco

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"time"

	payload "gosrc.io/xmpp/stanza"

	"stanzahook/component"
	"stanzahook/pkg/stanza"
)

const (
	nsPing = "urn:xmpp:ping"
	nsTime = "urn:xmpp:time"
	nsLast = "jabber:iq:last"
	nsVers = "jabber:iq:version"
)

// Identity is what a component says it is (XEP-0030 section 3.1).
type Identity struct{ Name, Category, Type string }

// Responder answers for one component.
type Responder struct {
	Identity Identity
	Version  string    // of the software
	Started  time.Time // for XEP-0012
	Now      func() time.Time
}

// Handler returns the handler of the requests that a Responder answers; other
// stanzas are left to others.
func (r *Responder) Handler() component.Handler {
	m := &component.Mux{}
	for _, h := range []struct {
		space, local string
		answer       func(*component.Incoming) (any, error)
	}{
		{payload.NSDiscoInfo, "query", r.info},
		{payload.NSDiscoItems, "query", r.items},
		{nsPing, "ping", func(*component.Incoming) (any, error) { return nil, nil }},
		{nsVers, "query", r.version},
		{nsTime, "time", r.time},
		{nsLast, "query", r.last},
	} {
		m.Register(component.Pattern{Kind: stanza.IQ, Type: "get", Space: h.space, Local: h.local}, answering(h.answer))
	}
	return m
}

// answering makes a handler of a function that returns a payload or a stanza
// error.
func answering(f func(*component.Incoming) (any, error)) component.Handler {
	return component.HandlerFunc(func(in *component.Incoming) bool {
		p, err := f(in)
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
	})
}

// node returns the node that a query asks for.
func node(in *component.Incoming) string {
	var doc struct {
		Query struct {
			Node string `xml:"node,attr"`
		} `xml:"query"`
	}
	if err := xml.Unmarshal([]byte(in.XML()), &doc); err != nil {
		return ""
	}
	return doc.Query.Node
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
	d.AddFeatures(payload.NSDiscoInfo, payload.NSDiscoItems, nsPing, nsVers, nsTime, nsLast, "urn:xmpp:receipts")
	return d, nil
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
