// Package upload puts files where the XMPP server keeps them (XEP-0363): it asks for a slot
// in the name of a bot, and sends the file to the slot's address over HTTP.
//
//	all := upload.New(upload.Options{Components: settings, Service: find, Request: ask})
//	file, err := all.Put(ctx, upload.Upload{Bot: bot, Caller: "app", Name: "a.png", Size: n, Body: body})
//	file, err := all.Fetch(ctx, upload.Upload{Bot: bot, Caller: "app"}, "https://example.com/a.png")
//
// A file is streamed: what is in memory of it at one time is less than 256 KiB. A file whose
// length is not known beforehand goes to a file without a name in the directory of the store
// first, since the server wants to know the length.
//
// # Bounds
//
// Per component: so many files at a time, of which one caller may have half; so many bytes
// spooled, of which one caller may have half; so much time for one file. Nobody waits for a
// place.
//
// # What is trusted
//
// The length and the type that a caller gives are checked, or only hints. The name is
// reduced to its last element. The address of a slot is one that others have chosen: the
// client must be one of package outbound. Of a slot's headers, those of XEP-0363 are sent.
//
// Killed during an upload: the file may be on the server, and nobody knows its address.
//
// slot.go has the protocol, put.go sends a file, fetch.go gets one, content.go and spool.go
// are the file on its way, name.go and media.go what it is called and made of, places.go the
// bounds, records.go what became of the latest files, and advice.go how to configure the
// servers.
package upload
