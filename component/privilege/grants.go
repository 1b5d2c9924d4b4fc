package privilege

import (
	"encoding/xml"
	"strings"
)

// Grants are what a host lets the component do (XEP-0356 section 4). An empty
// text is no permission; the zero Grants are none at all.
type Grants struct {
	Namespace string            // urn:xmpp:privilege:1 or :2, as the server has it
	Roster    string            // get, set or both
	Message   string            // outgoing
	Presence  string            // managed_entity or roster
	IQ        map[string]string // namespace of the payload -> get, set or both
}

// String lists the grants for a log.
func (g Grants) String() string {
	var parts []string
	for _, p := range [][2]string{{"roster", g.Roster}, {"message", g.Message}, {"presence", g.Presence}} {
		if p[1] != "" {
			parts = append(parts, p[0]+"="+p[1])
		}
	}
	if len(g.IQ) > 0 {
		parts = append(parts, "iq")
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, " ")
}

// MaySend reports whether messages may be sent as users of the host, in a way
// that is known here.
func (g Grants) MaySend() bool {
	return g.Message == "outgoing" && (g.Namespace == "urn:xmpp:privilege:1" || g.Namespace == "urn:xmpp:privilege:2")
}

// namespace is one <namespace/> of an iq permission. Prosody's module of 2022
// nests them where there are several.
type namespace struct {
	NS     string      `xml:"ns,attr"`
	Type   string      `xml:"type,attr"`
	Nested []namespace `xml:"namespace"`
}

func (n namespace) into(all map[string]string) {
	if t := permission(n.Type); t != "" && n.NS != "" {
		all[n.NS] = t
	}
	for _, inner := range n.Nested {
		inner.into(all)
	}
}

// permission leaves "none" out, which is what ejabberd says to those it grants
// nothing.
func permission(t string) string {
	if t == "none" {
		return ""
	}
	return t
}

// readGrants reads an advertisement; ok is false for a message without one.
func readGrants(message string) (g Grants, ok bool) {
	var doc struct {
		Privilege *struct {
			XMLName xml.Name
			Perms   []struct {
				Access     string      `xml:"access,attr"`
				Type       string      `xml:"type,attr"`
				Namespaces []namespace `xml:"namespace"`
			} `xml:"perm"`
		} `xml:"privilege"`
	}
	if err := xml.Unmarshal([]byte(message), &doc); err != nil || doc.Privilege == nil {
		return g, false
	}
	g.Namespace = doc.Privilege.XMLName.Space
	for _, p := range doc.Privilege.Perms {
		switch p.Access {
		case "roster":
			g.Roster = permission(p.Type)
		case "message":
			g.Message = permission(p.Type)
		case "presence":
			g.Presence = permission(p.Type)
		case "iq":
			if g.IQ == nil {
				g.IQ = make(map[string]string)
			}
			for _, n := range p.Namespaces {
				n.into(g.IQ)
			}
		}
	}
	return g, strings.HasPrefix(g.Namespace, "urn:xmpp:privilege:")
}
