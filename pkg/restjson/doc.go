// Package restjson maps stanzas to JSON objects and back, with the keys of
// Prosody's mod_rest.
//
// An object has the header of the stanza in the keys kind, type, to, from, id
// and lang, and its elements in the keys of examples/guide/keys.md. Presence without
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
package restjson
