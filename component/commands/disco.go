package commands

import (
	payload "gosrc.io/xmpp/stanza"

	"stanzahook/component"
	"stanzahook/pkg/command"
	"stanzahook/pkg/stanza"
)

// query answers service discovery of commands (XEP-0050 section 2); all else is for others,
// also a node that the sender does not see: it is as one that is not there.
func (c *Commands) query(in *component.Incoming) bool {
	p, _ := in.Payload()
	if p.Local != "query" || p.Space != payload.NSDiscoItems && p.Space != payload.NSDiscoInfo {
		return false
	}
	node, _ := in.Element(p).Attr("node")
	bot := in.To.Bare()
	who := c.person(in.From, bot).who
	switch {
	case p.Space == payload.NSDiscoItems && node == command.NS:
		c.Counters.Listings.Add(1)
		b := []byte("<query xmlns='" + payload.NSDiscoItems + "' node='" + command.NS + "'>")
		for _, x := range c.visible(bot, who) {
			b = stanza.AppendAttr(append(b, "<item"...), "jid", bot.String())
			b = append(stanza.AppendAttr(stanza.AppendAttr(b, "node", x.Node), "name", x.Name), "/>"...)
		}
		in.Result(string(append(b, "</query>"...)))
	case p.Space == payload.NSDiscoItems:
		if c.find(node, bot, who) == nil {
			return false
		}
		in.Result(string(append(stanza.AppendAttr([]byte("<query xmlns='"+payload.NSDiscoItems+"'"), "node", node), "/>"...)))
	case node == command.NS:
		c.info(in, node, "command-list", "", command.NS)
	case node != "":
		x := c.find(node, bot, who)
		if x == nil {
			return false
		}
		c.info(in, node, "command-node", x.Name, command.NS, "jabber:x:data")
	default:
		return false
	}
	return true
}

func (c *Commands) info(in *component.Incoming, node, kind, name string, features ...string) {
	c.Counters.Listings.Add(1)
	b := append(stanza.AppendAttr([]byte("<query xmlns='"+payload.NSDiscoInfo+"'"), "node", node), "><identity category='automation'"...)
	b = stanza.AppendAttr(b, "type", kind)
	if name != "" {
		b = stanza.AppendAttr(b, "name", name)
	}
	b = append(b, "/>"...)
	for _, f := range append([]string{payload.NSDiscoInfo}, features...) {
		b = append(stanza.AppendAttr(append(b, "<feature"...), "var", f), "/>"...)
	}
	in.Result(string(append(b, "</query>"...)))
}
