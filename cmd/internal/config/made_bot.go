package config

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"

	"stanzahook/pkg/profile"
)

// MadeBot is a bot of the API.
type MadeBot struct {
	Profile profile.Profile
	Keys    json.RawMessage // as they were given, without the image
	Image   []byte          // of its avatar
}

// MakeBot reads a bot that is set by the API: a JSON object with the keys of a bot of the file,
// which are checked as those are, but for the avatar: it is an image in base64, and never a
// path. In its place image may have one; empty: none. The address is the one given. Its error
// is of type [*Mistakes].
func (cfg *Config) MakeBot(address string, text, image []byte) (*MadeBot, error) {
	r := newReport("")
	root, err := parseJSON(text)
	if err != nil {
		r.addLine(0, "", "the bot %v", err)
		return nil, &Mistakes{Problems: r.problems}
	}
	section, _ := (&keyReader{r: r}).section(root, reflect.TypeFor[Bot](), "")
	s := scope{r, cfg, cfg.Files, ""}
	if given, ok := section["jid"]; ok && given != address {
		s.add("jid", "%s is not the address in the path, %s; leave it out", quote(fmt.Sprint(given)), quote(address))
	}
	section["jid"] = address
	encoded, inKeys := section["avatar"].(string)
	delete(section, "avatar")
	var one Config
	if err := decodeMade(&one, "bots", section); err != nil { // each value has its type already
		return nil, fmt.Errorf("bot %s: %w", address, err)
	}
	b := &one.Bots[0]
	b.checkTexts(s)
	b.checkAddress(s)
	m := &MadeBot{Image: image}
	switch {
	case inKeys && len(image) > 0:
		s.add("avatar", "is given twice; send the image as a part of the form, or in base64")
	case inKeys:
		if m.Image, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			s.add("avatar", "is no base64; write the bytes of the image in base64 (base64 -w0 echo.png)")
		}
	}
	if inKeys || len(image) > 0 {
		if b.Profile.Avatar, err = profile.ReadAvatar(m.Image); err != nil {
			s.add("avatar", "%v", err)
		}
	}
	if len(r.problems) > 0 {
		return nil, &Mistakes{Problems: r.problems}
	}
	m.Profile = b.Profile
	m.Keys, err = withoutAvatar(text)
	return m, err
}

// withoutAvatar returns the keys of a bot without its image.
func withoutAvatar(text []byte) (json.RawMessage, error) {
	keys := make(map[string]json.RawMessage)
	if err := json.Unmarshal(text, &keys); err != nil {
		return nil, err
	}
	delete(keys, "avatar")
	delete(keys, "jid")
	return json.Marshal(keys)
}
