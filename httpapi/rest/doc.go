// Package rest is the HTTP surface of Prosody's mod_rest, as it is on a
// component.
//
//	POST /rest                     one stanza: XML, JSON, a form, or a text to ourselves
//	POST /rest/{kind}/{type}/{to}  the path says kind, type and address; a body the rest
//	POST /rest/iq/{query}/{to}     a query; the body is its payload
//	GET /rest/{query}/{to}?k=v     the same, with the payload in the URL
//	POST /rest/echo                answers with the stanza that would be sent
//
// The kind in a path counts by its first letter. Its address is percent-decoded
// once, and may be empty where the slash is: then it is the body's, else the
// sender's own bare address. The queries are the keys of IQs in package
// restjson, which has the JSON mapping, and forms use its flat keys.
//
//	message, presence   202 when the XMPP server has it;
//	                    200 with the error stanza if it came back at once
//	iq get, set         200 with the answer, a result or an error stanza; the
//	                    request waits for it, as long as Prosody-Rest-Timeout says
//	query of an archive 200 with {"xmpp":[…]} or <xmpp>…</xmpp>: the results in
//	                    order, and the answer of the IQ behind them
//
// An answer is in the format that Accept prefers, else in that of the request,
// else XML. A form has the keys that are strings, numbers or true, and is for one
// stanza. Errors are JSON or XML, chosen likewise.
//
// What may be sent is checked in the order of mod_rest, and refused with its
// statuses and conditions; fault.go is the table, and testdata/conformance says
// all of it by examples.
//
// Credentials are a token, or a component's domain and secret, where
// Options.Secrets has them.
//
// # Differences from mod_rest
//
//   - 202 means that the server has the stanza, not only that it was handed on.
//   - A bad to is refused in JSON too; there it is dropped in silence. So are
//     keys and arguments that are not known, keys that are there twice, and text
//     that XML cannot carry.
//   - to must be given, but for texts and empty addresses in paths, which mean
//     the sender; there they always do.
//   - With XML the path has type and address too, and must name the same kind;
//     there it is passed over. With a path, an empty JSON object is enough.
//   - A body without content type is 415, also with a path; there it is dropped.
//   - An IQ that is not answered in time is 504; there it is 500.
//   - Accept is negotiated with q-values (RFC 9110 section 12.5.1).
//   - Errors never come as HTML. Their instance_id is the id of the request, and
//     what the caller has sent is not repeated in them.
//   - An unknown method is 405; there it is 404.
//   - JSON answers carry what the other keys do not say in "xml", and a whole
//     stanza can be given in "stanza".
//   - In a form true is "true"; there it is empty.
//   - An archive that sends more than fits one answer is 422, and the results of
//     an archive that nobody waits for go nowhere; there they go to the webhook.
//   - Stanzas that use the component's own privileges need the scope admin.
package rest
