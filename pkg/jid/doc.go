// Package jid holds XMPP addresses: "localpart@domainpart/resourcepart", as
// RFC 7622 defines them.
//
// A [JID] is a small comparable value. [Parse] converts every spelling to one normal
// form, so two JIDs are the same address exactly when == holds, and a JID can be a
// map key. The zero value is no JID.
//
// # Which constructor
//
// [Parse] is for text from people, configuration and HTTP callers: it normalises, and
// refuses what RFC 7622 forbids. [FromServer] is for the from and to attributes of
// stanzas from an XMPP server: it normalises if possible and otherwise keeps the text
// byte for byte, since a received stanza must stay answerable. [MustParse] is for
// constants and tests.
//
// # Normal form
//
// The address is split at the first '/', and the part before it at the first '@' (RFC
// 7622, section 3.1). The split happens before normalisation, so a full-width '＠' or
// '／' never separates parts. A part with a separator must not be empty. No part may
// exceed 1023 octets after normalisation, or contain invalid UTF-8, a control
// character, or a character that XML 1.0 cannot carry.
//
//   - Localpart (RFC 7622, section 3.3): the UsernameCaseMapped profile of RFC
//     8265, section 3.3: full and half width mapped, lower case, NFC, and the
//     bidi rule of RFC 5893. The characters "&'/:<>@ and all spaces are refused,
//     also where they come out of the width mapping.
//   - Domainpart (RFC 7622, section 3.2): an IPv6 address in brackets, without a
//     zone, written as RFC 5952 has it; an IPv4 address; or a name, in lower
//     case, as U-labels (RFC 5891, mapped as UTS #46 does), without a final dot.
//   - Resourcepart (RFC 7622, section 3.4): the OpaqueString profile of RFC
//     8265, section 4.2: case kept, any space turned into U+0020, NFC. Spaces at
//     either end are allowed, as erratum 4560 of RFC 7622 says.
//
// An address whose normal form changes when it is normalised again is refused, so
// Parse(j.String()) == j holds for every parsed j.
//
// # Wider than RFC 7622
//
// Marked COMPAT in the source:
//
//   - A localpart may hold symbols, punctuation and compatibility characters
//     ("♥", "Ⅳ") that the PRECIS IdentifierClass refuses. Servers of the
//     stringprep era (RFC 6122: Prosody, ejabberd) have such accounts.
//   - A domainpart may hold underscores, which local names do, symbols that
//     IDNA2003 allowed ("i♥.example"), and labels over 63 octets.
//
// The package does no escaping (XEP-0106): `d\27artagnan@example.com` keeps its
// backslash, as the protocol requires outside of user interfaces.
//
// # Unicode notes
//
// "Σ" becomes "σ", but "ς" stays: RFC 7622 distinguishes them, also in the
// domainpart. "İ" becomes "i" and U+0307. "ß" stays. Joiners (U+200D) and
// variation selectors are refused except where RFC 5892 allows a joiner, so
// many emoji sequences cannot be parsed; FromServer keeps them. A part with a
// run of over 30 combining marks is refused.
//
// # Patterns
//
// [ParseGlob] reads the patterns of access lists.
//
// # Where to look
//
// scan.go is the fast path for ASCII addresses in normal form, jid.go the type and
// the split, prepare.go and domain.go the profiles of the parts, error.go the error,
// glob.go the patterns.
package jid
