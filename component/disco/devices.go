package disco

import (
	"errors"
	"strings"

	"stanzahook/component"
)

// omemoNodes are where OMEMO clients have their device lists and bundles (XEP-0384), now and
// before it had a namespace of the XSF.
var omemoNodes = [...]string{"eu.siacs.conversations.axolotl.", "urn:xmpp:omemo:"}

// asksForDevices reports whether a query of PubSub (XEP-0060) is for the devices or keys of
// OMEMO.
func asksForDevices(in *component.Incoming) bool {
	c, _ := in.Payload()
	items := in.Element(c).Child(nsPubSub, "items")
	if items == nil {
		return false
	}
	node, _ := items.Attr("node")
	for _, prefix := range omemoNodes {
		if strings.HasPrefix(node, prefix) {
			return true
		}
	}
	return false
}

// devices says that a bot has none: a client then knows that it cannot encrypt for it.
func devices(*component.Incoming) (any, error) {
	return nil, errors.New("bots have no OMEMO devices")
}
