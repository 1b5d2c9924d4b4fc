package jid

import "strings"

// maxPart bounds a normalised part, in octets (RFC 7622, section 3.1).
const maxPart = 1023

// JID is an XMPP address. It can be copied, compared with ==, and used as a map key.
// The zero value is no JID.
type JID struct {
	s string
	// Offsets of the domainpart and the resourcepart in s; 0 without a separator
	// before them. They follow from s, so comparing two JIDs compares their text.
	at, slash uint32
}

// Clone returns the same address in memory of its own, so that it can be kept when the text that
// it was read from need not be.
func (j JID) Clone() JID {
	j.s = strings.Clone(j.s)
	return j
}

// Parse reads and normalises an address. Its error is an [*Error].
//
// An ASCII address that is already in normal form causes no allocation: the JID shares
// the memory of s.
func Parse(s string) (JID, error) {
	if j, ok := scan(s); ok {
		return j, nil
	}
	return normalize(s)
}

// MustParse is Parse for constants and tests: it panics on an error.
func MustParse(s string) JID {
	j, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return j
}

// FromServer reads an address of a stanza from an XMPP server. If Parse accepts it, the
// result is the same. Otherwise it keeps the text byte for byte and only splits it, so
// any part may be empty, not normalised, or refused by Parse. FromServer never fails;
// for an empty string it returns the zero JID.
//
// Read the text of such a JID with FromServer again: UnmarshalText is as strict as
// Parse.
func FromServer(s string) JID {
	if j, err := Parse(s); err == nil {
		return j
	}
	at, slash := split(s)
	return JID{s, at, slash}
}

// normalize is Parse without the fast path.
func normalize(s string) (JID, error) {
	at, slash := split(s)
	raw := JID{s, at, slash}
	local, domain, resource := raw.Local(), raw.Domain(), raw.Resource()
	var fault string
	if at != 0 {
		if local, fault = localpart(local); fault != "" {
			return JID{}, &Error{Part: partLocal, Reason: fault, JID: s}
		}
	}
	if domain, fault = domainpart(domain); fault != "" {
		return JID{}, &Error{Part: partDomain, Reason: fault, JID: s}
	}
	if slash != 0 {
		if resource, fault = resourcepart(resource); fault != "" {
			return JID{}, &Error{Part: partResource, Reason: fault, JID: s}
		}
	}
	if local == raw.Local() && domain == raw.Domain() && resource == raw.Resource() {
		return raw, nil
	}
	var b strings.Builder
	b.Grow(len(local) + len(domain) + len(resource) + len("@/"))
	if at != 0 {
		b.WriteString(local)
		b.WriteByte('@')
		at = uint32(b.Len())
	}
	b.WriteString(domain)
	if slash != 0 {
		b.WriteByte('/')
		slash = uint32(b.Len())
		b.WriteString(resource)
	}
	return JID{b.String(), at, slash}, nil
}

// split returns the offsets of the domainpart and the resourcepart of s (RFC 7622,
// section 3.1).
func split(s string) (at, slash uint32) {
	bare := s
	if i := strings.IndexByte(s, '/'); i >= 0 {
		bare, slash = s[:i], uint32(i+1)
	}
	return uint32(strings.IndexByte(bare, '@') + 1), slash
}

// String returns the address in its normal form; "" for the zero JID.
func (j JID) String() string { return j.s }

// Local returns the localpart, "" if there is none.
func (j JID) Local() string {
	if j.at == 0 {
		return ""
	}
	return j.s[:j.at-1]
}

// Domain returns the domainpart.
func (j JID) Domain() string {
	if j.slash == 0 {
		return j.s[j.at:]
	}
	return j.s[j.at : j.slash-1]
}

// Resource returns the resourcepart, "" if there is none.
func (j JID) Resource() string {
	if j.slash == 0 {
		return ""
	}
	return j.s[j.slash:]
}

// Bare returns j without its resourcepart.
func (j JID) Bare() JID {
	if j.slash == 0 {
		return j
	}
	return JID{s: j.s[:j.slash-1], at: j.at}
}

// WithResource returns j with the resourcepart r, normalised, in place of its
// own. It refuses an empty r; Bare removes a resourcepart.
func (j JID) WithResource(r string) (JID, error) {
	bare := j.Bare()
	if bare.IsZero() {
		return JID{}, &Error{Part: partDomain, Reason: "is empty", JID: "/" + r}
	}
	out, fault := resourcepart(r)
	if fault != "" {
		return JID{}, &Error{Part: partResource, Reason: fault, JID: bare.s + "/" + r}
	}
	return JID{bare.s + "/" + out, bare.at, uint32(len(bare.s) + 1)}, nil
}

// IsZero reports whether j is no JID.
func (j JID) IsZero() bool { return j.s == "" }

// IsBare reports whether j is a JID without a resourcepart.
func (j JID) IsBare() bool { return j.s != "" && j.slash == 0 }

// IsFull reports whether j has a resourcepart.
func (j JID) IsFull() bool { return j.slash != 0 }

// IsDomain reports whether j is a domainpart alone.
func (j JID) IsDomain() bool { return j.s != "" && j.at == 0 && j.slash == 0 }

// MarshalText returns the address; nothing for the zero JID.
func (j JID) MarshalText() ([]byte, error) { return []byte(j.s), nil }

// UnmarshalText parses an address as Parse does; empty text gives the zero JID.
func (j *JID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*j = JID{}
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*j = parsed
	return nil
}
