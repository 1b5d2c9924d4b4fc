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

// KeysOnly reports whether an encrypted message has only keys, and nobody has said anything: with
// such messages programs mend their sessions (XEP-0384 section 4.7 of version 0.3.0).
func (f *Features) KeysOnly(s *stanza.Stanza) bool {
	if f.Event != Encrypted || f.hasBody {
		return false
	}
	for _, c := range s.Children() {
		if c.Local == "encrypted" && (c.Space == nsOMEMO1 || c.Space == nsOMEMO2) {
			return s.Element(c).Child(c.Space, "payload") == nil
		}
	}
	return false
}
