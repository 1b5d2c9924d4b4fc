// Package gateway is the seam between HTTP and XMPP: "send this, tell me what became
// of it". Whoever sends for somebody else uses its words:
//
//   - the errors of sending and asking, once for the link to the server, the sessions
//     of accounts, the outbox and the HTTP API (errors.go);
//   - [Outcome], what such an error means to a caller: its HTTP status, and when to try
//     again (outcome.go). Each API renders it in its own form;
//   - [Caller], who may send what from which address (caller.go). This rule stands here
//     and nowhere else.
//
// It follows RFC 6120 section 8.3 (stanza errors) and RFC 9110 section 15 (status codes).
package gateway
