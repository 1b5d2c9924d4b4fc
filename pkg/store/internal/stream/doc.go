// Package stream keeps records in named streams on disk. It is the only package that
// knows NATS: a [Server] is an embedded NATS JetStream server, reached in process, with
// no socket; nothing that it exports is a type of NATS, so that a replicated or an
// external server can take its place.
//
//	server.go   start, restart after a failed write, stop
//	stream.go   one stream: open, put, replace, delete, purge, count
//	read.go     read: the last record of a subject, pages onwards, a walk backwards
//	window.go   many puts under way at once, whose results come in order
//	consume.go  hand out records, each until it is acknowledged
//
// A record has a subject: tokens with dots between them. In a filter of subjects "*"
// stands for one token and ">" for all that follow. A record has a place in its stream
// as well, a number that grows.
package stream
