package postmsg

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"

	"stanzahook/httpapi"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

const (
	nsXHTMLIM = "http://jabber.org/protocol/xhtml-im" // XEP-0071
	nsXHTML   = "http://www.w3.org/1999/xhtml"
)

// build builds the message.
func (n note) build(from jid.JID, lim stanza.Limits) (*stanza.Stanza, *httpapi.Fault) {
	to, f := address(n.to, from.Domain())
	if f != nil {
		return nil, f
	}
	if n.kind == "" {
		n.kind = "chat"
	}
	// RFC 6121 section 5.2.2; an error is only a reply
	if !slices.Contains([]string{"chat", "normal", "headline", "groupchat"}, n.kind) {
		return nil, refuse(http.StatusBadRequest, "type: must be chat, normal, headline or groupchat")
	}
	if n.blank() {
		return nil, refuse(http.StatusBadRequest, "body: is missing or blank; write the text of the message into body, or XHTML into html; nothing was sent")
	}
	inner := ""
	if n.body != nil {
		if stanza.CheckText(*n.body) >= 0 {
			return nil, refuse(http.StatusBadRequest, "body: holds a character that XML cannot carry")
		}
		inner = stanza.TextElement("body", *n.body)
	}
	if n.html != nil {
		html, f := xhtml(*n.html)
		if f != nil {
			return nil, f
		}
		inner += html
	}
	s, err := stanza.Build(stanza.Header{Kind: stanza.Message, Type: n.kind, ID: rand.Text()[:24], From: from, To: to}, inner, lim)
	if err != nil { // its parts are valid, so it is over a limit
		return nil, refuse(http.StatusRequestEntityTooLarge, "the message is too large or too deep: "+err.Error())
	}
	return s, nil
}

// blank reports whether a message has no text to read.
func (n note) blank() bool {
	is := func(text *string) bool { return text == nil || strings.TrimSpace(*text) == "" }
	return is(n.body) && is(n.html)
}

// address parses a recipient; without a host it is at the given one.
func address(text, host string) (jid.JID, *httpapi.Fault) {
	if text == "" {
		return jid.JID{}, refuse(http.StatusUnprocessableEntity, "there is no recipient: write it into the path, as in /msg/user@example.com, or into to")
	}
	bare, resource, full := strings.Cut(text, "/")
	if !strings.Contains(bare, "@") {
		bare += "@" + host
	}
	if full {
		bare += "/" + resource
	}
	to, err := jid.Parse(bare)
	if err != nil {
		return jid.JID{}, refuse(http.StatusUnprocessableEntity, "the recipient is no address: "+err.Error())
	}
	return to, nil
}

// xhtml wraps XHTML as in XEP-0071. It parses the text on its own first: text that closes
// elements it has not opened must not end up beside the body.
func xhtml(text string) (string, *httpapi.Fault) {
	text = strings.TrimSpace(text)
	parsed, err := stanza.Parse("<message>"+text+"</message>", stanza.Limits{MaxBytes: len(text) + 100})
	if err != nil {
		return "", refuse(http.StatusBadRequest, "html: is not XML: "+err.Error())
	}
	kids := parsed.Children()
	alone := len(kids) == 1 && strings.HasPrefix(text, "<"+kids[0].Local) && parsed.ChildXML(kids[0]) == text
	switch {
	case alone && kids[0].Local == "html" && kids[0].Space == nsXHTMLIM:
		return text, nil
	case alone && kids[0].Local == "body" && kids[0].Space == nsXHTML:
	case alone && kids[0].Local == "body" && kids[0].Space == "":
		text = "<body xmlns='" + nsXHTML + "'" + strings.TrimPrefix(text, "<body")
	case alone && kids[0].Local == "body":
		return "", refuse(http.StatusBadRequest, "html: the namespace of <body> is "+nsXHTML)
	default:
		text = "<body xmlns='" + nsXHTML + "'>" + text + "</body>"
	}
	return "<html xmlns='" + nsXHTMLIM + "'>" + text + "</html>", nil
}
