// Package v1 is stanzahook's own HTTP API: sending, pulling events, rosters, and what
// operators need. Its OpenAPI document says what each operation takes and answers (see
// package openapi, and examples/guide/http-api.md, which is made of it). This package
// has a type for each resource, in a file of its own: messages, queries (IQs), events,
// rosters and their jobs, deliveries, deadLetters, endpoints, process. What the API can make
// beside the configuration file (endpoints, hooks, commands) has its list, its PUT and its
// DELETE in made.go.
//
// # Sending
//
// The keys of a stanza are those of package restjson for its kind; any other is refused
// by name.
//
// A message or presence is confirmed (the XMPP server has it), or queued (it is on disk
// and goes out when the link is back); later it may become bounced (it came back as an
// error), expired (it was queued for too long, and is a dead letter) or rejected (by the
// server). Without wait, a bounce is an event message.error of the endpoint that has the
// sender's address. With wait, a bounce before the confirmation is the answer, and no
// event. While there is no connection nobody waits: the answer is 202, queued. If the
// confirmation is late, the message is stored, and the wait goes on to its end.
//
// # Idempotency
//
// A POST with an Idempotency-Key is done once per token and path. The key and the answer
// are stored for 24 hours if the answer is a success or 422. After any other answer the
// request may be repeated with its key, and the stanza keeps the id of the first time,
// as it does after a crash before the answer was stored, so that a recipient of both
// can tell.
//
// # Rosters
//
// A refresh goes on if the caller goes. A job keeps not all results if there are many,
// and failures rather than successes; it counts all. Without a connection to the server
// a refresh of one roster is a 503, and a job has the error as the user's result.
package v1
