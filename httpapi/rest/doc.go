// Package rest is the HTTP API of Prosody's mod_rest, as it is on a component. The
// OpenAPI document describes it (see package openapi), testdata/conformance specifies it
// by examples, and deploy/guide/migrate/mod_rest.md lists the differences from mod_rest.
//
//	POST /rest                     one stanza: XML, JSON, a form, or a text to ourselves
//	POST /rest/{kind}/{type}/{to}  kind, type and address in the path; the rest in the body
//	POST /rest/iq/{query}/{to}     a query; the body is its payload
//	GET /rest/{query}/{to}?k=v     a query with its payload in the URL
//	POST /rest/echo                answers with the stanza that would be sent
//
// The first letter of the kind in a path counts. The address is percent-decoded once; if
// it is empty it is that of the body, else the sender's own bare address. The queries
// are the keys of IQs in package restjson, whose mapping JSON has; forms have its flat
// keys.
//
// A message or presence is answered with 202 when the XMPP server has it, or with 200
// and the error stanza if that came back at once. An IQ is answered with 200 and its
// result or error. A query of an archive is answered with the results, in order, and
// then the answer of the IQ.
//
// The checks are in the order of mod_rest; fault.go has its table of errors.
package rest
