package restjson

import "testing"

// chat is what a client sends for one line of talk.
const chat = `<message type='chat' from='romeo@example.net/orchard' to='bot@b.example' id='ktx72v49' xml:lang='en'><body>Art thou not Romeo, and a Montague?</body><thread>e0ffe42b28561960c6b12b944a092794b9683a38</thread><active xmlns='http://jabber.org/protocol/chatstates'/><origin-id xmlns='urn:xmpp:sid:0' id='ktx72v49'/></message>`

// BenchmarkEncodeChat makes the JSON of a message, without and with its XML.
func BenchmarkEncodeChat(b *testing.B) {
	s := parse(chat)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = Append(buf[:0], s)
		}
	})
	b.Run("append with stanza", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = AppendWithStanza(buf[:0], s, nil, "")
		}
	})
}

// BenchmarkDecodeChat reads the JSON of a message.
func BenchmarkDecodeChat(b *testing.B) {
	data := []byte(`{"to":"juliet@example.com/balcony","type":"chat","id":"ktx72v49","body":"Art thou not Romeo, and a Montague?","thread":"e0ffe42b","state":"active"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
