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
}

// Ask requests the identity and the features of a host over a link (XEP-0030 section 3).
// Errors: those of [component.Link.Request], and a *stanza.Error.
func Ask(ctx context.Context, link *component.Link, host jid.JID) (Info, error) {
	ask, err := stanza.Build(stanza.Header{Kind: stanza.IQ, Type: "get", ID: "features-" + ulid.Make().String(), From: link.Domain(), To: host},
		"<query xmlns='"+payload.NSDiscoInfo+"'/>", stanza.Limits{})
	if err != nil {
		return Info{}, err
	}
	answer, err := link.Request(ctx, ask)
	if err != nil {
		return Info{}, err
	}
	if e, failed := answer.StanzaError(); failed {
		return Info{}, e
	}
	query, ok := answer.Child(payload.NSDiscoInfo, "query")
	if !ok {
		return Info{}, errors.New("the answer has no disco#info query")
	}
	var info Info
	for _, e := range answer.Element(query).Children {
		switch e.Local {
		case "feature":
			if feature, ok := e.Attr("var"); ok {
				info.Features = append(info.Features, feature)
			}
		case "identity":
			if name, ok := e.Attr("name"); ok && info.Name == "" {
				info.Name = name
			}
		}
	}
	return info, nil
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
