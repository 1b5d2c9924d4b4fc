// Package delivery delivers events to the endpoints of package webhook: at least once,
// in order per conversation, retried with exponential backoff until an endpoint has
// accepted them or they are dead letters.
//
// A [Worker] delivers to one endpoint: [Worker.Enqueue] through the durable queue,
// [Worker.Deliver] in one attempt, [Worker.Request] for an IQ that waits for its answer.
// An endpoint without a URL is read from instead ([Puller]). [Removed] keeps the
// queues of endpoints that are no longer configured.
//
// # The walk of one event
//
//	worker.go      Enqueue: the event goes into the endpoint's queue, or its sender gets an error
//	record.go      the event as the store keeps it
//	queue.go       its lane (lane.go) in memory (memory.go); it is stored while it is delivered
//	run.go         a runner takes the lane when it is due (schedule.go) and it is the turn of its
//	               sender (source.go)
//	attempt.go     one request by webhook.Client, in one of the endpoint's slots (slots.go); the
//	               result goes to the delivery log and the breaker (breaker.go)
//	batch.go       the same for several events of a lane, if the endpoint wants that
//	retry.go       after a failure: backoff; the lane waits. After too many, or too late (sweep.go):
//	respond.go     the event is given up: a dead letter, then an error to its sender. Otherwise
//	               the receipt, replies or error go to the XMPP server
//	queue.go       ack: when the server has confirmed them, the store removes the event
//
// Each change of state is reported to those who watch (watch.go).
//
// Events without a queue, and IQs, go by direct.go and keyedrunner.go. target.go is what
// all paths know of an endpoint and write about its events. For operators there are
// admin.go, of one endpoint, and deliveries*.go, of all.
//
// # The walk of a pulled event
//
//	pull.go         enqueue: the event is stored, and the reader woken; events nobody
//	                acknowledges expire
//	pull_reader.go  Read and Next: the reader gets pages of stored events, each with its cursor
//	pull_cursor.go  the place of an event in the order of arrival
//	pull_ack.go     Ack: everything up to a cursor is finished; receipts are sent, and the
//	                store removes the events when the server has confirmed them
//
// # The queue
//
// Events of a conversation (the two bare addresses) form a lane, and have one request in
// flight, with one event or, if the endpoint wants that, several; lanes do not wait for
// each other. An event is delivered from memory
// while it is being stored; events that do not fit into memory are read from the store when
// their lane gets there, and so is the backlog of the previous process. A failing lane waits
// by itself, and keeps only its first event in memory. When attempts fail in a row, the
// circuit breaker opens, and the endpoint is probed.
//
// An event is removed from the store when the endpoint has accepted it and, if
// it replied, when the XMPP server has confirmed the reply. A process that is
// killed before that delivers the event again, with the same webhook-id; an event that
// was not stored yet is lost, as if it had still been in the socket. An event that is
// given up is a dead letter first, and only then removed.
//
// # The breaker
//
// Package webhook decides whose fault a failure is; the breaker acts on it. A
// sender is a bare JID, a room too; of a domain that is not the operator's
// (Endpoint.Hosts) the whole domain, for it can have as many users as it likes. A
// sender has as many conversations as it likes, so nothing is counted or shared by
// those. A Retry-After of 503 holds the endpoint back; one of 429 the conversation
// alone, and the endpoint once it is failing for two senders.
//
// The breaker opens after ten failures in a row over five seconds: ten of the
// endpoint, or of two senders at least. Then the endpoint is probed, by the
// senders in turn. Others are held back only when two senders got no answer, or
// ten fail: until then each failing conversation waits by its own schedule, and
// what a sender can cause alone holds up only that sender.
//
// # What senders share
//
// Attempts in flight, the turns of lanes that are ready, events in memory and events
// delivered directly have a bound for the endpoint. Nobody holds more of them
// than are left free (mayTake), so one sender has half at most, and another one
// finds some.
//
// # Where the time goes
//
// make profile measures the shares of CPU on a real server, which are in the guide
// (performance.md); go test -bench EventQueued -cpuprofile shows them without one.
// Most of an event is the POST. An attempt through net/http would be handed to two
// goroutines and back, and one through a general client that writes the header anew costs
// 4 µs more. A reply that is a text is not parsed again (3 µs). A removal costs the store
// 0.7 ms, so there are few (store.sweepPause: 4 µs an event at 20 ms).
package delivery
