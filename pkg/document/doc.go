// Package document decodes the bodies of requests and answers of other programs.
//
// Bodies are UTF-8, with or without a byte order mark (RFC 8259 section 8.1).
// [Decode] also decodes ISO-8859-1 and Windows-1252 if the Content-Type or the XML
// declaration names them; it refuses all other encodings.
//
// [Clean] replaces characters that XML cannot carry, and so no stanza, by U+FFFD.
// [NotJSON] explains JSON errors.
package document
