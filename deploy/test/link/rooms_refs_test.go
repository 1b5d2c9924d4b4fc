//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

var (
	stanzaIDTag = regexp.MustCompile(`<stanza-id [^>]*>`)
	idAttribute = regexp.MustCompile(` id=['"]([^'"]*)['"]`)
)

// What a bot and others have said in a room with an archive is corrected, retracted and reacted
// to after a kill with the refs of before it, by the ids that the room has given: also what was
// sent without waiting for the room.
func TestRefsInRoomsAfterAKill(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		x := newLive(t, harness.StartServer(t, harness.WithManyRooms(harness.ServerOptions(kind, "event"))), "\nrooms: [{jid: refs@rooms.localhost, from: echo@event.localhost, nick: Echo}]\n")
		x.roomWith("refs", harness.ArchivedRoom(kind))
		x.bot.AnswerWith(func(*harness.Hook) (int, string, string) { return 204, "", "" })
		x.launch()
		x.event("room.joined", toEcho)
		// gets returns what alice gets, and the id that the room has given it
		gets := func(what string, parts ...string) (got lab.Received, id string) {
			t.Helper()
			got = x.alice.Await(what, func(r lab.Received) bool {
				return r.Kind == "message" && r.Type == "groupchat" && hasAll(r.Inner, parts)
			})
			return got, group(idAttribute, []byte(stanzaIDTag.FindString(got.Inner)))
		}
		say := func(path, body string, status int) (sent struct{ ID, Ref string }) {
			t.Helper()
			answer := x.call("POST", path, fmt.Sprintf(`{"from":"echo@event.localhost","to":"refs@rooms.localhost","body":%q}`, body), status)
			if err := json.Unmarshal([]byte(answer), &sent); err != nil {
				t.Fatal(err)
			}
			return sent
		}
		early := say("/v1/messages", "sent early", 202)
		_, earlyID := gets("what was sent early", "sent early")
		late := say("/v1/messages?wait=30s&wait_for=echoed", "sent late", 200)
		_, lateID := gets("what was sent late", "sent late")
		x.alice.Send("<message to='refs@rooms.localhost' type='groupchat' id='hers'><body>from her</body></message>")
		_, hersID := gets("her own words", "from her")
		hers := x.event(toEcho, `"body":"from her"`)
		if earlyID == "" || lateID == "" || hersID == "" {
			t.Fatalf("ids %q %q %q", earlyID, lateID, hersID)
		}
		harness.Eventually(t, "the early one is echoed", func() bool {
			r, err := x.p.Call("GET", "/v1/messages/"+early.ID, "", "", "")
			return err == nil && strings.Contains(r.Body, `"echoed"`)
		})

		joined := x.count("room.joined", toEcho)
		x.p.Kill()
		x.launch()
		harness.Eventually(t, "joined again", func() bool { return x.count("room.joined", toEcho) > joined })
		x.call("PATCH", "/v1/messages/"+early.Ref, `{"body":"put right"}`, 200, `"ref":"`+early.Ref+`"`)
		if r, _ := gets("the correction", "put right"); !strings.Contains(r.Inner, early.ID) || !strings.Contains(r.Inner, "urn:xmpp:message-correct:0") {
			t.Errorf("%s is corrected by %s", early.ID, r.Inner)
		}
		for ref, id := range map[string]string{early.Ref: earlyID, late.Ref: lateID} {
			x.call("DELETE", "/v1/messages/"+ref, "", 200, `"ref":"`+ref+`"`)
			if r, _ := gets("the retraction", "urn:xmpp:message-retract:1"); !strings.Contains(r.Inner, id) {
				t.Errorf("%s is retracted by %s", id, r.Inner)
			}
		}
		x.call("PUT", "/v1/messages/"+hers.Ref+"/reactions", `{"emoji":["✅"]}`, 200)
		if r, _ := gets("the reaction", "urn:xmpp:reactions:0"); !strings.Contains(r.Inner, hersID) {
			t.Errorf("%s is reacted to by %s", hersID, r.Inner)
		}
		// Who reacts to what was said before the kill, says it of the ref that the bot has.
		x.alice.Send("<message to='refs@rooms.localhost' type='groupchat' id='r1'><reactions xmlns='urn:xmpp:reactions:0' id='%s'><reaction>👍</reaction></reactions></message>", lateID)
		x.event(`"type":"message.reaction"`, toEcho, `"ref_of":"`+late.Ref+`"`)
		x.alice.Send("<message to='refs@rooms.localhost' type='groupchat' id='r2'><reactions xmlns='urn:xmpp:reactions:0' id='%s'><reaction>👍</reaction></reactions></message>", earlyID)
		x.event(`"type":"message.reaction"`, toEcho, `"ref_of":"`+early.Ref+`"`)
	})
}

func group(r *regexp.Regexp, text []byte) string {
	if m := r.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}
