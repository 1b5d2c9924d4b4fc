//go:build integration

package archive

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// withRooms has rooms with archives.
const withRooms = `
Component "rooms.localhost" "muc"
	modules_enabled = { "muc_mam" }
	muc_log_by_default = true
	restrict_room_creation = false
`

// TestArchiveOfARoom asks a real archive, page by page.
func TestArchiveOfARoom(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	srv := harness.StartServer(t, lab.Options{Kind: lab.Prosody, Users: map[string]string{"u": "p"}, Components: []lab.Component{{Domain: "bot.localhost", Secret: "s"}},
		Edit: func(config []byte) ([]byte, error) { return append(config, withRooms...), nil }})

	const room = "room@rooms.localhost"
	u := harness.Login(t, srv, "u")
	u.Send("<presence to='%[1]s/u'><x xmlns='http://jabber.org/protocol/muc'/></presence>"+
		"<iq type='set' id='unlock' to='%[1]s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>", room)
	for i := range 3 {
		u.Send("<message type='groupchat' to='%s' id='m%d'><body>text %[2]d</body></message>", room, i)
		u.Await("own message", func(r lab.Received) bool { return r.Body == fmt.Sprint("text ", i) })
	}

	var c Collector
	link := component.New(component.Options{
		Domain: jid.MustParse("bot.localhost"), Addr: srv.ComponentAddr(), Secret: secret.New("s"), Handler: &c, Log: zaptest.NewLogger(t),
	})
	componenttest.Run(t, link)
	require.NoError(t, link.WaitConnected(ctx))
	var got []string
	for i, page := range []string{"<max>2</max>", "<max>2</max><before/>"} {
		s := stanza.Must(stanza.Build(stanza.Header{Kind: stanza.IQ, Type: "set", ID: fmt.Sprint(i), From: jid.MustParse("asker@bot.localhost/x"), To: jid.MustParse(room)},
			"<query xmlns='urn:xmpp:mam:2' queryid='q'><set xmlns='http://jabber.org/protocol/rsm'>"+page+"</set></query>", stanza.Limits{}))
		all, err := c.Query(ctx, s, link.Request)
		require.NoError(t, err)
		for _, s := range all {
			_, text, _ := strings.Cut(s.XML(), "<body>")
			text, _, _ = strings.Cut(text, "</body>")
			got = append(got, s.Kind.String()+" "+text)
		}
	}
	if want := "message text 0, message text 1, iq , message text 1, message text 2, iq "; strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}
