// Package httpapi is the HTTP server: routing, authentication, limits, health.
//
// What is served comes from outside as Mounts (package rest is one): a set of
// routes under one prefix, and the way errors are written there, because
// programs that come from other software expect that software's errors. The
// server does what is the same everywhere:
//
//	request id -> access log -> recover -> base path              every request
//	-> authentication -> rate limit -> size and arrival of the body
//	-> bound on concurrency -> handler                            requests of a Mount
//
// Without authentication there are /healthz and /readyz, nothing else.
//
// # Time
//
// There is no global write timeout, because answers to IQs and event streams may
// take minutes. Instead each step is bounded: the header, the arrival of the
// body, the writing of the answer once it has begun, and the idle connection.
// How long a handler waits is its own contract with the caller.
package httpapi
