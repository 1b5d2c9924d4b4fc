package muc_test

import (
	"fmt"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

// A room is joined, and somebody speaks in it.
func Example() {
	now := time.Now()
	room, err := muc.New(muc.Options{
		Room: jid.MustParse("ops@rooms.example.com"), Self: jid.MustParse("echo@bot.example.com/room"), Nick: "Echo", History: muc.Missed,
	}, muc.Mark{})
	if err != nil {
		fmt.Println(err)
		return
	}
	do := func(out muc.Output) {
		for _, s := range out.Send {
			fmt.Println("send", s.Kind, "to", s.To)
		}
		for _, e := range out.Events {
			fmt.Println("event", e.Kind, "of", e.Occupant.Nick, e.Occupant.Affiliation)
		}
	}
	do(room.Connected(now))
	for _, xml := range []string{
		`<presence from="ops@rooms.example.com/Alice" to="echo@bot.example.com/room"><x xmlns="http://jabber.org/protocol/muc#user"><item affiliation="owner" role="moderator"/></x></presence>`,
		`<presence from="ops@rooms.example.com/Echo" to="echo@bot.example.com/room"><x xmlns="http://jabber.org/protocol/muc#user"><item affiliation="none" role="participant"/><status code="110"/></x></presence>`,
		`<message type="groupchat" from="ops@rooms.example.com" to="echo@bot.example.com/room"><subject>Operations</subject></message>`,
		`<message type="groupchat" from="ops@rooms.example.com/Alice" to="echo@bot.example.com/room" id="a1"><body>hello</body></message>`,
	} {
		do(room.Receive(now, stanza.Must(stanza.Parse(xml, stanza.Limits{}))))
	}
	fmt.Println(room.Status().State, room.Status().Subject)
	// Output:
	// send presence to ops@rooms.example.com/Echo
	// send iq to ops@rooms.example.com
	// event joined of Echo none
	// event message of Alice owner
	// joined Operations
}
