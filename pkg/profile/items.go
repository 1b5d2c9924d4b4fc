package profile

import (
	"encoding/base64"
	"strconv"

	"stanzahook/pkg/stanza"
)

// Item is what one node of a bot has (XEP-0163): one item, and no history.
type Item struct {
	Node, ID, XML string
	Image         bool // XML is yet to be made, by ImageItem
}

// Item returns the item of a node. known is false for a node that is none of ours; the id is
// empty if the node has nothing.
func (p *Profile) Item(node string) (item Item, known bool) {
	item.Node = node
	switch node {
	case nsMetadata:
		if p.Avatar != nil {
			item.ID, item.XML = p.Avatar.ID, p.Avatar.metadata()
		}
	case nsData:
		if p.Avatar != nil {
			item.ID, item.Image = p.Avatar.ID, true
		}
	case nodeVCard4:
		item.ID, item.XML = "current", p.VCard4()
	case NSNick:
		item.ID, item.XML = "current", p.nick()
	default:
		return Item{}, false
	}
	return item, true
}

func (p *Profile) nick() string {
	return "<nick xmlns='" + NSNick + "'>" + string(stanza.AppendText(nil, p.DisplayName())) + "</nick>"
}

// metadata returns that of XEP-0084 section 4.2.
func (a *Avatar) metadata() string {
	return "<metadata xmlns='" + nsMetadata + "'><info bytes='" + strconv.Itoa(a.Bytes) + "' id='" + a.ID + "' type='" + a.Type +
		"' width='" + strconv.Itoa(a.Width) + "' height='" + strconv.Itoa(a.Height) + "'/></metadata>"
}

// ImageXML returns the data of an avatar (XEP-0084 section 4.1).
func ImageXML(image []byte) string {
	return "<data xmlns='" + nsData + "'>" + base64.StdEncoding.EncodeToString(image) + "</data>"
}

// Answer returns the answer to a query of the item's node (XEP-0060 section 6.5).
func (i *Item) Answer() string {
	return "<pubsub xmlns='" + NSPubSub + "'>" + i.items() + "</pubsub>"
}

func (i *Item) items() string {
	return "<items node='" + i.Node + "'><item id='" + i.ID + "'>" + i.XML + "</item></items>"
}

// AvatarEvent returns what tells subscribers of the avatar (XEP-0084 section 4.3), also that
// there is none any more.
func (p *Profile) AvatarEvent() string {
	items := "<items node='" + nsMetadata + "'><item id='none'><metadata xmlns='" + nsMetadata + "'/></item></items>"
	if i, _ := p.Item(nsMetadata); i.ID != "" {
		items = i.items()
	}
	return "<event xmlns='" + nsEvent + "'>" + items + "</event>"
}
