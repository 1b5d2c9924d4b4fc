// Package document reads the texts that other programs send: bodies of
// requests and of answers.
//
// A text is UTF-8. A byte order mark in front of it is ignored (RFC 8259
// section 8.1). ISO-8859-1 and Windows-1252 are decoded where a text says that
// it is one of them, in the charset of its Content-Type or in its XML
// declaration; every other encoding is refused by name.
//
// What XML cannot carry, and so no stanza, is replaced by U+FFFD and counted:
// see [Clean].
package document
