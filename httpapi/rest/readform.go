package rest

import (
	"net/url"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// readForm parses a form, or a text: curl declares everything that it sends a form.
func (h handler) readForm(body string) (*draft, *fault) {
	if !strings.Contains(body, "=") {
		return h.readText(body)
	}
	return h.readFormAt(nil, body)
}

// readFormAt parses a form, which may be empty; the path has further fields.
func (h handler) readFormAt(p *path, body string) (*draft, *fault) {
	form, f := parseForm(body)
	if f != nil {
		return nil, f
	}
	for key, value := range p.members() {
		form.Set(key, value)
	}
	fields, err := restjson.DecodeForm(form)
	return h.fields(fields, err, "invalid-query")
}

// readQuery parses the arguments of a query that the path names.
func (h handler) readQuery(p *path, arguments string) (*draft, *fault) {
	args, f := parseForm(arguments)
	if f != nil {
		return nil, f
	}
	fields, err := restjson.Query(p.query, args, jid.JID{})
	d, f := h.fields(fields, err, "invalid-query")
	if f == nil {
		p.header(&d.Header)
	}
	return d, f
}

func parseForm(text string) (url.Values, *fault) {
	form, err := url.ParseQuery(text)
	switch {
	case err != nil:
		return nil, unparsable.because("%s", err).reasoned("invalid-query")
	case text != "" && !strings.Contains(text, "="):
		return nil, unparsable.because("write key=value, or name the content type %s", formatText).reasoned("invalid-query")
	}
	return form, nil
}

// readText makes a chat message to the sender's own address.
func (h handler) readText(text string) (*draft, *fault) {
	d, f := h.readTextAt(&path{kind: stanza.Message, typ: "chat"}, text)
	if f == nil {
		d.self = true
	}
	return d, f
}

// readTextAt makes a text the body of a message, or the show of a presence.
func (h handler) readTextAt(p *path, text string) (*draft, *fault) {
	form := url.Values{}
	for key, value := range p.members() {
		form.Set(key, value)
	}
	switch {
	case p.kind == stanza.IQ:
		return nil, unparsable.because("no iq can be made of a text; send JSON, or leave the body out")
	case p.kind == stanza.Message:
		form.Set("body", text)
	case text != "":
		form.Set("show", strings.TrimSpace(text))
	}
	fields, err := restjson.DecodeForm(form)
	return h.fields(fields, err, "")
}
