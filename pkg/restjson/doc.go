// Package restjson maps stanzas to JSON objects and back, with the keys of
// mod_rest.
//
//	key      type    XML
//	kind     string  the element: message, presence, iq
//	type     string  @type; "available" in JSON is no type in XML
//	to       string  @to
//	from     string  @from
//	id       string  @id
//	lang     string  @xml:lang
//	body     string  <body> (messages)
//	subject  string  <subject> (messages)
//	thread   string  <thread> (messages)
//	error    object  <error>: {"type", "condition", "text"}
//
// What a stanza holds beyond these keys is not in its JSON; the events of
// webhooks carry the exact XML beside it.
package restjson
