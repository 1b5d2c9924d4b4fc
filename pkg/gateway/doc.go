// Package gateway is the seam between HTTP and XMPP: "send this, tell me what became of
// it". All who send for others share it:
//
//   - [Sender] sends and asks; the HTTP APIs use it, over the outboxes and links;
//   - the errors of sending and asking, once for the link to the server, the sessions
//     of accounts, the outbox and the HTTP APIs (errors.go);
//   - [Outcome], what such an error means to a caller: its HTTP status, and when to try
//     again. Each API renders it in its own form;
//   - [Caller], who may send what from which address. This rule is only here.
//
// It follows RFC 6120 section 8.3 (stanza errors) and RFC 9110 section 15 (status codes).
// Package gatewaytest has a Sender for tests.
package gateway
