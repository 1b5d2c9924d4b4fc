// Package stream keeps records in named streams on disk. It is the only package that
// knows NATS: a [Server] is an embedded NATS JetStream server, reached in process, with
// no socket, or an external one, of one node or a cluster of several. Nothing that it
// exports is a type of NATS.
//
//	server.go   start an embedded server, restart it after a failed write, stop
//	stream.go   one stream: open, put, replace, delete, purge, count
//	read.go     read: the last record of a subject, pages onwards, a walk backwards
//	each.go     read all records of a subject
//	inflight.go many puts under way at once, whose results come in order
//	consume.go  hand out records, each until it is acknowledged
//
// For an external server, whose answers may be lost and whose leaders change:
//
//	remote.go          connect; repeat requests; say what is wrong with it
//	remote_stream.go   open a stream and fence it; puts that are repeated
//	remote_consume.go  acknowledgements that are repeated; consumers that were lost
//	flow.go            puts under way, each with the place that it must have
//	leader.go          reads that decide anything, from the leader alone
//	probe.go           examine a server, for check
//
// A record has a subject: tokens with dots between them. In a filter of subjects "*"
// stands for one token and ">" for all that follow. A record has a place in its stream
// as well, a number that grows. On an external server, the names of streams and subjects
// have the name of the installation before them.
package stream
