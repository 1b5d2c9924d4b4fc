package disco

import (
	"context"
	"errors"

	"github.com/oklog/ulid/v2"
	payload "gosrc.io/xmpp/stanza"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Info is what a host says about itself.
type Info struct {
	Name     string // of its first identity that has one
	Features []string
	// Fields are those of data forms with a type (XEP-0128), by type and name.
	Fields map[[2]string]string
}

// maxItems bounds the items of a host that are read.
const maxItems = 100

// query asks a host, and returns the answer's query.
func query(ctx context.Context, link *component.Link, host jid.JID, space string) (*stanza.Element, error) {
	ask, err := stanza.Build(stanza.Header{Kind: stanza.IQ, Type: "get", ID: "features-" + ulid.Make().String(), From: link.Domain(), To: host},
		"<query xmlns='"+space+"'/>", stanza.Limits{})
	if err != nil {
		return nil, err
	}
	answer, err := link.Request(ctx, ask)
	if err != nil {
		return nil, err
	}
	if e, failed := answer.StanzaError(); failed {
		return nil, e
	}
	c, ok := answer.Child(space, "query")
	if !ok {
		return nil, errors.New("the answer has no query of " + space)
	}
	return answer.Element(c), nil
}

// Ask requests the identity and the features of a host over a link (XEP-0030 section 3).
// Errors: those of [component.Link.Request], and a *stanza.Error.
func Ask(ctx context.Context, link *component.Link, host jid.JID) (Info, error) {
	q, err := query(ctx, link, host, payload.NSDiscoInfo)
	if err != nil {
		return Info{}, err
	}
	var info Info
	for i := range q.Children {
		switch e := &q.Children[i]; e.Local {
		case "feature":
			if feature, ok := e.Attr("var"); ok {
				info.Features = append(info.Features, feature)
			}
		case "identity":
			if name, ok := e.Attr("name"); ok && info.Name == "" {
				info.Name = name
			}
		case "x":
			info.form(e)
		}
	}
	return info, nil
}

// form reads a data form.
func (info *Info) form(x *stanza.Element) {
	fields := make(map[string]string)
	for i := range x.Children {
		name, _ := x.Children[i].Attr("var")
		if v := x.Children[i].Child(x.Space, "value"); v != nil && x.Children[i].Local == "field" {
			fields[name] = v.Text
		}
	}
	if info.Fields == nil {
		info.Fields = make(map[[2]string]string)
	}
	for name, value := range fields {
		info.Fields[[2]string{fields["FORM_TYPE"], name}] = value
	}
}

// Items requests the services of a host over a link (XEP-0030 section 4). Errors: as of Ask.
func Items(ctx context.Context, link *component.Link, host jid.JID) ([]jid.JID, error) {
	q, err := query(ctx, link, host, payload.NSDiscoItems)
	if err != nil {
		return nil, err
	}
	var all []jid.JID
	for i := range q.Children {
		text, _ := q.Children[i].Attr("jid")
		if j, err := jid.Parse(text); err == nil && q.Children[i].Local == "item" && len(all) < maxItems {
			all = append(all, j)
		}
	}
	return all, nil
}

// Features requests the features of a host. A host without XEP-0030 has none. Errors: as of
// Ask.
func Features(ctx context.Context, link *component.Link, host jid.JID) ([]string, error) {
	info, err := Ask(ctx, link, host)
	if e, failed := errors.AsType[*stanza.Error](err); failed && (e.Condition == stanza.ServiceUnavailable || e.Condition == stanza.FeatureNotImplemented) {
		return nil, nil
	}
	return info.Features, err
}
