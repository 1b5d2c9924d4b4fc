package privilege

import (
	"strings"

	"stanzahook/pkg/stanza"
)

// Grants are the permissions that a host grants the component (XEP-0356 section 4).
// An empty text is no permission; the zero Grants are none at all.
type Grants struct {
	Namespace string            // urn:xmpp:privilege:1 or :2, as the server sent it
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

// MaySend reports whether messages may be sent as users of the host, in a version
// of the XEP that is implemented here.
func (g Grants) MaySend() bool {
	return g.Message == "outgoing" && (g.Namespace == "urn:xmpp:privilege:1" || g.Namespace == "urn:xmpp:privilege:2")
}

// namespaces adds the <namespace/> elements of an iq permission to all.
// Prosody's module of 2022 nests them where there are several.
func namespaces(e *stanza.Element, all map[string]string) {
	for i := range e.Children {
		c := &e.Children[i]
		if c.Local != "namespace" {
			continue
		}
		ns, _ := c.Attr("ns")
		if t := permission(c); t != "" && ns != "" {
			all[ns] = t
		}
		namespaces(c, all)
	}
}

// permission returns the type of a permission. "none", which ejabberd sends
// where it grants nothing, is empty.
func permission(e *stanza.Element) string {
	t, _ := e.Attr("type")
	if t == "none" {
		return ""
	}
	return t
}

// readGrants reads an advertisement; ok is false for a message without one.
func readGrants(message *stanza.Stanza) (g Grants, ok bool) {
	for _, c := range message.Children() {
		if c.Local != "privilege" || !strings.HasPrefix(c.Space, "urn:xmpp:privilege:") {
			continue
		}
		g.Namespace = c.Space
		perms := message.Element(c).Children
		for i := range perms {
			p := &perms[i]
			if p.Local != "perm" {
				continue
			}
			switch access, _ := p.Attr("access"); access {
			case "roster":
				g.Roster = permission(p)
			case "message":
				g.Message = permission(p)
			case "presence":
				g.Presence = permission(p)
			case "iq":
				if g.IQ == nil {
					g.IQ = make(map[string]string)
				}
				namespaces(p, g.IQ)
			}
		}
		return g, true
	}
	return g, false
}
