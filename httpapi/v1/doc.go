// Package v1 is stanzahook's own HTTP API: what programs send and pull,
// whose rosters they refresh, and what operators look at.
//
// # Sending
//
//	POST   /v1/messages                 202: {"id","state"}; scope send
//	                                    {"to", "from", "type" (default chat), "id", "body", …, "xml"}
//	                                    ?wait=5s (60s at most): 200 when the server has it,
//	                                    422 when it came back
//	GET    /v1/messages/{id}            what became of it, for 24 hours; scope send
//	POST   /v1/presence                 202: {"id","state"}; ?wait; scope send
//	                                    {"to", "type", "show", "status", …}; with "muc" it
//	                                    joins the room of "to", room@service/nickname
//	POST   /v1/iq                       200: the result; scope query
//	                                    {"to", "type" (default get), "ping" or another key or "xml"}
//	                                    ?timeout=30s (http.iq_timeout, http.iq_max_timeout)
//
// The keys are those of package restjson for the kind; any other is a 400 that
// names it. Without "from" the sender is the token's first address, else the only
// component.
//
// A state is confirmed (the XMPP server has it), queued (it is on our disk, and
// goes out when the server is back), bounced (it came back as an error), expired
// (it was queued for too long, and is a dead letter), or rejected (the server
// does not take it). Without wait a 202 says confirmed or queued, and a bounce is
// an event message.error of the endpoint that has the sender's address. With wait
// the bounce before the confirmation is the answer, and no event: 422 with
// "condition" and "stanza_error" {"type","condition","text","by"}, as is the
// error that an IQ is answered with. While there is no connection nothing is
// waited for: 202, queued. When the confirmation is late, the message is stored,
// and the wait goes on to its end.
//
// With a header Idempotency-Key a POST of these is done once: it is kept with its
// answer for 24 hours, per token and path. The same key and the same body (byte
// for byte) give the same answer, marked Idempotency-Replayed: true; another body
// is a 422; while the first is still being answered, 409 with Retry-After. What
// is kept are answers of success and of 422; after all others the request may be
// repeated with its key, and goes out with the stanza id of the first time, as it
// does after a crash before the answer was stored. So who receives it twice can
// tell.
//
//	GET    /v1/status                   links, queues, endpoints, rosters, the store; any token
//
// # Rosters
//
// All of this needs the scope roster. A user is name@host, or the name alone
// where one host is configured or ?host= says which.
//
//	GET    /v1/rosters                  the users whose rosters were refreshed before,
//	                                    by address; ?host= &limit= (100, 1000 at most) &cursor=
//	GET    /v1/rosters/{jid}            {"jid","backend","wanted","actual","actual_time",
//	                                    "actual_error","last"}; wanted is what the web
//	                                    application has said last, actual is read from the
//	                                    server now; where that fails, it is what was read last
//	GET    /v1/rosters/{jid}/diff       what a refresh would change: {"add","change","remove"}
//	POST   /v1/rosters/{jid}/refresh    200: {"user","result","detail"}, also for a failure;
//	                                    ?force=1; ?async=1: 202 with a job
//	POST   /v1/rosters/refresh          202: a job
//	                                    {"users":[…]} or {"all":true}, "host", "force"
//	GET    /v1/jobs/{id}                how far it is, for 24 hours: {"id","state","total",
//	                                    "done","updated","errors","degraded","started","ended",
//	                                    "results":[{"user","result","detail"}],"left_out"};
//	                                    ?results=0: without the results
//
// A state is running, done, or interrupted (the process ended before). The
// results are those of package roster. Of a large job not all results are kept,
// but those of rosters that are not as wanted before others; all are counted.
//
// A refresh goes on when the caller goes. Force means: also where that takes away
// more than 10 contacts and more than half of a roster. Without a connection to
// the server a single refresh is a 503; of a job it is the users' result. What
// keeps a difference from being worked out is a 502 where the web application
// has given no answer that counts, 504 where the server has not, and 422 where it
// refuses.
//
// # Operating
//
// All of this needs the scope admin.
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
//	POST   /v1/reload                   200: the configuration was read again: {"changed":["…"]};
//	                                    422 with "problems" when it is not taken, and nothing
//	                                    has changed
//	POST   /v1/check                    200: {"ok","checks":[{"what","subject","verdict",
//	                                    "found","advice"}]}; {"user":"juliet@example.com",
//	                                    "config":"SHA-256 of a configuration file"}
//
// A check looks at links, privileges, the way through the server, rosters (that
// of the user, which is read and not changed), endpoints, the store and the clock
// now, and says what to do. A verdict is ok, warn or fail; with one fail "ok" is
// false. Endpoints are connected to, and get no request.
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
// # Errors
//
// Errors are application/problem+json: 400 for parameters and fields that are
// unknown or wrong, which are named; 401 with WWW-Authenticate for credentials
// that are missing or not accepted; 403 for a missing scope, a sender that the
// token may not use or that is at no component, and for what would act with the
// component's privileges; 404 for unknown ids and names; 409 for what cannot be
// done in the state it is in; 413 over a limit; 422 for what the XMPP side has
// refused; 429 over http.rate_limit, and for more requests under way than one
// caller may have; 502 when the web application that knows the
// rosters does not answer; 503 when there is no connection or too much is under
// way, with Retry-After; 504 when the XMPP side has not answered in time; 507 when
// the store or the outbox is full.
package v1
