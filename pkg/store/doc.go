// Package store keeps on disk what must survive the process, in streams of an embedded
// NATS JetStream server, or of an external one (see internal/stream, which alone knows
// NATS).
//
//	stream         holds                                        until
//	EVENTS         events of all endpoints, as they come        they are acknowledged, or move
//	WAITING        events that wait for long                    they are acknowledged
//	OUT            stanzas for the XMPP server (the outbox)     the server has them
//	DLQ            dead letters, a subject for each             Options.DeadKeep
//	LOG            the delivery log, many entries in a record   Options.LogKeep
//	SENT, REQ      states of sent messages, idempotency keys    24 hours
//	ROSTERS, JOBS  records of rosters, roster jobs              they are replaced; Options.JobKeep
//	THREADS        first messages of what hooks report on       30 days
//	ROOMWAIT       messages that wait for a room to be joined   they are sent, or fail
//	CORRECTIONS    the latest correction of a message           it is sent
//	AVATARS        avatars of bots of the API                   no bot has them
//	KV_…           subscribers, disabled endpoints, features    they are replaced or removed
//
// # One stanza through the files
//
// [Queue.Append] (queue.go) takes the sender's share (shares.go), encodes the event
// (record.go) and leaves it to the publisher (publisher.go), which hands it to EVENTS;
// up to 1,024 events are under way at once (internal/stream/inflight.go). When the
// stream has written the event, Append's callback gets its place. Meanwhile the caller
// delivers the event from memory; only what did not fit into memory is read from the
// stream (queue_read.go, queue_pull.go), and after a restart all of it.
//
// When the event is finished, [Queue.Ack] marks it (marks.go). Some milliseconds later
// EVENTS is purged by watermark: everything up to the first event that is not
// finished goes at once, of all endpoints (recent.go, queues_sweep.go). So a thousand
// endpoints cost what one does. An event that cannot be delivered
// becomes a dead letter before it is acknowledged (deadletters.go), and each attempt is
// an entry of the delivery log (package deliverylog).
//
// # What waits
//
// An event that is not finished holds up the watermark. If it does so for a second while
// others behind it are finished, it moves to the end of WAITING, with all that
// its endpoint has before it (move.go). So what an endpoint has in WAITING is always older
// than what it has in EVENTS, and its worker reads the one and then the other; an event that
// moved keeps its place for the worker (older.go). WAITING is removed by endpoint and
// conversation (queue_remove.go), which costs more for each event. Events of a pulled
// endpoint wait by nature, and go there at once.
//
// The originals in EVENTS go when the disk has the copies, two seconds later, and no copy goes
// before its original. So whenever the process is killed, the next one finds copies and
// originals side by side, and knows which count (Queue.settle). Queues of versions that had
// a stream for each endpoint are moved to WAITING in the same way (queues_earlier.go).
//
// Everything else is the latest record of a key (bucket.go): states.go (endpoints, features),
// subscribers.go, rosters.go, sent.go, idempotency.go. Stanzas for the XMPP server wait
// in outbox.go. How the disk is divided is in budget.go.
//
// # On an external NATS
//
// Options.NATS puts the streams there (nats.go), 15 of them: rooms, avatars, states of endpoints,
// features and what was made by the API share one (states.go), and so do messages that wait for rooms
// and corrections (waiting.go). What had a stream of its own in earlier versions moves at the first
// start (nats_earlier.go).
// Every event carries the place that it must have, and is sent until NATS confirms it;
// purges and deletions do not change the next place. So nothing is refused because NATS is
// slow or elects a leader; when the publisher is full, what comes is. Copies in WAITING
// are such events, too, with a window of their own: they make room in EVENTS while that is
// full. At the start a fence keeps out what an earlier process has under way. How many
// events of a conversation wait is counted in memory (Queue.recentOf): the stream may not
// refuse one in the middle of others. There is no disk to watch, and no server to
// restart; a store that another process has taken calls Options.OnHung.
//
// # From a directory to NATS, and back
//
// [Copy] copies a store into an empty one (copy.go): part by part (copy_parts.go), each in the
// order of its places, which are new ones in the copy. A mark in the target says how far it is
// (copy_mark.go); records behind it are compared with the source and not copied again. What has
// moved to WAITING is settled in the source first, so no record of the copy says where it came from.
//
// # What is guaranteed
//
// With [SyncInterval] an event that was said to be stored survives a killed process, and
// a power cut but for the last second; with [SyncAlways] it survives both. Each function
// that stores says what is there if the process is killed before it returns.
//
// A disk that is nearly full is recognised before it is: [gateway.ErrFull]. A write that fails
// all the same breaks the streams of the embedded server for good, so the server is
// started again on the same files when there is room; nothing that was said to be stored
// is lost by that, and what was refused is removed (disk.go, watcher.go). If the server hangs
// itself up, Options.OnHung is called. A file that was damaged while the store was closed
// is reported when it is opened (integrity.go).
package store
