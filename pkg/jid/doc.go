// Package jid holds XMPP addresses: "localpart@domainpart/resourcepart", as
// RFC 7622 defines them.
//
// A [JID] is a small comparable value. Two JIDs are the same address exactly
// when == says so, because [Parse] brings every spelling to one normal form;
// a JID is therefore a map key as it stands. The zero value means "no JID".
//
// # Which constructor
//
// [Parse] is for text from people, configuration and HTTP callers: it
// normalises, and refuses what RFC 7622 does not allow. [FromServer] is for the
// from and to attributes an XMPP server stamped: it normalises where it can and
// otherwise keeps the text byte for byte, since a stanza that arrived must stay
// answerable. [MustParse] is for constants and tests.
//
// # Normal form
//
// The address is split at the first '/', and what is before it at the first
// '@' (RFC 7622, section 3.1). The split looks at the text as it was given, so
// a full-width '＠' or '／' never separates parts. No part may be empty where
// its separator stands, none may exceed 1023 octets once normalised, and none
// may hold invalid UTF-8, a control character, or a character that XML 1.0
// cannot carry.
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
// Where a normal form would change again when normalised again, the address is
// refused, so Parse(j.String()) == j always holds for a parsed j.
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
// Escaping (XEP-0106) is not done: `d\27artagnan@example.com` keeps its
// backslash, as the protocol requires of everything but user interfaces.
//
// # Unicode notes
//
// "Σ" becomes "σ", but "ς" stays: RFC 7622 holds them apart, and so does the
// domainpart. "İ" becomes "i" and U+0307. "ß" stays. Joiners (U+200D) and
// variation selectors are refused except where RFC 5892 allows a joiner, so
// many emoji sequences cannot be parsed; FromServer keeps them. A part with a
// run of over 30 combining marks is refused.
//
// # Patterns
//
// [ParseGlob] reads the patterns that access lists are made of.
package jid
