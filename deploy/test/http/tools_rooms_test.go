//go:build integration

package http

import (
	"fmt"
	"strings"

	"stanzahook/deploy/lab/harness"
)

func (a *agents) rooms() {
	room := a.room()
	if v := a.run("join_room", `{"room":%q,"nick":"Agent","wait":20}`, room); v.State != "joined" {
		a.Fatal(v.text)
	}
	a.shows("the agent in the room", room+"/Agent", "affiliation=")
	if v := a.run("list_rooms", `{}`); len(v.Rooms) != 1 || v.Rooms[0].Room != room || v.Rooms[0].State != "joined" {
		a.Error(v.text)
	}
	if v := a.run("room_members", `{"room":%q}`, room); !strings.Contains(v.text, `"nick":"carol"`) || !strings.Contains(v.text, `"nick":"Agent"`) {
		a.Error(v.text)
	}
	a.run("send_message", `{"to":%q,"body":"hello room","wait":20}`, room)
	a.shows("what it says", "groupchat", "<body>hello room</body>")
	a.says("carol writes in the room, and the agent waits for messages", "<message type='groupchat' id='g-%s' to='%s'><body>hello agent</body></message>", a.name, room)
	e := a.hears()
	if e.Text != "hello agent" || e.Room != room || e.Nick != "carol" || e.Affiliation != "owner" {
		a.Errorf("%+v", e)
	}
	a.shows("it herself", "groupchat", "<body>hello agent</body>")
	a.run("react", `{"ref":%q,"emoji":["👋"]}`, e.Ref)
	a.shows("the reaction", "groupchat", "<reaction>👋</reaction>")
	asked := a.begin("ask", `{"to":%q,"question":"who is in?","wait":30}`, room)
	a.shows("the question", "groupchat", "who is in?")
	a.says("carol answers in the room", "<message type='groupchat' id='h-%s' to='%s'><body>me</body></message>", a.name, room)
	if v := <-asked; v.Answer != "me" || v.From != room+"/carol" {
		a.Errorf("%+v", v)
	}
	a.shows("it herself", "groupchat", "<body>me</body>")
	a.step("")
	harness.Eventually(a, "the archive has it", func() bool {
		v := a.runs("room_history", `{"room":%q,"limit":3}`, room)
		return len(v.Messages) == 3 && v.Messages[0].Text == "me" && v.Messages[0].Nick == "carol" && v.Messages[1].Text == "who is in?"
	})
	a.run("room_history", `{"room":%q,"limit":3}`, room)
	a.hidden()
	a.run("leave_room", `{"room":%q}`, room)
	a.shows("that it leaves", room+"/Agent unavailable")
	if v := a.run("list_rooms", `{}`); len(v.Rooms) != 0 {
		a.Error(v.text)
	}
}

// hidden looks at a room that only its members know of, and at one that is not there. What the
// bot is not in, it cannot see; why it is not, says the try.
func (a *agents) hidden() {
	a.fails("agent", "join_room", `{"room":"`+hiddenRoom+`","wait":20}`, 422, "registration-required", "only members may enter; an owner")
	a.fails("agent", "join_room", `{"room":"`+noRoom+`","wait":20}`, 422, "item-not-found: the room does not exist")
	for _, room := range []string{hiddenRoom, noRoom} {
		for _, tool := range []string{"room_members", "room_history", "leave_room"} {
			a.fails("agent", tool, fmt.Sprintf(`{"room":%q}`, room), 404, "the bot is not kept in this room, and sees nothing of it")
		}
	}
	if v := a.run("list_rooms", `{}`); len(v.Rooms) != 1 {
		a.Error(v.text)
	}
}
