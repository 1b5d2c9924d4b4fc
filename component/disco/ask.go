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

// Features requests the features of a host over a link (XEP-0030 section 3). A host
// without XEP-0030 has none. Errors: those of [component.Link.Request], and a
// *stanza.Error.
func Features(ctx context.Context, link *component.Link, host jid.JID) ([]string, error) {
	ask, err := stanza.Build(stanza.Header{Kind: stanza.IQ, Type: "get", ID: "features-" + ulid.Make().String(), From: link.Domain(), To: host},
		"<query xmlns='"+payload.NSDiscoInfo+"'/>", stanza.Limits{})
	if err != nil {
		return nil, err
	}
	answer, err := link.Request(ctx, ask)
	if err != nil {
		return nil, err
	}
	if e, failed := answer.StanzaError(); failed {
		if e.Condition == stanza.ServiceUnavailable || e.Condition == stanza.FeatureNotImplemented {
			return nil, nil
		}
		return nil, e
	}
	query, ok := answer.Child(payload.NSDiscoInfo, "query")
	if !ok {
		return nil, errors.New("the answer has no disco#info query")
	}
	var features []string
	for _, e := range answer.Element(query).Children {
		if feature, ok := e.Attr("var"); ok && e.Local == "feature" {
			features = append(features, feature)
		}
	}
	return features, nil
}
