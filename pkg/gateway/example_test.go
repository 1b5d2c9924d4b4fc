package gateway_test

import (
	"fmt"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// A caller sends from the addresses that it may use, and learns what became of it.
func Example() {
	bots, _ := jid.ParseGlob("*@bot.example.com")
	who := gateway.Caller{Name: "app", Scopes: []string{gateway.ScopeSend}, From: []jid.Glob{bots}}
	domains := []jid.JID{jid.MustParse("bot.example.com")}
	for _, from := range []string{"echo@bot.example.com", "bot.example.com"} {
		_, err := who.Sender(jid.MustParse(from), domains)
		fmt.Println(from, err)
	}
	s, _ := stanza.Chat(jid.MustParse("echo@bot.example.com"), jid.MustParse("juliet@example.com"), "1", "hi")
	o := gateway.OutcomeOf(s, gateway.ErrBusy)
	fmt.Println(o.Status, o.Text())
	// Output:
	// echo@bot.example.com <nil>
	// bot.example.com from: the token may not use bot.example.com; allowed are *@bot.example.com
	// 503 too many stanzas wait for the XMPP server; nothing was sent; try again in a second
}
