package restjson

import (
	"slices"

	"stanzahook/pkg/stanza"
)

// key is one key of the mapping. It stands for a direct child of a stanza.
type key struct {
	name         string
	space, local string
	shape        shape
	repeated     bool // all elements of that name, as an array
	input        bool // only read; another key writes the element
	alias        string
}

// The tables below are the mapping. Both directions and the documentation of the
// package use them.

// commonKeys are the keys of all kinds of stanza.
var commonKeys = []key{
	{name: "nick", space: "http://jabber.org/protocol/nick", local: "nick", shape: content{str}},
	{name: "delay", space: "urn:xmpp:delay", local: "delay", shape: attribute{"stamp", str}},
	{name: "payload", space: "urn:xmpp:json-msg:0", local: "payload", shape: fieldsOf(
		at("datatype", str), children("data", one{"urn:xmpp:json:0", "json", anyJSON{}}))},
	{name: "rsm", space: nsRSM, local: "set", shape: rsm},
	{name: "dataform", space: nsForm, local: "x", shape: dataform},
	{name: "error", local: "error", shape: stanzaError{}},
}

var messageKeys = []key{
	{name: "body", local: "body", shape: content{str}},
	{name: "subject", local: "subject", shape: content{str}},
	{name: "thread", local: "thread", shape: func() record {
		r := fieldsOf(inside("id", str), at("parent", str))
		r.plain = "id"
		return r
	}()},
	{name: "state", space: "http://jabber.org/protocol/chatstates", shape: named{oneOf(chatStates...)}},
	{name: "html", space: "http://jabber.org/protocol/xhtml-im", local: "html", shape: html{}},
	{name: "oob", space: "jabber:x:oob", local: "x", shape: fieldsOf(texts("url"), texts("desc"))},
	{name: "oob_url", space: "jabber:x:oob", local: "x", shape: only{"url"}, alias: "oob"},
	{name: "invite", space: "jabber:x:conference", local: "x", shape: fieldsOf(
		at("jid", str), at("reason", str), at("password", str), at("thread", str), at("continue", boolean))},
	{name: "replace", space: "urn:xmpp:message-correct:0", local: "replace", shape: attribute{"id", str}},
	{name: "attach_to", space: "urn:xmpp:message-attaching:1", local: "attach-to", shape: attribute{"id", str}},
	{name: "displayed", space: "urn:xmpp:chat-markers:0", local: "displayed", shape: attribute{"id", str}},
	{name: "markable", space: "urn:xmpp:chat-markers:0", local: "markable", shape: flag{}},
	{name: "occupant_id", space: "urn:xmpp:occupant-id:0", local: "occupant-id", shape: attribute{"id", str}},
	{name: "fallback", space: "urn:xmpp:fallback:0", local: "fallback", shape: flag{}},
	{name: "encryption", space: "urn:xmpp:eme:0", local: "encryption", shape: attribute{"namespace", str}},
	{name: "reply", space: "urn:xmpp:reply:0", local: "reply", shape: fieldsOf(at("id", str), at("to", str))},
	{name: "reactions", space: "urn:xmpp:reactions:0", local: "reactions", shape: fieldsOf(
		at("id", str), children("reactions", list("reaction", content{str})).evenEmpty())},
	{name: "reference", space: "urn:xmpp:reference:0", local: "reference", shape: fieldsOf(
		at("type", str), at("uri", str), at("begin", integer), at("end", integer))},
	{name: "stanza_ids", space: "urn:xmpp:sid:0", local: "stanza-id", repeated: true,
		shape: fieldsOf(at("id", str), at("by", str))},
	{name: "forwarded", space: "urn:xmpp:forward:0", local: "forwarded", shape: forwarded},
	{name: "archive", space: nsArchive, local: "result", shape: fieldsOf(
		at("id", str), at("queryid", str), children("forward", one{"urn:xmpp:forward:0", "forwarded", forwarded}))},
	{name: "receipt_request", space: "urn:xmpp:receipts", local: "request", shape: flag{}},
	{name: "receipt", space: "urn:xmpp:receipts", local: "received", shape: attribute{"id", str}},
}

var chatStates = []string{"active", "inactive", "gone", "composing", "paused"}

var presenceKeys = []key{
	{name: "show", local: "show", shape: content{oneOf("away", "chat", "dnd", "xa")}},
	{name: "status", local: "status", shape: content{str}},
	{name: "priority", local: "priority", shape: content{scalar{typ: "integer", from: -128, to: 127}}},
	{name: "muc", space: "http://jabber.org/protocol/muc", local: "x", shape: fieldsOf(
		children("history", one{"", "history", fieldsOf(at("maxchars", integer), at("maxstanzas", integer),
			at("seconds", integer), at("since", str))}))},
	{name: "join", space: "http://jabber.org/protocol/muc", local: "x", shape: flag{}, input: true, alias: "muc"},
	{name: "caps", space: "http://jabber.org/protocol/caps", local: "c", shape: fieldsOf(
		at("hash", str), at("node", str), at("ver", str), at("ext", str))},
	{name: "idle_since", space: "urn:xmpp:idle:1", local: "idle", shape: attribute{"since", str}},
	{name: "vcard_update", space: "vcard-temp:x:update", local: "x", shape: fieldsOf(texts("photo"))},
}

// keysOf returns the table of a kind.
func keysOf(k stanza.Kind) []key { return tables[k].keys }

// table finds keys by name and by element.
type table struct {
	keys   []key
	byName map[string]*key
	byXML  map[string][]*key // by local name
}

var tables = [...]table{
	stanza.Message:  newTable(commonKeys, messageKeys),
	stanza.Presence: newTable(commonKeys, presenceKeys),
	stanza.IQ:       newTable(commonKeys, iqKeys),
}

func newTable(lists ...[]key) table {
	t := table{byName: map[string]*key{}, byXML: map[string][]*key{}}
	for _, l := range lists {
		t.keys = append(t.keys, l...)
	}
	for i := range t.keys {
		k := &t.keys[i]
		t.byName[k.name] = k
		if k.alias != "" || k.input {
			continue
		}
		locals := []string{k.local}
		if s, ok := k.shape.(named); ok {
			locals = s.enum
		}
		for _, local := range locals {
			t.byXML[local] = append(t.byXML[local], k)
		}
	}
	return t
}

func (t *table) find(space, local string) *key {
	for _, k := range t.byXML[local] {
		if k.space == space {
			return k
		}
	}
	return nil
}

// Known reports whether objects of any kind may have the key.
func Known(name string) bool {
	return name == "stanza" || name == "xml" || slices.Contains(headerKeys, name) || len(others(name)) > 0
}

// others returns the kinds that have a key.
func others(name string) (kinds []string) {
	for k := stanza.Message; k <= stanza.IQ; k++ {
		if tables[k].byName[name] != nil {
			kinds = append(kinds, k.String())
		}
	}
	return kinds
}
