// Package stanza holds XMPP stanzas as the exact bytes that were on the wire,
// together with a light parse of what routing needs.
//
// A bridge must hand on what it does not understand. Decoding a stanza into Go
// structures and encoding it again loses unknown extensions, so a [Stanza]
// keeps its XML as it came and knows only its kind, type, id, addresses and
// the names of its direct children. Everything else stays text until somebody
// asks for it.
//
// The work is split in two:
//
//   - [Reader] frames a stream (RFC 6120 section 4): it finds where a
//     top-level element ends, whatever is inside, and enforces the size limit.
//     It never gives up on the stream because one stanza is bad.
//   - [Parse] is strict: well-formed XML 1.0 with namespaces, and only what
//     RFC 6120 section 11.1 leaves of it (no DTD, no comments, no processing
//     instructions, no entities but the predefined five), within [Limits].
//
// Whatever [Parse] or [Build] returned is safe to write into a stream: it is
// one well-formed element in the stream's own default namespace.
//
// Errors are [Error] values: the condition of a stanza error (RFC 6120 section
// 8.3) is the Go error, converted to and from HTTP at the edge by [FromHTTP].
package stanza
