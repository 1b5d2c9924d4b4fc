// Package webhook is what stanzahook and an HTTP endpoint say to each other: how a
// stanza is put into a request, in one of four formats, and what the answer means. It
// keeps nothing, retries nothing and needs no store: package delivery does that.
//
// A stanza for an [Endpoint] is an [Event]. A [Client] posts it and judges the answer
// into a [Verdict]: done (perhaps with replies, which are stanzas), refused (with a
// stanza error for the sender), or to be tried again.
//
// # Where to look
//
//	endpoint.go, match.go      what an endpoint is, its defaults, which stanzas it gets
//	event.go, verdict.go       what goes in, what comes out
//	format.go, format_*.go     the formats: the request, and what each status means;
//	                           a fifth format begins in formatOf
//	post.go                    one request: Standard Webhooks headers, signature, Retry-After
//	post_plain*.go, post_pool.go   the fast client for http and sockets, its connections
//	answer.go, reply*.go       the body of an answer, and the stanzas made of it
//	receipt.go                 the answer to a request for a receipt (XEP-0184)
//	hops.go                    the element that ends loops of bots that answer each other
//	fault.go                   whose fault a failure is
//
// # Whose fault
//
// An attempt that fails counts against one of three, and faultOf (fault.go) alone
// decides against which. The rule is the same for queued and direct events, IQs and
// copies; pulled events have no attempts.
//
//	the message   no request can be made of it (a URL of more than 8000 bytes with
//	              the addresses filled in), or 400, 413, 414, 422, 431: refused, and
//	              in the queue a dead letter. The endpoint works.
//	the sender    every other status: a bot that breaks at a text breaks for whoever
//	              sends it. The breaker counts the senders.
//	the endpoint  no answer (refused, reset, TLS, name, timeout), 502, 503, 504: it
//	              did not work, whoever asked.
//
// In the formats of the modules a status of failure is the bot's answer to its
// stanza; it counts against nobody, unless it is one after which a queued event is
// retried. 410 in format event disables the endpoint, unless its URL has
// placeholders: then the answer is about one address, and counts against the sender.
package webhook
