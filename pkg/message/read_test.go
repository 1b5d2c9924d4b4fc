package message

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"stanzahook/pkg/stanza"
)

const (
	emeOMEMO  = `<encryption xmlns='urn:xmpp:eme:0' name='OMEMO' namespace='eu.siacs.conversations.axolotl'/>`
	omemo     = `<body>I sent you an OMEMO encrypted message but your client doesn’t seem to support that.</body><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>` + emeOMEMO + `<store xmlns='urn:xmpp:hints'/>`
	retract1  = `<retract id='c1' xmlns='urn:xmpp:message-retract:1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/><body>This person attempted to retract</body><store xmlns='urn:xmpp:hints'/>`
	retract0  = `<apply-to id='oc1' xmlns='urn:xmpp:fasten:0'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>`
	moderate0 = `<apply-to id='s1' xmlns='urn:xmpp:fasten:0'><moderated xmlns='urn:xmpp:message-moderate:0' by='r@rooms/mod'><retract xmlns='urn:xmpp:message-retract:0'/><reason>spam</reason></moderated></apply-to>`
	moderate1 = `<retract id='s1' xmlns='urn:xmpp:message-retract:1'><moderated xmlns='urn:xmpp:message-moderate:1' by='r@rooms/mod'/><reason>spam</reason></retract>`
	reply     = `<body>&gt; hello 😀
yes</body><reply xmlns='urn:xmpp:reply:0' id='c1' to='echo@bot.example.com'/>`
)

// What Dino writes of a file before and after the upload.
const (
	announced = `<file-sharing xmlns='urn:xmpp:sfs:0' id='f1'><file xmlns='urn:xmpp:file:metadata:0'><name>cat.png</name><media_type>image/png</media_type><media-type>image/png</media-type><size>1234</size>` +
		`<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AAEC</hash><hash xmlns='urn:xmpp:hashes:2' algo='sha-512'>BBBB</hash></file></file-sharing><store xmlns='urn:xmpp:hints'/><active xmlns='http://jabber.org/protocol/chatstates'/>`
	attached = `<body>https://u.example/9f/x.png</body><x xmlns='jabber:x:oob'><url>https://u.example/9f/x.png</url></x><attach-to xmlns='urn:xmpp:message-attaching:1' id='d1'/>` +
		`<sources xmlns='urn:xmpp:sfs:0' id='f1'><url-data xmlns='http://jabber.org/protocol/url-data' target='https://u.example/9f/x.png'/></sources>`
)

// The forms that Conversations, Gajim and Dino write.
func TestRead(t *testing.T) {
	for _, c := range []struct {
		name, inner string
		event       Event
		of, text    string
	}{
		{"a text", `<body>hi</body>`, Said, "", "hi"},
		{"a text with all that goes with it", `<body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/><origin-id xmlns='urn:xmpp:sid:0' id='m1'/><thread>t</thread>`, Said, "", "hi"},
		{"a text with a receipt", `<body>hi</body><received xmlns='urn:xmpp:receipts' id='x'/>`, Said, "", "hi"},
		{"nothing", ``, Said, "", ""},
		{"a subject", `<subject>s</subject>`, Said, "", ""},
		{"something unknown, and a chat state", `<x xmlns='urn:x'/><active xmlns='http://jabber.org/protocol/chatstates'/>`, Said, "", ""},
		{"composing", `<composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>`, Typing, "", ""},
		{"gone", `<thread>t</thread><gone xmlns='http://jabber.org/protocol/chatstates'/>`, Typing, "", ""},
		{"a private chat state in a room", `<composing xmlns='http://jabber.org/protocol/chatstates'/><x xmlns='http://jabber.org/protocol/muc#user'/>`, Typing, "", ""},
		{"a receipt", `<received xmlns='urn:xmpp:receipts' id='mm1'/><store xmlns='urn:xmpp:hints'/>`, Receipt, "mm1", ""},
		{"displayed", `<displayed xmlns='urn:xmpp:chat-markers:0' id='zz'/><store xmlns='urn:xmpp:hints'/>`, Marker, "zz", ""},
		{"displayed and received in one", `<received xmlns='urn:xmpp:receipts' id='zz'/><displayed xmlns='urn:xmpp:chat-markers:0' id='zz'/>`, Marker, "zz", ""},
		{"a correction", `<body>fixed</body><replace xmlns='urn:xmpp:message-correct:0' id='c1'/>`, Correction, "c1", "fixed"},
		{"a reaction", `<reactions id='c1' xmlns='urn:xmpp:reactions:0'><reaction>👍</reaction></reactions><store xmlns='urn:xmpp:hints'/>`, Reaction, "c1", ""},
		{"a reaction with a fallback", `<body>👍</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reactions:0'/><reactions id='c1' xmlns='urn:xmpp:reactions:0'><reaction>👍</reaction></reactions>`, Reaction, "c1", ""},
		{"a retraction", retract1, Retraction, "c1", ""},
		{"a retraction by fasten", retract0, Retraction, "oc1", ""},
		{"a fastening that retracts nothing", `<apply-to id='oc1' xmlns='urn:xmpp:fasten:0'><external xmlns='urn:x'/></apply-to>`, Said, "", ""},
		{"a moderation", moderate1, Retraction, "s1", ""},
		{"a moderation by fasten", moderate0, Retraction, "s1", ""},
		{"a direct invitation", `<x jid='lounge@rooms.example.com' xmlns='jabber:x:conference' reason='join'/>`, Invite, "", ""},
		{"a mediated invitation", `<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b'><reason>come</reason></invite></x><body>invited</body>`, Invite, "", "invited"},
		{"a private message in a room", `<body>hi</body><x xmlns='http://jabber.org/protocol/muc#user'/>`, Said, "", "hi"},
		{"a reply", reply, Said, "c1", "> hello 😀\nyes"},
		{"a reply with a fallback", reply + `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='10'/></fallback>`, Said, "c1", "yes"},
		{"a reply with the older fallback", reply + `<fallback xmlns='urn:xmpp:feature-fallback:0' for='urn:xmpp:reply:0'><body start='0' end='10'/></fallback>`, Said, "c1", "yes"},
		{"a fallback for something that is not there", reply + `<fallback xmlns='urn:xmpp:fallback:0' for='urn:x'><body start='0' end='10'/></fallback>`, Said, "c1", "> hello 😀\nyes"},
		{"a fallback beyond the body", reply + `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='10' end='99999999'/></fallback>`, Said, "c1", "> hello 😀\n"},
		{"a fallback that ends before it begins", reply + `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='8' end='2'/><body start='-1' end='x'/></fallback>`, Said, "c1", ""},
		{"encrypted", omemo, Encrypted, "", "I sent you an OMEMO encrypted message but your client doesn’t seem to support that."},
		{"encrypted, and a chat state", omemo + `<active xmlns='http://jabber.org/protocol/chatstates'/>`, Encrypted, "", "I sent you an OMEMO encrypted message but your client doesn’t seem to support that."},
		{"OTR", `<body>?OTR:AAMD</body>`, Encrypted, "", "?OTR:AAMD"},
		{"two languages", `<body xml:lang='de'>ja</body><body>yes</body>`, Said, "", "yes"},
		{"two languages, and neither is the stanza's", `<body xml:lang='de'>ja</body><body xml:lang='fr'>oui</body>`, Said, "", "ja"},
		{"a file", `<body>https://u.example/f.png</body><x xmlns='jabber:x:oob'><url>https://u.example/f.png</url></x>`, Said, "", ""},
		{"a file that is announced", announced, Announced, "", ""},
		{"the address of one", attached, Said, "", ""},
		{"a file that is announced, with words", `<body>see</body>` + announced, Said, "", "see"},
		{"displayed, for the other programs too", `<origin-id xmlns='urn:xmpp:sid:0' id='g1'/><displayed xmlns='urn:xmpp:chat-markers:0' id='zz'/><displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' id='s1' by='alice@example.com'/></displayed>`, Marker, "zz", ""},
		{"a reaction with words for those that know none", `<reactions id='c1' xmlns='urn:xmpp:reactions:0'><reaction>👍</reaction></reactions><store xmlns='urn:xmpp:hints'/><body>&gt; hi\n\n👍</body><reply xmlns='urn:xmpp:reply:0' to='a@b' id='c1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='6'/></fallback><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reactions:0'><body/></fallback>`, Reaction, "c1", ""},
		{"a file with words before its address", `<body>look https://u.example/f.png</body><x xmlns='jabber:x:oob'><url>https://u.example/f.png</url></x><fallback xmlns='urn:xmpp:fallback:0' for='jabber:x:oob'><body start='5' end='28'/></fallback>`, Said, "", "look "},
		{"a file with words", `<body>look: https://u.example/f.png</body><x xmlns='jabber:x:oob'><url>https://u.example/f.png</url></x>`, Said, "", "look: https://u.example/f.png"},
	} {
		s := parsed(`<message type='chat' id='m1' to='echo@bot.example.com' from='alice@example.com/cli'>` + c.inner + `</message>`)
		f := Read(s)
		if f.Event != c.event || f.Of(s) != c.of || f.Text(s) != c.text {
			t.Errorf("%s: %s of %q, text %q", c.name, f.Event, f.Of(s), f.Text(s))
		}
	}
	for _, xml := range []string{`<message type='error'><body>x</body></message>`, `<presence/>`, `<iq type='get'/>`} {
		if f := Read(parsed(xml)); f.Event != None {
			t.Errorf("%s: %s", xml, f.Event)
		}
	}
}

func TestEmojiAndModerator(t *testing.T) {
	s := parsed(`<message><reactions id='c1' xmlns='urn:xmpp:reactions:0'><reaction>👍</reaction><reaction> ❤ </reaction><reaction>👍</reaction><x xmlns='urn:x'>y</x><reaction/></reactions></message>`)
	f := Read(s)
	if got := f.Emoji(s); !slices.Equal(got, []string{"👍", "❤"}) {
		t.Errorf("%q", got)
	}
	s = parsed(`<message><reactions id='c1' xmlns='urn:xmpp:reactions:0'/></message>`)
	if f := Read(s); f.Event != Reaction || len(f.Emoji(s)) != 0 || f.Emoji(s) == nil {
		t.Errorf("taken back: %s %q", f.Event, f.Emoji(s))
	}
	for inner, want := range map[string]string{moderate0: "r@rooms/mod", moderate1: "r@rooms/mod", retract0: "-", retract1: "-", "<body>x</body>": "-"} {
		s := parsed(`<message>` + inner + `</message>`)
		f := Read(s)
		if by, ok := f.Moderator(s); ok != (want != "-") || ok && by != want {
			t.Errorf("%s: %q %v", inner, by, ok)
		}
	}
}

func TestEncryption(t *testing.T) {
	for inner, want := range map[string]Encryption{
		omemo:                                   {"OMEMO", "eu.siacs.conversations.axolotl"},
		emeOMEMO:                                {"OMEMO", "eu.siacs.conversations.axolotl"},
		`<encrypted xmlns='urn:xmpp:omemo:2'/>`: {"OMEMO", "urn:xmpp:omemo:2"},
		`<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>`:                              {"OpenPGP", "urn:xmpp:openpgp:0"},
		`<body>?OTR:AAMD</body>`:                                                       {"OTR", "urn:xmpp:otr:0"},
		`<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:otr:0'/>`:              {"OTR", "urn:xmpp:otr:0"},
		`<encryption xmlns='urn:xmpp:eme:0' name='Other' namespace='urn:x'/>`:          {"Other", "urn:x"},
		`<encryption xmlns='urn:xmpp:eme:0' namespace='urn:x'/><encrypted xmlns='y'/>`: {"urn:x", "urn:x"},
	} {
		s := parsed(`<message>` + inner + `</message>`)
		f := Read(s)
		if got := f.Encryption(s); f.Event != Encrypted || got != want {
			t.Errorf("%s: %s %+v", inner, f.Event, got)
		}
	}
}

// A message that only mends a session says nothing.
func TestKeysOnly(t *testing.T) {
	const keys = `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='5'><key rid='6'>AA==</key><iv>AA==</iv></header>%s</encrypted>`
	for inner, want := range map[string]bool{
		fmt.Sprintf(keys, ``):                        true,
		fmt.Sprintf(keys, `<payload>AA==</payload>`): false,
		fmt.Sprintf(keys, ``) + `<body>x</body>`:     false,
		`<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/>` + fmt.Sprintf(keys, ``): true,
		`<encrypted xmlns='urn:xmpp:omemo:2'><header sid='5'/></encrypted>`:                                       true,
		`<openpgp xmlns='urn:xmpp:openpgp:0'>AA==</openpgp>`:                                                      false, // Gajim writes no body
		`<body>hi</body>`: false,
	} {
		s := parsed(`<message>` + inner + `</message>`)
		if f := Read(s); f.KeysOnly(s) != want {
			t.Errorf("%s: %v", inner, !want)
		}
	}
}

func TestAttachments(t *testing.T) {
	const sfs = `<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'><file xmlns='urn:xmpp:file:metadata:0'><media-type>image/png</media-type><name>f.png</name><size>123</size><width>4</width><height>x</height>` +
		`<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AAEC</hash><hash xmlns='urn:xmpp:hashes:2' algo='sha3-256'>BBBB</hash></file><sources><url-data xmlns='http://jabber.org/protocol/url-data' target='https://u.example/f.png'/></sources></file-sharing>`
	const sims = `<reference xmlns='urn:xmpp:reference:0' type='data'><media-sharing xmlns='urn:xmpp:sims:1'><file xmlns='urn:xmpp:jingle:apps:file-transfer:5'><media-type>image/gif</media-type><size>9</size></file><sources><reference xmlns='urn:xmpp:reference:0' type='data' uri='https://u.example/g%20h.gif'/></sources></media-sharing></reference>`
	const oob, oobPlain = `<x xmlns='jabber:x:oob'><url>https://u.example/f.png</url></x>`, `<x xmlns='jabber:x:oob'><url> aesgcm://u.example/f.jpg#aabb </url></x>`
	for inner, want := range map[string]string{
		`<body>x</body>`: `[]`,
		oob:              `[{"url":"https://u.example/f.png","name":"f.png","size":null,"type":null,"width":null,"height":null,"sha256":null,"source":"oob","encrypted":false}]`,
		oob + sfs:        `[{"url":"https://u.example/f.png","name":"f.png","size":123,"type":"image/png","width":4,"height":null,"sha256":"000102","source":"sfs","encrypted":false}]`,
		announced:        `[]`,
		attached:         `[{"url":"https://u.example/9f/x.png","name":"x.png","size":null,"type":null,"width":null,"height":null,"sha256":null,"source":"sfs","encrypted":false}]`,
		oobPlain + sims: `[{"url":"https://u.example/g%20h.gif","name":"g h.gif","size":9,"type":"image/gif","width":null,"height":null,"sha256":null,"source":"sims","encrypted":false},` +
			`{"url":"aesgcm://u.example/f.jpg#aabb","name":"f.jpg","size":null,"type":null,"width":null,"height":null,"sha256":null,"source":"oob","encrypted":true}]`,
		`<reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:a@b'/><x xmlns='jabber:x:oob'/>`: `[]`,
	} {
		s := parsed(`<message>` + inner + `</message>`)
		f := Read(s)
		got, err := json.Marshal(f.Attachments(s))
		if err != nil || string(got) != want {
			t.Errorf("%s:\n%s\nwant\n%s", inner, got, want)
		}
	}
}

func TestType(t *testing.T) {
	for xml, want := range map[string]string{
		`<message type='chat'><body>x</body></message>`: "message.chat", `<message type='groupchat'>` + retract1 + `</message>`: "message.retraction",
		`<message type='error'><body>x</body></message>`: "message.error", `<presence/>`: "presence.available",
		`<message type='chat'>` + omemo + `</message>`: "message.encrypted", `<message><x jid='r@s' xmlns='jabber:x:conference'/></message>`: "room.invite",
	} {
		if got := typeOf(parsed(xml)); got != want {
			t.Errorf("%s: %s", xml, got)
		}
	}
}

// What most messages have costs no allocation.
func TestReadAllocatesNothing(t *testing.T) {
	s := parsed(`<message type='groupchat'><body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/><origin-id xmlns='urn:xmpp:sid:0' id='m1'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='x'/></message>`)
	if n := testing.AllocsPerRun(100, func() {
		if f := Read(s); f.Event != Said || f.Text(s) != "hi" || typeOf(s) != "message.groupchat" {
			t.Error("read wrongly")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRead(b *testing.B) {
	s := parsed(`<message type='chat'><body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/><origin-id xmlns='urn:xmpp:sid:0' id='m1'/></message>`)
	b.ReportAllocs()
	for b.Loop() {
		Read(s)
	}
}

// Nothing that a stranger writes makes reading fail.
func FuzzRead(f *testing.F) {
	for _, inner := range []string{omemo, retract0, retract1, moderate0, moderate1, reply + `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='9'/></fallback>`} {
		f.Add(inner)
	}
	f.Fuzz(func(t *testing.T, inner string) {
		s, err := stanza.Parse(`<message type='chat' id='m1' to='echo@bot.example.com' from='alice@example.com/cli'>`+inner+`</message>`, stanza.Limits{})
		if err != nil {
			return
		}
		r := Read(s)
		if !slices.Contains(Events(), r.Event) {
			t.Errorf("the event %q", r.Event)
		}
		r.Of(s)
		r.Emoji(s)
		r.Moderator(s)
		r.Encryption(s)
		r.Attachments(s)
		if body, _ := s.Body(); len(r.Text(s)) > len(body) {
			t.Errorf("the text %q is longer than the body %q", r.Text(s), body)
		}
	})
}

func typeOf(s *stanza.Stanza) string { return Type(s, Read(s).Event) }
