// Package api is what package httpapi/v1 asks the running program for. It shows the parts of
// the program, which know nothing of HTTP, as the API shows them, and says in the API's words
// what their errors mean.
//
//	endpoints.go    endpoints: their workers, queues and dead letters; endpoints_match.go who gets a stanza
//	hooks.go        hooks of tools, and a test of one
//	commands.go     commands of bots, and their latest runs
//	rooms.go        rooms that bots are in
//	events.go       events that are pulled
//	status.go       the state of everything, and what the XMPP services offer
//	config.go       the keys of the configuration, and where each comes from
//
// Nothing is kept here. What is put is stored by cmd/internal/made/table.go.
package api
