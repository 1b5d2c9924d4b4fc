package profile

// PresenceXML returns the content of the bot's available presence: how available it is (RFC
// 6121 section 4.7), its nick (XEP-0172), its capabilities (XEP-0115 section 4), and the id
// of its avatar (XEP-0153 section 4). now stands in the place of the profile's own presence.
func (p *Profile) PresenceXML(now Presence, verification string) string {
	photo := "<photo/>" // there is none
	if p.Avatar != nil {
		photo = "<photo>" + p.Avatar.ID + "</photo>"
	}
	return optional("show", now.Show) + optional("status", now.Status) + p.nick() +
		"<c xmlns='" + nsCaps + "' hash='sha-1' node='" + CapsNode + "' ver='" + verification + "'/>" +
		"<x xmlns='" + nsUpdate + "'>" + photo + "</x>"
}
