package restjson

import (
	"encoding/json"

	"stanzahook/pkg/stanza"
)

const (
	nsInfo     = "http://jabber.org/protocol/disco#info"
	nsItems    = "http://jabber.org/protocol/disco#items"
	nsCommands = "http://jabber.org/protocol/commands"
)

var iqKeys = []key{
	{name: "ping", space: "urn:xmpp:ping", local: "ping", shape: flag{}},
	{name: "disco", space: nsInfo, local: "query", shape: disco(
		children("identities", list("identity", fieldsOf(at("category", str), at("type", str), at("name", str)))).evenEmpty(),
		children("features", list("feature", attribute{"var", str})).evenEmpty(),
		children("extensions", extensions{}))},
	{name: "items", space: nsItems, local: "query", shape: func() record {
		r := disco(children("items", list("item", func() record {
			r := fieldsOf(at("jid", str), at("node", str), at("name", str))
			r.plain = "jid"
			return r
		}())))
		r.row = "items"
		return r
	}()},
	{name: "command", space: nsCommands, local: "command", shape: func() record {
		note := fieldsOf(at("type", oneOf("info", "warn", "error")), inside("text", str))
		note.plain = "text"
		r := fieldsOf(at("node", str), at("action", oneOf("execute", "cancel", "complete", "next", "prev")),
			at("sessionid", str), at("status", oneOf("executing", "completed", "canceled")),
			children("actions", one{"", "actions", fieldsOf(at("execute", str), is("next"), is("prev"), is("complete"))}),
			children("note", one{"", "note", note}),
			children("form", one{nsForm, "x", dataform}),
			children("data", one{nsForm, "x", formdata{}}).asInput())
		r.plain = "node"
		return r
	}()},
	{name: "formdata", space: nsForm, local: "x", shape: formdata{}, input: true},
	{name: "version", space: "jabber:iq:version", local: "query", shape: fieldsOf(
		texts("name"), texts("version"), texts("os"))},
	{name: "lastactivity", space: "jabber:iq:last", local: "query", shape: fieldsOf(
		at("seconds", integer), inside("status", str))},
	{name: "stats", space: "http://jabber.org/protocol/stats", local: "query", shape: items{list("stat", fieldsOf(
		at("name", str), at("unit", str), at("value", number)))}},
	{name: "oob", space: "jabber:iq:oob", local: "query", shape: fieldsOf(texts("url"), texts("desc"))},
	{name: "register", space: "jabber:iq:register", local: "query", shape: fieldsOf(
		is("registered"), is("remove"), texts("instructions"), texts("username"), texts("nick"), texts("password"),
		texts("name"), texts("first"), texts("last"), texts("email"), texts("address"), texts("city"), texts("state"),
		texts("zip"), texts("phone"), texts("url"), texts("date"), texts("misc"), texts("text"), texts("key"))},
	{name: "gateway", space: "jabber:iq:gateway", local: "query", shape: fieldsOf(
		texts("desc"), texts("prompt"), texts("jid"))},
	{name: "extdisco", space: "urn:xmpp:extdisco:2", local: "services", shape: fieldsOf(
		at("type", str), children("services", list("service", fieldsOf(
			at("host", str), at("name", str), at("password", str), at("port", integer), at("restricted", boolean),
			at("transport", str), at("type", str), at("username", str), at("expires", str)))))},
	{name: "archive", space: nsArchive, local: "query", shape: archive},
	{name: "result", space: nsArchive, local: "fin", shape: fieldsOf(page)},
	{name: "upload_request", space: nsUpload, local: "request", shape: fieldsOf(
		at("filename", str), at("size", integer), at("content-type", str))},
	{name: "upload_slot", space: nsUpload, local: "slot", shape: fieldsOf(
		children("get", one{"", "get", fieldsOf(at("url", str))}),
		children("put", one{"", "put", fieldsOf(at("url", str),
			children("headers", list("header", fieldsOf(at("name", str), inside("value", str)))))}))},
	{name: "block", space: nsBlocking, local: "block", shape: items{list("item", fieldsOf(at("jid", str),
		children("report", one{"urn:xmpp:reporting:1", "report", fieldsOf(at("reason", str),
			children("stanza_ids", row{one{"urn:xmpp:sid:0", "stanza-id", fieldsOf(at("id", str), at("by", str))}}))})))}},
	{name: "blocklist", space: nsBlocking, local: "blocklist", shape: items{list("item", fieldsOf(at("jid", str)))}},
}

const (
	nsUpload   = "urn:xmpp:http:upload:0"
	nsBlocking = "urn:xmpp:blocking"
)

// is is a child element without content, as a boolean.
func is(key string) field { return children(key, one{"", key, flag{}}) }

// disco is a query of XEP-0030. Without content its value is the node, or true.
func disco(fields ...field) record {
	r := fieldsOf(append([]field{at("node", str)}, fields...)...)
	r.plain, r.yes, r.terse = "node", true, true
	return r
}

// only is the text of one child; another key has the whole element.
type only struct{ local string }

func (o only) doc() string { return "string" }

func (o only) encode(dst []byte, n *stanza.Element, at level) ([]byte, bool, bool) {
	k := n.Child(n.Space, o.local)
	if k == nil {
		return dst, false, false
	}
	return appendString(dst, k.Text), false, true
}

func (o only) decode(e *builder, v json.RawMessage, at level) error {
	return one{"", o.local, content{str}}.decodeAll(e, v, nil, at)
}
