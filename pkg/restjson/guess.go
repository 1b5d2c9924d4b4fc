package restjson

import (
	"slices"

	"stanzahook/pkg/stanza"
)

// kind is the kind whose keys are meant.
func (f *Fields) kind() stanza.Kind {
	if f.Kind != 0 {
		return f.Kind
	}
	if f.guess != 0 {
		return f.guess
	}
	return stanza.Message
}

// Guess fills in the header where the object did not say it, as mod_rest does:
// the kind from the type, else from the keys, else message; the type of an IQ,
// set for command and archive, else get. A type is missing also beside an
// "error". It takes "available" for no type.
func (f *Fields) Guess() {
	f.Kind = f.kind()
	switch {
	case f.Type == "" && f.Has("error"):
		f.Type = "error"
	case f.Kind == stanza.Presence && f.Type == "available":
		f.Type = ""
	case f.Kind == stanza.IQ && f.Type == "" && (f.Has("command") || f.Has("archive")):
		f.Type = "set"
	case f.Kind == stanza.IQ && f.Type == "":
		f.Type = "get"
	}
}

// telling are the keys that mod_rest knows the kind from.
var telling = [...][]string{
	stanza.Message:  {"body", "html", "replace", "state", "subject", "thread"},
	stanza.Presence: {"join", "priority", "show", "status"},
	stanza.IQ:       {"disco", "items", "ping", "version", "command", "archive"},
}

// guess returns the kind of an object that does not say it: by its type, then
// what is given, then by the keys that tell, then by any that only one kind has.
func guess(typ string, given stanza.Kind, members []member) stanza.Kind {
	switch typ {
	case "get", "set", "result":
		return stanza.IQ
	case "normal", "chat", "headline", "groupchat":
		return stanza.Message
	case "available", "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe":
		return stanza.Presence
	}
	if given != 0 {
		return given
	}
	for _, m := range members {
		for k := stanza.Message; k <= stanza.IQ; k++ {
			if slices.Contains(telling[k], m.key) {
				return k
			}
		}
	}
	for _, m := range members {
		if kinds := others(m.key); len(kinds) == 1 {
			return stanza.KindOf(kinds[0])
		}
	}
	return stanza.Message
}
