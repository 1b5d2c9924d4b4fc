package upload

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Namespace is that of XEP-0363.
const Namespace = "urn:xmpp:http:upload:0"

// resource makes a full JID of the address of a service: ejabberd with mod_privilege answers
// no IQs to its bare one.
const resource = "slot"

// maxHeader bounds the value of a header of a slot.
const maxHeader = 8 << 10

// slot is where a file goes, and where others find it.
type slot struct {
	put, get *url.URL
	header   http.Header
}

// slotRequest returns the request for a slot (XEP-0363 section 5).
func slotRequest(bot, service jid.JID, id, name, media string, size int64) (*stanza.Stanza, error) {
	to, err := service.WithResource(resource)
	if err != nil {
		return nil, err
	}
	b := stanza.AppendAttr([]byte("<request xmlns='"+Namespace+"'"), "filename", name)
	b = stanza.AppendAttr(b, "size", strconv.FormatInt(size, 10))
	b = stanza.AppendAttr(b, "content-type", media)
	return stanza.Build(stanza.Header{Kind: stanza.IQ, Type: "get", ID: id, From: bot, To: to}, string(append(b, "/>"...)), stanza.Limits{})
}

// discoRequest returns the question what a service is (XEP-0030 section 3.1).
func discoRequest(bot, service jid.JID, id string) (*stanza.Stanza, error) {
	to, err := service.WithResource(resource)
	if err != nil {
		return nil, err
	}
	return stanza.Build(stanza.Header{Kind: stanza.IQ, Type: "get", ID: id, From: bot, To: to}, "<query xmlns='http://jabber.org/protocol/disco#info'/>", stanza.Limits{})
}

// readSlot reads the answer to the request for a slot.
func readSlot(answer *stanza.Stanza) (slot, error) {
	if e, failed := answer.StanzaError(); failed {
		return slot{}, refusal(answer, e)
	}
	c, ok := answer.Child(Namespace, "slot")
	if !ok {
		return slot{}, errors.New("there is no slot in it")
	}
	e := answer.Element(c)
	put, get := e.Child(Namespace, "put"), e.Child(Namespace, "get")
	if put == nil || get == nil {
		return slot{}, errors.New("its slot lacks an address")
	}
	var s slot
	var err error
	if s.put, err = address(put); err != nil {
		return slot{}, err
	}
	if s.get, err = address(get); err != nil {
		return slot{}, err
	}
	s.header = headers(put)
	return s, nil
}

// address reads the URL of a slot.
func address(e *stanza.Element) (*url.URL, error) {
	text, _ := e.Attr("url")
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return nil, errors.New("the address in its slot is no http or https URL")
	}
	return u, nil
}

// headers reads the headers of a slot that a client sends (XEP-0363 section 5).
func headers(put *stanza.Element) http.Header {
	h := make(http.Header)
	for i := range put.Children {
		c := &put.Children[i]
		name, _ := c.Attr("name")
		name = http.CanonicalHeaderKey(name)
		value := strings.TrimSpace(c.Text)
		if c.Local != "header" || name != "Authorization" && name != "Cookie" && name != "Expires" || len(value) > maxHeader || strings.ContainsFunc(value, isControl) {
			continue
		}
		h.Add(name, value)
	}
	return h
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// refusal returns what a service says no with.
func refusal(answer *stanza.Stanza, e *stanza.Error) *Error {
	r := &Error{Reason: Refused, Condition: e.Condition, Text: e.Text, Service: answer.From.Bare()}
	switch e.Condition {
	case stanza.Forbidden, stanza.NotAllowed, stanza.NotAuthorized:
		r.Reason = Forbidden
	case stanza.ResourceConstraint:
		r.Reason = Quota
	case stanza.ServiceUnavailable, stanza.ItemNotFound, stanza.RemoteServerNotFound, stanza.RemoteServerTimeout, stanza.FeatureNotImplemented:
		r.Reason = NoService
	}
	if c, ok := answer.Child("", "error"); ok {
		if large := answer.Element(c).Child(Namespace, "file-too-large"); large != nil {
			r.Reason = TooLarge
			if most := large.Child(Namespace, "max-file-size"); most != nil {
				r.MaxBytes, _ = strconv.ParseInt(strings.TrimSpace(most.Text), 10, 64) // 0: it does not say
			}
		}
	}
	return r
}
