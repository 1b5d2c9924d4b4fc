package bots_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stanzahook/component"
	"stanzahook/component/bots"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/profile"
	"stanzahook/pkg/stanza"
)

const domain = "bot.example.com"

var picture = []byte("the bytes of an image")

// avatar describes an image, which nobody looks at here.
func avatar(image []byte) *profile.Avatar {
	return &profile.Avatar{ID: profile.AvatarID(image), Type: "image/png", Bytes: len(image), Width: 8, Height: 8}
}

func bot(address string, image []byte) bots.Bot {
	b := bots.Bot{Profile: &profile.Profile{JID: jid.MustParse(address), Name: "The Bot"}}
	if image != nil {
		b.Avatar = avatar(image)
	}
	return b
}

// start connects a component with these bots, and answers to what they are asked.
func start(t *testing.T, o bots.Options, all ...bots.Bot) (*bots.Bots, func(from, to, payload string) *stanza.Stanza) {
	t.Helper()
	srv := componenttest.NewServer(t, domain, "secret")
	b := bots.New(o)
	b.Set(all)
	srv.Connect(component.Options{Handler: b})
	n := 0
	return b, func(from, to, payload string) *stanza.Stanza {
		t.Helper()
		n++
		id := fmt.Sprint("q", n)
		srv.Send(fmt.Sprintf("<iq type='get' id='%s' from='%s' to='%s'>%s</iq>", id, from, to, payload))
		got := srv.ExpectID(id)
		if got.From.String() != to || got.To.String() != from {
			t.Errorf("from %s to %s", got.From, got.To)
		}
		return got
	}
}

func items(node, inner string) string {
	return "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='" + node + "'>" + inner + "</items></pubsub>"
}

const (
	vcard = "<vCard xmlns='vcard-temp'/>"
	info  = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
	user  = "u@example.com/r"
)

// A bot answers all that its profile has, at its bare address and at every full one: servers
// differ in which of them a room asks. The handler behind this one gets the others.
func TestAnswers(t *testing.T) {
	read := 0
	image := func(_ context.Context, b *bots.Bot) ([]byte, error) {
		if read++; b.JID.String() != "echo@bot.example.com" {
			return nil, errors.New("of another bot")
		}
		return picture, nil
	}
	b, ask := start(t, bots.Options{Image: image, Features: []string{"urn:xmpp:ping"}}, bot("echo@bot.example.com", picture), bot("bare@bot.example.com", nil), bot(domain, nil))
	encoded := base64.StdEncoding.EncodeToString(picture)
	id := profile.AvatarID(picture)
	presence := b.Presence(jid.MustParse("echo@bot.example.com"))
	_, rest, _ := strings.Cut(presence, " ver='")
	ver, _, _ := strings.Cut(rest, "'")
	if !strings.Contains(presence, "<photo>"+id+"</photo>") || ver == "" {
		t.Fatal(presence)
	}
	for _, to := range []string{"echo@bot.example.com", "echo@bot.example.com/room"} {
		for payload, want := range map[string]string{
			vcard: "<PHOTO><TYPE>image/png</TYPE><BINVAL>" + encoded + "</BINVAL></PHOTO>",
			"<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'/>":                "<fn><text>The Bot</text></fn>",
			items("urn:xmpp:avatar:metadata", ""):                              "<item id='" + id + "'><metadata xmlns='urn:xmpp:avatar:metadata'><info bytes='21' id='" + id + "' type='image/png' width='8' height='8'/>",
			items("urn:xmpp:avatar:data", ""):                                  "<item id='" + id + "'><data xmlns='urn:xmpp:avatar:data'>" + encoded + "</data></item>",
			items("urn:xmpp:avatar:data", "<item id='x'/><item id='"+id+"'/>"): encoded,
			items("urn:xmpp:vcard4", ""):                                       "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'>",
			items("http://jabber.org/protocol/nick", ""):                       "<nick xmlns='http://jabber.org/protocol/nick'>The Bot</nick>",
			info: "<identity category='client' type='bot' name='The Bot'/>",
			"<query xmlns='http://jabber.org/protocol/disco#info' node='urn:stanzahook#" + ver + "'/>": "<feature var='vcard-temp'/>",
		} {
			if got := ask(user, to, payload); got.Type != "result" || !strings.Contains(got.Inner(), want) {
				t.Errorf("%s: %s", payload, got.XML())
			}
		}
	}
	if n := b.Counters.Read.Load(); n != 1 || read != 1 || b.Cached() != int64(len(picture)) {
		t.Errorf("the image was read %d times, %d bytes are cached", n, b.Cached())
	}
	for what, want := range map[[2]string]string{
		{"echo@bot.example.com", items("urn:xmpp:avatar:data", "<item id='other'/>")}:                         "item-not-found",
		{"bare@bot.example.com", items("urn:xmpp:avatar:metadata", "")}:                                       "item-not-found",
		{"bare@bot.example.com", items("urn:xmpp:avatar:data", "")}:                                           "item-not-found",
		{"echo@bot.example.com", items("urn:x:other", "")}:                                                    "service-unavailable",
		{"echo@bot.example.com", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><create/></pubsub>"}:      "service-unavailable",
		{"echo@bot.example.com", "<query xmlns='http://jabber.org/protocol/disco#info' node='urn:x#other'/>"}: "service-unavailable",
		{"other@bot.example.com", vcard}:                                                                      "service-unavailable",
		{"other@bot.example.com", info}:                                                                       "service-unavailable",
	} {
		if e, failed := ask(user, what[0], what[1]).StanzaError(); !failed || string(e.Condition) != want {
			t.Errorf("%s: %v", what, e)
		}
	}
	if got := ask(user, "bare@bot.example.com", vcard); strings.Contains(got.Inner(), "PHOTO") || !strings.Contains(got.Inner(), "<FN>The Bot</FN>") {
		t.Error(got.XML())
	}
	if got := ask(user, domain, info); !strings.Contains(got.Inner(), "name='The Bot'") {
		t.Error(got.XML())
	}
	if got := b.Presence(jid.MustParse("other@bot.example.com")); got != "" {
		t.Errorf("presence of a bot without a profile: %s", got)
	}
}

// Messages to a bot that reads none come back; those that say nothing do not.
func TestNoReply(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	silent := bot("news@bot.example.com", nil)
	silent.NoReply = true
	all := bots.New(bots.Options{})
	all.Set([]bots.Bot{silent, bot("echo@bot.example.com", nil)})
	passed := make(chan string, 10)
	srv.Connect(component.Options{Handler: component.Chain{all, component.HandlerFunc(func(in *component.Incoming) bool {
		passed <- in.ID
		return true
	})}})
	message := func(id, to, inner string) string {
		return fmt.Sprintf("<message type='chat' id='%s' from='u@example.com/r' to='%s'>%s</message>", id, to, inner)
	}
	srv.Send(message("typing", "news@bot.example.com", "<composing xmlns='http://jabber.org/protocol/chatstates'/>") +
		message("words", "news@bot.example.com", "<body>hello</body>") + message("subject", "news@bot.example.com/x", "<subject>hello</subject>") +
		"<message type='error' id='back' from='u@example.com' to='news@bot.example.com'/>" + message("other", "echo@bot.example.com", "<body>hello</body>"))
	for _, id := range []string{"words", "subject"} {
		if e, failed := srv.ExpectID(id).StanzaError(); !failed || e.Condition != stanza.NotAcceptable {
			t.Errorf("%s: %v", id, e)
		}
	}
	if a, b := <-passed, <-passed; a != "back" || b != "other" {
		t.Errorf("passed on: %s and %s", a, b)
	}
	if rest := srv.Received(); len(rest) > 0 {
		t.Errorf("also sent: %s", rest[0].XML())
	}
	if got := all.Get(jid.MustParse("news@bot.example.com")); got == nil || !strings.Contains(got.Info("", got.Features(nil)), "urn:xmpp:noreply:0") {
		t.Error("service discovery does not say so")
	}
}

// An image that is not what it was when the bot was set is not sent.
func TestChangedImage(t *testing.T) {
	b, ask := start(t, bots.Options{Image: func(context.Context, *bots.Bot) ([]byte, error) { return []byte("root:x:0:0"), nil }}, bot("echo@bot.example.com", picture))
	got := ask(user, "echo@bot.example.com", vcard)
	if e, failed := got.StanzaError(); !failed || e.Condition != stanza.InternalServerError || strings.Contains(got.XML(), "root") || strings.Contains(got.XML(), "cm9vd") {
		t.Error(got.XML())
	}
	if b.Counters.Failed.Load() != 1 || b.Cached() != 0 {
		t.Errorf("%d failed, %d bytes cached", b.Counters.Failed.Load(), b.Cached())
	}
}

// A sender that asks for more than its share gets an error; the others get their images.
func TestShares(t *testing.T) {
	large := bot("echo@bot.example.com", picture)
	large.Avatar.Bytes = profile.MaxAvatar // it counts as much as that
	b, ask := start(t, bots.Options{Image: func(context.Context, *bots.Bot) ([]byte, error) { return picture, nil }}, large)
	asks := func(from string) bool {
		t.Helper()
		got := ask(from, "echo@bot.example.com", items("urn:xmpp:avatar:data", ""))
		e, failed := got.StanzaError()
		if failed && (e.Condition != stanza.ResourceConstraint || e.Type != stanza.Wait) {
			t.Fatal(got.XML())
		}
		return !failed
	}
	n := 0
	for ; asks(fmt.Sprintf("u%d@strangers.example/r", n)); n++ {
		if n == 1000 {
			t.Fatal("a stranger's server has no bound")
		}
	}
	if n < 100 {
		t.Errorf("a server got %d images", n)
	}
	if !asks("u@other.example") || !asks(user) || !asks("room@rooms.example.com/nick") {
		t.Error("others get no images")
	}
	if b.Counters.Refused.Load() == 0 {
		t.Error("refusals are not counted")
	}
	if got := ask("u@strangers.example/r", "echo@bot.example.com", info); got.Type != "result" {
		t.Error(got.XML())
	}
}

// Images that cannot be read do not let one asker have all places.
func TestPlaces(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	blocked := make(chan struct{})
	b := bots.New(bots.Options{Image: func(_ context.Context, b *bots.Bot) ([]byte, error) {
		if b.JID.Local() == "slow" {
			<-blocked
		}
		return picture, nil
	}})
	b.Set([]bots.Bot{bot("slow@bot.example.com", []byte("another image")), bot("echo@bot.example.com", picture)})
	srv.Connect(component.Options{Handler: b})
	defer close(blocked)
	ask := func(from, to, id string) {
		srv.Send(fmt.Sprintf("<iq type='get' id='%s' from='%s' to='%s@bot.example.com'>%s</iq>", id, from, to, vcard))
	}
	for i := range 50 {
		ask("greedy@example.com/r", "slow", fmt.Sprint("g", i))
		ask(fmt.Sprintf("u@s%d.strangers.example/r", i), "slow", fmt.Sprint("s", i))
	}
	ask(user, "echo", "other")
	if got := srv.ExpectID("other"); got.Type != "result" {
		t.Error(got.XML())
	}
	if n := b.Counters.Crowded.Load(); n < 80 {
		t.Errorf("%d were refused", n)
	}
}

// The cache is bounded; what is asked for often stays.
func TestCache(t *testing.T) {
	const n = 200
	var all []bots.Bot
	images := make(map[string][]byte)
	for i := range n {
		image := make([]byte, profile.MaxAvatar)
		copy(image, fmt.Sprint(i))
		images[profile.AvatarID(image)] = image
		all = append(all, bot(fmt.Sprintf("b%d@bot.example.com", i), image))
	}
	b := bots.New(bots.Options{Image: func(_ context.Context, b *bots.Bot) ([]byte, error) { return images[b.Avatar.ID], nil }})
	b.Set(all)
	for i := range n {
		for _, k := range []int{i, 0} {
			if image, err := b.Image(b.Get(all[k].JID)); err != nil || &image[0] != &images[all[k].Avatar.ID][0] {
				t.Fatal(err)
			}
		}
	}
	if size := b.Cached(); size > 8<<20 || size < 7<<20 {
		t.Errorf("%d bytes are cached", size)
	}
	if got := b.Counters.Read.Load(); got != n {
		t.Errorf("%d images were read", got)
	}
}

// Set says whose presence has changed, and whose avatar.
func TestSet(t *testing.T) {
	b := bots.New(bots.Options{})
	echo, news := bot("echo@bot.example.com", picture), bot("news@bot.example.com", nil)
	set := func(all ...bots.Bot) string {
		t.Helper()
		var texts []string
		for _, c := range b.Set(all) {
			text := c.Bot.Local()
			switch {
			case strings.Contains(c.Event, "<info "):
				text += " avatar"
			case c.Event != "":
				text += " none"
			}
			texts = append(texts, text)
		}
		slices.Sort(texts)
		return strings.Join(texts, ", ")
	}
	other := bot("echo@bot.example.com", []byte("another image"))
	away := bot("echo@bot.example.com", []byte("another image"))
	away.Presence.Show = "away"
	away.Card.Note = "of no interest to presence"
	for i, tc := range []struct {
		all  []bots.Bot
		want string
	}{
		{[]bots.Bot{echo, news}, "echo avatar, news"},
		{[]bots.Bot{news, echo}, ""},
		{[]bots.Bot{other, news}, "echo avatar"},
		{[]bots.Bot{away, news}, "echo"},
		{[]bots.Bot{news}, "echo none"},
		{nil, "news"},
	} {
		if got := set(tc.all...); got != tc.want {
			t.Errorf("%d: %q, want %q", i, got, tc.want)
		}
	}
}
