// Package tools is what agents do by stanzahook: send, wait for what people write, ask, look at
// rooms. A [Tool] is defined once, by a struct for its arguments. Of that are made its JSON
// Schema, what GET /v1/tools lists, what package mcp offers, and the checks of a call.
//
// A tool makes requests to /v1 within the request that runs it ([httpapi.Within]), so its
// caller has the rights and bounds that it has there. What it returns is JSON; its errors
// are those of /v1, which name the argument.
//
// What people write is marked as untrusted: an agent that does what a message says is steered
// by whoever may write to it.
package tools
