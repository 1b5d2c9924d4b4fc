package livecheck

import (
	"strings"
	"testing"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/profile"
)

// check tells of what is valid and was hardly meant, and of nothing else.
func TestDoubts(t *testing.T) {
	cfg := &config.Config{
		Components: []config.Component{{Domain: "bot.example.com"}},
		Bots:       []config.Bot{{JID: "large@bot.example.com", Profile: profile.Profile{Avatar: &profile.Avatar{Bytes: 65537}}}, {JID: "small@bot.example.com", Profile: profile.Profile{Avatar: &profile.Avatar{Bytes: 65536}}}},
		Commands: []config.Command{
			{Node: "none"}, {Node: "word", Allow: []string{"john", "localhost", "example.com", "a@b", "*", "[::1]"}},
		},
		Endpoints:  []config.Endpoint{{Name: "pull", Match: config.Match{From: []string{"mary"}, RealFrom: []string{"ann"}}}},
		RoomPolicy: config.RoomPolicy{Invites: []string{"bob"}},
		HTTP:       config.HTTP{Tokens: []config.Token{{Name: "a", Endpoint: "nowhere"}, {Name: "b", Endpoint: "pull"}, {Name: "c"}}},
	}
	var got []string
	for _, c := range doubts(cfg) {
		if c.Verdict != v1.CheckWarn || c.Advice == nil {
			t.Errorf("%+v", c)
		}
		found, _, _ := strings.Cut(c.Found, ":")
		got = append(got, c.What+" "+c.Subject+" "+found)
	}
	want := `bot large@bot.example.com its avatar has 65537 bytes
command none nobody sees it, and nobody may run it
command word allow
endpoint pull match.from
endpoint pull match.real_from
rooms  room_policy.invites
token a it may read the events of the endpoint "nowhere", and the configuration has none of this name`
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("%s\nand not\n%s", s, want)
	}
	for _, invites := range []config.RoomPolicy{{Invites: []string{"none"}}, {Invites: []string{"any"}, AnyInvite: true}} {
		if all := doubts(&config.Config{RoomPolicy: invites}); len(all) > 0 {
			t.Errorf("%+v", all)
		}
	}
}
