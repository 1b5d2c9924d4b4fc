// Package store keeps on disk what must survive the process: an embedded NATS
// JetStream server, reached in process, with no socket.
//
//	stream         holds                                        until
//	EV_<endpoint>  events, a subject for each conversation      they are answered
//	OUT            stanzas for the XMPP server (the outbox)     the server has them
//	DLQ            dead letters, a subject for each             dead_letters.keep
//	LOG            the delivery log, many entries in a record   deliveries.keep
//	SENT, REQ      states of sent messages, idempotency keys    24 hours
//
// and the key-value buckets of the presence subscribers, of the endpoints that are
// disabled, and of what hosts of the server have.
//
// A [Queue] is written behind: its events are delivered from memory at the same
// time as they are stored, and the stream is only read where they did not fit
// into memory, and after a restart. What is answered is removed by watermark,
// some milliseconds later: everything up to the first event that is not
// answered with one purge. Behind a conversation that is stuck, the others are
// removed one by one (see ledger.go).
//
// What a place in a queue means: with [SyncInterval] the event survives a
// killed process, and a power cut but for the last second; with [SyncAlways]
// it survives both.
//
// A disk that is nearly full is recognised before it is: [ErrFull]. A write
// that fails all the same breaks the streams of the embedded server for good,
// so the server is replaced by a new one on the same files when there is room
// again; nothing that was acknowledged is lost by that, and what was refused is
// removed (recover.go). If the server hangs itself up, Options.Hung is called.
package store
