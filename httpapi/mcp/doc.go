// Package mcp offers the tools of package tools by the Model Context Protocol
// (https://modelcontextprotocol.io, revisions 2024-11-05 to 2026-07-28): over HTTP without
// sessions, and over the standard streams of a process.
//
// Only what tools need is served: initialize, server/discover, ping, tools/list, tools/call
// and notifications of clients. There are no subscriptions, no streams of the server, and no
// batches: one request is one call, so that it counts for the bounds of its caller as any
// other request.
package mcp
