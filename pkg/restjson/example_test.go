package restjson_test

import (
	"fmt"
	"net/url"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

func ExampleAppend() {
	s := stanza.Must(stanza.Parse(`<message type='chat' from='juliet@example.com/balcony' to='echo@bot.example.com'><body>Hello</body><request xmlns='urn:xmpp:receipts'/><x xmlns='urn:example:x'/></message>`, stanza.Limits{}))
	fmt.Println(string(restjson.Append(nil, s)))
	// Output:
	// {"kind":"message","type":"chat","to":"echo@bot.example.com","from":"juliet@example.com/balcony","body":"Hello","receipt_request":true,"xml":"<x xmlns='urn:example:x'/>"}
}

func ExampleDecode() {
	f, err := restjson.Decode([]byte(`{"to": "juliet@example.com", "body": "1 < 2", "replace": "m1"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	f.Guess()
	s := stanza.Must(stanza.Build(f.Header, f.Inner, stanza.Limits{}))
	fmt.Println(s.XML())

	_, err = restjson.Decode([]byte(`{"dataform": {"fields": [{"required": 1}]}}`))
	fmt.Println(err)
	// Output:
	// <message to='juliet@example.com'><body>1 &lt; 2</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>
	// dataform.fields[0].required: true is expected, or leave the key out
}

func ExampleQuery() {
	f, err := restjson.Query("disco", url.Values{"node": {"music"}}, jid.MustParse("example.com"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Kind, f.Type, f.To, f.Inner)
	// Output:
	// iq get example.com <query xmlns='http://jabber.org/protocol/disco#info' node='music'/>
}
