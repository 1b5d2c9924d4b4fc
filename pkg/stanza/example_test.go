package stanza_test

import (
	"fmt"
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

func ExampleParse() {
	s := stanza.Must(stanza.Parse(`<message type='chat' from='juliet@example.com/balcony' to='echo@bot.example.com'><body>hi</body><x xmlns='urn:x'/></message>`, stanza.Limits{}))
	body, _ := s.Body()
	fmt.Println(s.Kind, s.Type, s.From.Bare(), body)
	_, err := stanza.Parse(`<message><body>a & b</body></message>`, stanza.Limits{})
	fmt.Println(err)
	// Output:
	// message chat juliet@example.com hi
	// XML at byte 17: '&' that begins no known entity; write &amp; (only lt, gt, amp, apos, quot and character references are allowed)
}

func ExampleStanza_ErrorReply() {
	s := stanza.Must(stanza.Parse(`<iq type='get' id='1' from='juliet@example.com/balcony' to='bot.example.com'><x xmlns='urn:x'/></iq>`, stanza.Limits{}))
	reply := stanza.Must(s.ErrorReply(stanza.FromHTTP(404), stanza.Limits{}))
	fmt.Println(reply.XML())
	// Output:
	// <iq type='error' id='1' from='bot.example.com' to='juliet@example.com/balcony'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>404 Not Found</text></error></iq>
}

func ExampleReader() {
	r := stanza.NewReader(strings.NewReader("<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='7'> <message id='1'/><iq id='2'><a/></iq></stream:stream>"), stanza.Limits{})
	header, err := r.Open()
	fmt.Println(header.ID, err)
	for {
		element, err := r.Next()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(string(element))
	}
	// Output:
	// 7 <nil>
	// <message id='1'/>
	// <iq id='2'><a/></iq>
	// stream closed by the server
}

func ExampleChat() {
	s, err := stanza.Chat(jid.MustParse("echo@bot.example.com"), jid.MustParse("juliet@example.com"), "m1", "1 < 2")
	fmt.Println(s.XML(), err)
	// Output:
	// <message type='chat' id='m1' from='echo@bot.example.com' to='juliet@example.com'><body>1 &lt; 2</body></message> <nil>
}

func ExampleStanza_Element() {
	s := stanza.Must(stanza.Parse(`<iq type='result' id='1'><query xmlns='jabber:iq:roster'><item jid='romeo@example.net' name='Romeo'><group>Friends</group></item></query></iq>`, stanza.Limits{}))
	query, _ := s.Payload()
	for _, item := range s.Element(query).Children {
		name, _ := item.Attr("name")
		fmt.Println(name, item.Child("jabber:iq:roster", "group").Text, item.XML())
	}
	// Output:
	// Romeo Friends <item jid='romeo@example.net' name='Romeo'><group>Friends</group></item>
}

func ExampleBuild() {
	h := stanza.Header{Kind: stanza.Presence, Type: "subscribed", From: jid.MustParse("echo@bot.example.com"), To: jid.MustParse("juliet@example.com")}
	s := stanza.Must(stanza.Build(h, stanza.TextElement("status", "at your service"), stanza.Limits{}))
	fmt.Println(s.XML())
	// Output:
	// <presence type='subscribed' from='echo@bot.example.com' to='juliet@example.com'><status>at your service</status></presence>
}
