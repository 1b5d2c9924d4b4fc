// Package sending sends what HTTP requests ask for, and follows each message to its outcome.
//
//	sender.go    the walk of a stanza: who gets it, what is noted of it, what its caller hears
//	self.go      a bound for what goes between our own addresses
//	notes.go     what is remembered of a stanza before somebody can react to it
//	outcomes.go  what has become of messages: confirmed, expired, bounced, echoed by a room
//	proofs.go    received or displayed, and what an earlier process has sent
//	log.go       lines at debug, trace.go spans
//
// # Laws
//
//   - A caller gets the outcome that is known when its wait ends; what comes later goes
//     into the store, for later requests.
//   - What comes while a message is sent is the outcome of the request that sends it, and of no
//     other.
//   - Errors, echoes and proofs are noted without a wait: the reader of a link calls.
//   - What is sent between our own addresses is bounded in time, as no count of hops can.
package sending
