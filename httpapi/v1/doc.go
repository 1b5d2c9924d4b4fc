// Package v1 is stanzahook's own HTTP API for operators: deliveries, dead
// letters and endpoints. All of it needs the scope admin.
//
//	GET    /v1/deliveries               the deliveries, those received last first
//	                                    ?endpoint= &state= &jid= &after= &before= &limit= &cursor=
//	GET    /v1/deliveries/{id}          one of them, with its stanza and the answers
//	POST   /v1/deliveries/{id}/replay   202: it is in the queue again, under its id
//	DELETE /v1/deliveries/{id}          204: it is not delivered any more
//	GET    /v1/dead-letters             those that died last first; the same
//	                                    parameters but state
//	GET    /v1/endpoints                the endpoints, in the order of the configuration
//	GET    /v1/endpoints/{name}
//	POST   /v1/endpoints/{name}/test    200: what one attempt with a made-up event gave
//	POST   /v1/endpoints/{name}/enable  200: the endpoint
//	POST   /v1/endpoints/{name}/disable 200: the endpoint; {"reason":"…"}
//	POST   /v1/endpoints/{name}/replay  202: all its dead letters; ?since=
//
// after, before and since are moments (RFC 3339) or durations back from now,
// such as 2h; of dead letters, they are about when they died. jid is the sender
// or the addressee, bare or full. With state=dead the list is that of
// /v1/dead-letters, which goes further back than the log. A cursor belongs to
// the parameters it was given out for; a page may have fewer items than limit
// (default 50, at most 500).
//
// Lists have neither stanzas nor answers, which may be large. What is not
// known, or not there, is null; "endpoint" is null in the dead letters of the
// outbox, which are stanzas for the XMPP server.
//
// Errors are application/problem+json: 400 for parameters and fields that are
// unknown or wrong, which are named; 404 for unknown ids and names; 409 for what
// cannot be done in the state it is in; 507 when the store is full.
package v1
