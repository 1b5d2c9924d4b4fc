package jid

import "strings"

// maxPart is the most octets a normalised part may have (RFC 7622, section 3.1).
const maxPart = 1023

// JID is an XMPP address. It is a value: copy it, compare it with ==, use it as
// a map key. The zero value is no JID.
type JID struct {
	s string
	// Where the domainpart and the resourcepart begin in s; 0 where the
	// separator before them is absent. Both follow from s, so that comparing
	// two JIDs compares their text.
	at, slash uint32
}

// Parse reads and normalises an address. Its error is an [*Error].
//
// An address of ASCII characters that is already in normal form is kept as it
// is, without an allocation: the JID then shares the memory of s.
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

// FromServer takes an address that an XMPP server stamped on a stanza. Where
// Parse accepts it, the result is Parse's. Where Parse does not, the server
// still vouches for it: the text is kept byte for byte and only split, so any
// part may then be empty, unnormalised, or something Parse refuses. FromServer
// never fails; of an empty string it makes the zero JID.
//
// Text forms of such a JID must be read back with FromServer: UnmarshalText is
// as strict as Parse.
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

// split finds where the domainpart and the resourcepart of s begin (RFC 7622,
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

// MarshalText writes the address; nothing for the zero JID.
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
