// Package webhook is the protocol between stanzahook and an HTTP endpoint: how a
// stanza becomes a request, in one of four formats, and what the answer means. It
// keeps nothing, retries nothing and needs no store: package delivery does that.
//
// A stanza for an [Endpoint] is an [Event]. A [Client] posts it and judges the answer
// into a [Verdict]: done (perhaps with replies, which are stanzas), refused (with a
// stanza error for the sender), or to be tried again.
//
// # The walk of one stanza
//
//	endpoint.go, match*.go     Matches: which endpoints get the stanza; Index finds them
//	event.go, hops.go          for each an event; Admit and Looped end loops of bots that answer
//	                           each other
//	events.go, facts.go        what of messages it gets, and what was known when they came
//	format.go, format_*.go     encode: the body of the request
//	post.go                    Post: one request, with the headers of Standard Webhooks, signed
//	post_plain*.go, post_pool.go   the same over the fast client for http and sockets
//	batch.go                   PostBatch: one request for several events, and an answer for each
//	answer.go                  the body of the answer
//	format_*.go                judge: what status and body mean
//	reply*.go                  the stanzas that the body makes; reply_message.go: reactions and
//	                           others that refer to a message
//	fault.go, verdict.go       the verdict; of a failure, whose fault it is
//	receipt.go                 Receipt: the answer to a request for a receipt (XEP-0184)
//
// A fifth format is a file format_*.go, a constant (endpoint.go) and a case in formatOf
// (format.go). Outside this package: in cmd/internal/config its name, where that is
// checked, and the delivery that it has by default; in package delivery, what looks at
// FormatEvent: whether a refusal is logged, and makes a dead letter; what is shown by
// the OpenAPI document; the pages on configuration and webhooks.
//
// A pulled event has no request: EncodeEvent (format_event.go) encodes it for its reader.
// format_rest_probe.go asks an endpoint for its format before the first stanza.
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
