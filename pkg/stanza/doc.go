// Package stanza keeps XMPP stanzas as the exact bytes that were on the wire, with a
// light parse of what routing needs.
//
// A bridge must pass on what it does not understand. Decoding a stanza into Go
// structures and encoding it again loses unknown extensions, so a [Stanza] keeps
// its XML unchanged and knows its kind, type, id, addresses and the names of its
// direct children. [Stanza.Element] reads a child as a tree when somebody needs
// more of it.
//
//   - [Reader] splits a stream into top-level elements (RFC 6120 section 4). It
//     finds the end of an element, whatever is inside, and enforces the size limit.
//     A bad stanza does not end the stream.
//   - [Parse] is strict: it accepts well-formed XML 1.0 with namespaces, restricted
//     by RFC 6120 section 11.1 (no DTD, comments, processing instructions, or
//     entities other than the predefined five), within [Limits].
//   - [Element] is an element with all its attributes, text and children.
//
// A stanza of [Parse] or [Build] is safe to write into a stream: it is one
// well-formed element in the stream's own default namespace.
//
// The condition of a stanza error (RFC 6120 section 8.3) is a Go error, [Error].
// [FromHTTP] converts an HTTP status into one.
//
// # A stanza, file by file
//
// reader.go and frame.go cut the bytes of one element out of the stream. parse.go
// reads them with the strict scanner of scan.go; namespace.go resolves prefixes,
// chars.go and unescape.go know characters and references, limits.go the bounds.
// stanza.go and types.go answer questions about the result, element.go returns a
// child as a tree, and privilege.go says whether a stanza claims privileges.
// document.go accepts stanzas that a program wrote as a document with prefixes.
// build.go makes new stanzas, errors.go and status.go errors.
package stanza
