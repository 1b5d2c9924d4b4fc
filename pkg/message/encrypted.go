package message

import "stanzahook/pkg/stanza"

// Encryption is how a message is encrypted: its namespace, and the name that people know.
type Encryption struct{ Name, Namespace string }

// Encryption returns how a message of the event Encrypted is encrypted (XEP-0380 first).
func (f *Features) Encryption(s *stanza.Stanza) Encryption {
	x := Encryption{Namespace: nsOTR}
	if c, ok := s.Child(nsEME, "encryption"); ok {
		x.Namespace, _ = s.ChildAttr(c, "namespace")
		x.Name, _ = s.ChildAttr(c, "name")
	} else if f.child.Space != "" {
		x.Namespace = f.child.Space
	}
	switch x.Namespace {
	case nsOMEMO1, nsOMEMO2, "urn:xmpp:omemo:0", "urn:xmpp:omemo:1":
		x.Name = "OMEMO"
	case nsOpenPGP, nsPGP:
		x.Name = "OpenPGP"
	case nsOTR:
		x.Name = "OTR"
	}
	if x.Name == "" {
		x.Name = x.Namespace
	}
	return x
}
