// Package store keeps events on disk until they are answered: an embedded NATS
// JetStream server, reached in process, with no socket.
//
// One WorkQueue stream holds the events of all endpoints, one record per
// event, under the subject ev.<endpoint>.<conversation>. A WorkQueue stream
// contains exactly what has not been acknowledged, in order; so a consumer is
// never resumed but made anew at each start ("epoch consumer"): it then sees
// every unanswered event again in the order of arrival, which a resumed one
// would not (unacknowledged events would come back late and be overtaken).
// The consumer's state can therefore live in memory.
//
// What a publish that was confirmed means: with [SyncInterval] the event
// survives a killed process, and a power cut but for the last second; with
// [SyncAlways] it survives both.
package store
