package commands_test

import (
	"strings"
	"testing"
	"time"

	"stanzahook/component/commands"
	"stanzahook/pkg/jid"
)

const items = "<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>"

func info(node string) string {
	return "<query xmlns='http://jabber.org/protocol/disco#info' node='" + node + "'/>"
}

// Everybody sees the commands that they may run, and no others.
func TestDiscovery(t *testing.T) {
	g := newStage(t, time.Second)
	has(t, g.iq("get", "alice@example.com/cli", bot, items), "<item jid='echo@bot.example.com' node='deploy' name='Deploy'/><item jid='echo@bot.example.com' node='now' name='Now'/></query>")
	has(t, g.iq("get", "bob@example.com/cli", bot, items), "node='http://jabber.org/protocol/commands'><item jid='echo@bot.example.com' node='deploy' name='Deploy'/></query>")
	has(t, g.iq("get", "carol@elsewhere.example/cli", bot, items), "type='result'", "node='http://jabber.org/protocol/commands'></query>")
	has(t, g.iq("get", "alice@example.com/cli", bot, info("deploy")), "<identity category='automation' type='command-node' name='Deploy'/>", "<feature var='http://jabber.org/protocol/commands'/><feature var='jabber:x:data'/>")
	has(t, g.iq("get", "carol@elsewhere.example/cli", bot, info("http://jabber.org/protocol/commands")), "type='command-list'")
	has(t, g.iq("get", "open@rooms.example.com/alice", bot, items), "node='now'")
	for _, from := range []string{"hidden@rooms.example.com/alice", "open@rooms.example.com/carol"} {
		has(t, g.iq("get", from, bot, items), "commands'></query>")
	}
	for _, q := range [][3]string{{"carol@elsewhere.example/cli", bot, info("deploy")}, {"alice@example.com/cli", bot, info("nobody")}, {"alice@example.com/cli", "nurse@bot.example.com", items}} {
		if got := g.iq("get", q[0], q[1], q[2]); got.Type != "error" || (<-g.passed).ID != got.ID {
			t.Errorf("%s", got.XML()) // package disco says that there is no such node
		}
	}
	if g.all.Features(jid.MustParse("nurse@bot.example.com")) != nil || len(g.all.Features(jid.MustParse(bot))) != 2 {
		t.Error("features")
	}
}

// The steps of a client, and every answer of the webhook.
func TestRun(t *testing.T) {
	g := newStage(t, 20*time.Second)
	const alice = "alice@example.com/cli"
	shown := g.run(alice, "node='deploy' action='execute'", "")
	has(t, shown, "status='executing'", "<actions execute='complete'><complete/></actions>", "<field var='env' type='list-single'><required/>")
	id := session(t, shown)
	at := "node='deploy' sessionid='" + id + "' action='complete'"
	has(t, g.run(alice, at, submit("key", "sesame")), "<note type='error'>env: is missing; choose one</note>", "status='executing'")
	has(t, g.run(alice, at, submit("env", "moon")), `<note type='error'>env: "moon" is none of staging, prod</note>`, "<value>moon</value>")
	g.answer <- inJSON(`{"form":"sure"}`)
	has(t, g.run(alice, at, submit("env", "prod", "key", "sesame")), "<actions execute='complete'><prev/><complete/></actions>", "var='sure'")
	ev := g.next(t)
	if d := ev.Data; ev.Type != "command.submit" || ev.Endpoint != "ops" || d.Node != "deploy" || d.Session != id || d.From != alice || d.To != bot || d.Room != nil || d.Action != "complete" || d.Step != 0 || d.Values["env"] != "prod" || d.Values["key"] != "sesame" {
		t.Errorf("%+v", ev)
	}
	has(t, g.run(alice, "node='deploy' sessionid='"+id+"' action='prev'", ""), "<value>prod</value>")
	g.answer <- says("text/plain", "no such env", 422)
	has(t, g.run(alice, at, submit("env", "staging")), "<error type='modify'><bad-request", ">no such env</text>")
	g.answer <- says("application/json", "{", 503)
	has(t, g.run(alice, at, submit("env", "staging")), "<error type='wait'><recipient-unavailable")
	g.answer <- says("text/html", "<p>", 200)
	has(t, g.run(alice, at, submit("env", "staging")), "<error type='wait'><internal-server-error")
	g.answer <- inJSON(`{"result":{"columns":["host"],"rows":[["a"],["b"]]}}`)
	has(t, g.run(alice, at, submit("env", "staging")), "status='completed'", "<reported><field var='host'", "<item><field var='host'><value>b</value></field></item>")
	has(t, g.run(alice, at, submit("env", "staging")), "<bad-request", "<bad-sessionid xmlns='http://jabber.org/protocol/commands'/>")
	for answer, want := range map[string]string{"": "<note type='info'>Done.</note>", `{"error":"no"}`: "<note type='error'>no</note>", `"Deployed."`: "<note type='info'>Deployed.</note>"} {
		g.answer <- inJSON(answer)
		has(t, g.run(alice, "node='now'", ""), "status='completed'", want)
	}
	g.answer <- says("", "", 204)
	has(t, g.run(alice, "node='now'", ""), "<note type='info'>Done.</note>")
	if got := g.all.Runs("now"); len(got) != 4 || got[0].Result != commands.Done || got[0].From.String() != "alice@example.com" || got[0].Chat {
		t.Errorf("%+v", got)
	}
	if n := g.all.Tally("deploy"); n.Count != 5 || n.Failed != 3 || !strings.Contains(n.LastError, "text/html") {
		t.Errorf("%+v", n)
	}
}

// Who may not, and what is no request.
func TestRefusals(t *testing.T) {
	g := newStage(t, time.Second)
	has(t, g.run("carol@elsewhere.example/cli", "node='deploy'", ""), "<item-not-found")
	has(t, g.run("alice@example.com/cli", "node='nobody'", ""), "<item-not-found")
	has(t, g.run("bob@example.com/cli", "node='now'", ""), "<item-not-found")
	has(t, g.run("open@rooms.example.com/carol", "node='deploy'", ""), "<item-not-found")
	has(t, g.run("hidden@rooms.example.com/alice", "node='deploy'", ""), "<error type='auth'><forbidden", "the room hides who you are")
	id := session(t, g.run("alice@example.com/cli", "node='deploy'", ""))
	has(t, g.run("alice@example.com/cli", "node='deploy' sessionid='"+id+"'", "<x xmlns='jabber:x:data' type='form'/>"), "<bad-payload")
	has(t, g.run("bob@example.com/cli", "node='deploy' sessionid='"+id+"'", ""), "<bad-sessionid")
	has(t, g.run("alice@example.com/cli", "node='now' sessionid='"+id+"'", ""), "<bad-sessionid")
	has(t, g.run("alice@example.com/cli", "node='deploy' sessionid='"+id+"' action='explode'", ""), "<malformed-action")
	has(t, g.run("alice@example.com/cli", "node='deploy' sessionid='"+id+"'", "<x xmlns='jabber:x:data' type='cancel'/>"), "status='canceled'")
	has(t, g.run("alice@example.com/cli", "node='deploy' sessionid='"+id+"'", ""), "<bad-sessionid")
	if len(g.events) > 0 {
		t.Error("the webhook was asked")
	}
}

// A webhook that is slow gets no more time than the command has, and what it answers later
// changes nothing. The same step may be sent again.
func TestTimeout(t *testing.T) {
	g := newStage(t, 200*time.Millisecond)
	id := session(t, g.run("alice@example.com/cli", "node='deploy'", ""))
	g.answer <- nil
	has(t, g.run("alice@example.com/cli", "node='deploy' sessionid='"+id+"'", submit("env", "prod")), "<error type='wait'><remote-server-timeout")
	if got := g.all.Runs("deploy"); len(got) != 1 || got[0].Result != commands.Late {
		t.Errorf("%+v", got)
	}
	has(t, g.run("alice@example.com/cli", "node='deploy' sessionid='"+id+"' action='cancel'", ""), "status='canceled'")
}

// In rooms the real address counts.
func TestRunInRoom(t *testing.T) {
	g := newStage(t, 20*time.Second)
	g.answer <- inJSON(`"Deployed."`)
	has(t, g.run("open@rooms.example.com/alice", "node='now'", ""), "to='open@rooms.example.com/alice'", "Deployed.")
	if d := g.next(t).Data; d.From != "alice@example.com" || d.Room == nil || d.Room.JID != "open@rooms.example.com" || d.Room.Nick != "alice" {
		t.Errorf("%+v", d)
	}
}

// The runs of one person do not hide those of others.
func TestRunsAreShared(t *testing.T) {
	g := newStage(t, 20*time.Second)
	g.answer <- inJSON(`{}`)
	g.run("bob@example.com/x", "node='deploy'", submit("env", "prod"))
	for range 60 {
		g.answer <- inJSON(`{}`)
		g.run("alice@example.com/x", "node='deploy'", submit("env", "prod"))
	}
	got := g.all.Runs("deploy")
	if len(got) != 50 || got[49].From.String() != "bob@example.com" {
		t.Errorf("%d runs, the first by %s", len(got), got[len(got)-1].From)
	}
}
