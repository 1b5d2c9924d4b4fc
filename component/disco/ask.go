package disco

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"
	payload "gosrc.io/xmpp/stanza"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Features asks a host over a link for what it says that it has (XEP-0030
// section 3). One that does not know the question has none.
// Errors: those of [component.Link.Request], and a *stanza.Error.
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
	var told struct {
		Query *struct {
			Features []struct {
				Var string `xml:"var,attr"`
			} `xml:"feature"`
		} `xml:"http://jabber.org/protocol/disco#info query"`
	}
	if err := xml.Unmarshal([]byte(answer.XML()), &told); err != nil {
		return nil, fmt.Errorf("its answer cannot be read: %w", err)
	}
	if told.Query == nil {
		return nil, errors.New("its answer has no features in it")
	}
	all := make([]string, len(told.Query.Features))
	for i, f := range told.Query.Features {
		all[i] = f.Var
	}
	return all, nil
}
