// Package rest is the HTTP surface of Prosody's mod_rest: POST /rest takes one
// stanza, as XML (application/xmpp+xml) or JSON (application/json, the keys of
// package restjson), and sends it into the XMPP network.
//
//	message, presence   202 when the XMPP server has it
//	iq get, set         200 with the answer, a result or an error stanza; the
//	                    request waits for it
//
// What may be sent is checked in the order of mod_rest, and refused with its
// statuses and conditions; fault.go is the table.
//
// # Differences from mod_rest
//
//   - 202 means that the server has the stanza, not only that it was handed on.
//   - A bad to is refused in JSON too; there it is dropped in silence. So are
//     keys that are not known, keys that are there twice, and text that XML
//     cannot carry.
//   - to must be given.
//   - An IQ that is not answered in time is 504; there it is 500.
//   - Accept is negotiated with q-values (RFC 9110 section 12.5.1).
//   - Errors never come as HTML.
//   - An unknown method is 405; there it is 404.
//   - JSON answers carry the exact XML in "stanza" where the other keys do not
//     say all of it.
package rest
