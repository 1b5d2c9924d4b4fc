package stanza

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	xmppstanza "gosrc.io/xmpp/stanza"
)

// A chat message as clients send it today, a little over 400 bytes.
const chat400 = `<message to='echo@bot.example.com' from='juliet@example.com/balcony.7f3a' type='chat' id='0f8b3c1e-58d2-4a6e-9f1c-2b7d'>` +
	`<body>But soft, what light through yonder window breaks? It is the east.</body>` +
	`<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>` +
	`<origin-id xmlns='urn:xmpp:sid:0' id='0f8b3c1e-58d2-4a6e-9f1c-2b7d'/><markable xmlns='urn:xmpp:chat-markers:0'/></message>`

// endless repeats the same stanza for ever.
type endless struct {
	block string
	off   int
}

func newEndless() *endless { return &endless{block: strings.Repeat(chat400, 64)} }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.block[e.off:])
	if e.off += n; e.off == len(e.block) {
		e.off = 0
	}
	return n, nil
}

func BenchmarkFrameAndParse(b *testing.B) {
	b.SetBytes(int64(len(chat400)))
	b.ReportAllocs()
	r := NewReader(newEndless(), Limits{})
	p := NewParser(Limits{}, []Namespace{{"stream", NSStream}})
	for b.Loop() {
		f, err := r.Next()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Parse(string(f)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	b.SetBytes(int64(len(chat400)))
	b.ReportAllocs()
	r := NewReader(newEndless(), Limits{})
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodingXML(b *testing.B) {
	b.SetBytes(int64(len(chat400)))
	b.ReportAllocs()
	d := xml.NewDecoder(io.MultiReader(strings.NewReader(testHead), newEndless()))
	if _, err := d.Token(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for depth := 0; ; {
			t, err := d.Token()
			if err != nil {
				b.Fatal(err)
			}
			if _, ok := t.(xml.StartElement); ok {
				depth++
			}
			if _, ok := t.(xml.EndElement); ok {
				if depth--; depth == 0 {
					break
				}
			}
		}
	}
}

func BenchmarkGosrcNextPacket(b *testing.B) {
	b.SetBytes(int64(len(chat400)))
	b.ReportAllocs()
	d := xml.NewDecoder(io.MultiReader(strings.NewReader(testHead), newEndless()))
	if _, err := xmppstanza.InitStream(d); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := xmppstanza.NextPacket(d); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChatReply(b *testing.B) {
	s := Must(Parse(chat400, Limits{}))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Chat(s.To, s.From, s.ID, "You said: But soft"); err != nil {
			b.Fatal(err)
		}
	}
}

// What a stranger may make a name cost: as many declarations in force as there may be,
// and tags full of attributes that need them.
func BenchmarkHostilePrefixes(b *testing.B) {
	var tag strings.Builder
	tag.WriteString("<x")
	for i := range 64 {
		fmt.Fprintf(&tag, " a%d:y%d=''", i, i)
	}
	raw := "<message>" + declaring("a", 64, declaring("b", 64, declaring("c", 64, strings.Repeat(tag.String()+"/>", 190_000/tag.Len())))) + "</message>"
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := Parse(raw, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
