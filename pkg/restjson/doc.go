// Package restjson maps stanzas to JSON objects and back, with the keys of
// Prosody's mod_rest.
//
// An object has the header of the stanza in the keys kind, type, to, from, id
// and lang, and its elements in the keys of the tables below. Presence without
// a type is "available". [Append] writes objects, [Decode] reads them. [EncodeForm]
// and [DecodeForm] do the same with forms, and [Query] with GET requests.
//
// # Nothing is lost
//
// The key xml is a string with direct children of the stanza. It has the elements
// without a key, with the namespace declarations that they need to be read alone.
// A key has the first element of its name; further ones are in xml. So are
// elements with attributes, children or text that their key cannot express, and
// elements with a value that the key does not accept, such as an invalid number.
//
// In the other direction, the elements of xml are added to those of the keys. If
// an element in xml has the same value as its key, it stands for both, so that an
// object that was written and read again is the same stanza. These are not kept:
// white space between elements, text directly in a stanza (RFC 6120 section 8
// allows none), attributes of the stanza itself other than its header, and the
// order of different elements.
//
// The key stanza is a whole stanza as XML. The caller of Decode decides what it
// means.
//
// Forwarded messages nest up to 8 deep. Deeper ones are in xml; Decode refuses
// them in JSON.
//
// # A mapping, file by file
//
// keys.go and iq.go have the tables: each key has a shape. shape.go and scalar.go
// have the simple shapes, record.go and many.go objects and arrays, and
// dataform.go, archive.go, forwarded.go and special.go the rest. encode.go writes
// an object (plain.go is its fast path, language.go picks a language), decode.go
// reads one (guess.go completes the header, builder.go writes the elements,
// fragment.go reads XML inside JSON), form.go does forms and queries, and json.go
// has the JSON itself.
//
// # Reading the tables
//
// Below each element is the JSON type of its value, which is VALUE in an element
// with a single one. In objects a key without a type is a string. @ is an
// attribute, # the text; all others are child elements of that name. A key "to
// write" is read by Decode and never written by Append. Integers and numbers may
// be strings too. The keys receipt_request and receipt (XEP-0184), xml and stanza
// are additions to mod_rest's.
//
// # Keys of all kinds
//
//	nick      <nick xmlns='http://jabber.org/protocol/nick'>VALUE</nick>
//	            string
//	delay     <delay xmlns='urn:xmpp:delay' stamp=VALUE/>
//	            string
//	payload   <payload xmlns='urn:xmpp:json-msg:0'>
//	            object {datatype @, data any JSON}
//	rsm       <set xmlns='http://jabber.org/protocol/rsm'>
//	            object {after, before, first, last, count integer, index integer, max integer}
//	dataform  <x xmlns='jabber:x:data'>
//	            object {type @ form|submit|cancel|result, title, instructions, fields [object {var @, type @, label @, desc, required true, value string or [string], values [string] (to write), options [object {label @, value}]}]}
//	error     <error>
//	            object {type @, condition, text, by @}
//
// # Keys of messages
//
//	body             <body>VALUE</body>
//	                   string
//	subject          <subject>VALUE</subject>
//	                   string
//	thread           <thread>
//	                   string (id), object {id #, parent @}
//	state            <VALUE xmlns='http://jabber.org/protocol/chatstates'/>
//	                   active|inactive|gone|composing|paused
//	html             <html xmlns='http://jabber.org/protocol/xhtml-im'>
//	                   string with <body>…</body>
//	oob              <x xmlns='jabber:x:oob'>
//	                   object {url, desc}
//	oob_url          <x xmlns='jabber:x:oob'><url>VALUE</url></x>
//	                   string, beside oob
//	invite           <x xmlns='jabber:x:conference'>
//	                   object {jid @, reason @, password @, thread @, continue @ boolean}
//	replace          <replace xmlns='urn:xmpp:message-correct:0' id=VALUE/>
//	                   string
//	attach_to        <attach-to xmlns='urn:xmpp:message-attaching:1' id=VALUE/>
//	                   string
//	displayed        <displayed xmlns='urn:xmpp:chat-markers:0' id=VALUE/>
//	                   string
//	markable         <markable xmlns='urn:xmpp:chat-markers:0'/>
//	                   true
//	occupant_id      <occupant-id xmlns='urn:xmpp:occupant-id:0' id=VALUE/>
//	                   string
//	fallback         <fallback xmlns='urn:xmpp:fallback:0'/>
//	                   true
//	encryption       <encryption xmlns='urn:xmpp:eme:0' namespace=VALUE/>
//	                   string
//	reply            <reply xmlns='urn:xmpp:reply:0'>
//	                   object {id @, to @}
//	reactions        <reactions xmlns='urn:xmpp:reactions:0'>
//	                   object {id @, reactions [string]}
//	reference        <reference xmlns='urn:xmpp:reference:0'>
//	                   object {type @, uri @, begin @ integer, end @ integer}
//	stanza_ids       <stanza-id xmlns='urn:xmpp:sid:0'>
//	                   object {id @, by @}, in an array for all of them
//	forwarded        <forwarded xmlns='urn:xmpp:forward:0'>
//	                   object {delay, message object of a message}
//	archive          <result xmlns='urn:xmpp:mam:2'>
//	                   object {id @, queryid @, forward forwarded}
//	receipt_request  <request xmlns='urn:xmpp:receipts'/>
//	                   true
//	receipt          <received xmlns='urn:xmpp:receipts' id=VALUE/>
//	                   string
//
// # Keys of presence
//
//	show          <show>VALUE</show>
//	                away|chat|dnd|xa
//	status        <status>VALUE</status>
//	                string
//	priority      <priority>VALUE</priority>
//	                integer
//	muc           <x xmlns='http://jabber.org/protocol/muc'>
//	                object {history object {maxchars @ integer, maxstanzas @ integer, seconds @ integer, since @}}
//	join          <x xmlns='http://jabber.org/protocol/muc'/>
//	                true (to write; it arrives as muc)
//	caps          <c xmlns='http://jabber.org/protocol/caps'>
//	                object {hash @, node @, ver @, ext @}
//	idle_since    <idle xmlns='urn:xmpp:idle:1' since=VALUE/>
//	                string
//	vcard_update  <x xmlns='vcard-temp:x:update'>
//	                object {photo}
//
// # Keys of IQs
//
//	ping            <ping xmlns='urn:xmpp:ping'/>
//	                  true
//	disco           <query xmlns='http://jabber.org/protocol/disco#info'>
//	                  true, string (node), object {node @, identities [object {category @, type @, name @}], features [string], extensions object of FORM_TYPE: object of var: string, boolean or [string]}
//	items           <query xmlns='http://jabber.org/protocol/disco#items'>
//	                  true, string (node), [string (jid), object {jid @, node @, name @}], object {node @, items [string (jid), object {jid @, node @, name @}]}
//	command         <command xmlns='http://jabber.org/protocol/commands'>
//	                  string (node), object {node @, action @ execute|cancel|complete|next|prev, sessionid @, status @ executing|completed|canceled, actions object {execute @, next true, prev true, complete true}, note string (text), object {type @ info|warn|error, text #}, form dataform, data object of var: string, boolean or [string] (to write)}
//	formdata        <x xmlns='jabber:x:data'>
//	                  object of var: string, boolean or [string] (to write; it arrives as dataform)
//	version         <query xmlns='jabber:iq:version'>
//	                  object {name, version, os}
//	lastactivity    <query xmlns='jabber:iq:last'>
//	                  object {seconds @ integer, status #}
//	stats           <query xmlns='http://jabber.org/protocol/stats'>
//	                  [object {name @, unit @, value @ number}]
//	oob             <query xmlns='jabber:iq:oob'>
//	                  object {url, desc}
//	register        <query xmlns='jabber:iq:register'>
//	                  object {registered true, remove true, instructions, username, nick, password, name, first, last, email, address, city, state, zip, phone, url, date, misc, text, key}
//	gateway         <query xmlns='jabber:iq:gateway'>
//	                  object {desc, prompt, jid}
//	extdisco        <services xmlns='urn:xmpp:extdisco:2'>
//	                  object {type @, services [object {host @, name @, password @, port @ integer, restricted @ boolean, transport @, type @, username @, expires @}]}
//	archive         <query xmlns='urn:xmpp:mam:2'>
//	                  object {queryid @, form dataform with values [string] in its fields, page rsm; to write also with, start, end, before-id, after-id, ids, after, before, max}
//	result          <fin xmlns='urn:xmpp:mam:2'>
//	                  object {page rsm}
//	upload_request  <request xmlns='urn:xmpp:http:upload:0'>
//	                  object {filename @, size @ integer, content-type @}
//	upload_slot     <slot xmlns='urn:xmpp:http:upload:0'>
//	                  object {get object {url @}, put object {url @, headers [object {name @, value #}]}}
//	block           <block xmlns='urn:xmpp:blocking'>
//	                  [object {jid @, report object {reason @, stanza_ids [object {id @, by @}]}}]
//	blocklist       <blocklist xmlns='urn:xmpp:blocking'>
//	                  [object {jid @}]
package restjson
