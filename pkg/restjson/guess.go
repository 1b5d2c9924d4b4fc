package restjson

import (
	"slices"

	"stanzahook/pkg/stanza"
)

// kind returns the kind, guessed if the object does not say it.
func (f *Fields) kind() stanza.Kind {
	if f.Kind != 0 {
		return f.Kind
	}
	if f.guess != 0 {
		return f.guess
	}
	return stanza.Message
}

// Guess completes the header as mod_rest does. The kind follows from the type, else
// from the keys, else it is message. The type of an IQ is set with command and
// archive, else get; with the key error and no type it is error. The type
// "available" becomes no type.
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

// kindKeys are the keys from which mod_rest derives the kind.
var kindKeys = [...][]string{
	stanza.Message:  {"body", "html", "replace", "state", "subject", "thread"},
	stanza.Presence: {"join", "priority", "show", "status"},
	stanza.IQ:       {"disco", "items", "ping", "version", "command", "archive"},
}

// guess returns the kind of an object that does not say it: by its type, else the
// given kind, else by kindKeys, else by a key that only one kind has.
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
			if slices.Contains(kindKeys[k], m.key) {
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
