package bots

import (
	"context"
	"time"

	"go.uber.org/zap"
	payload "gosrc.io/xmpp/stanza"

	"stanzahook/component"
	"stanzahook/pkg/message"
	"stanzahook/pkg/profile"
	"stanzahook/pkg/stanza"
)

// Handle implements component.Handler.
func (b *Bots) Handle(in *component.Incoming) bool {
	bot := b.get(in.To)
	switch {
	case bot == nil:
		return false
	case in.Kind == stanza.IQ && in.Type == "get":
		return b.query(in, bot)
	case in.Kind == stanza.Message && bot.NoReply:
		return refuse(in)
	}
	return false
}

// refuse keeps messages from a bot that reads none. What says nothing (typing, markers) needs
// no answer either.
func refuse(in *component.Incoming) bool {
	if !in.MayBounce() {
		return false
	}
	if f := message.Read(in.Stanza); !f.HasBody() {
		switch f.Event {
		case message.Typing, message.Marker, message.Receipt:
			return true
		}
	}
	in.Fail(&stanza.Error{Type: stanza.Cancel, Condition: stanza.NotAcceptable, Text: "nobody reads messages to this address"})
	return true
}

// query answers what a bot's profile has an answer to.
func (b *Bots) query(in *component.Incoming, bot *known) bool {
	c, _ := in.Payload()
	switch [2]string{c.Space, c.Local} {
	case [2]string{payload.NSDiscoInfo, "query"}:
		node, _ := in.Element(c).Attr("node")
		if node != "" && node != profile.CapsNode+"#"+bot.verification {
			return false // package disco says that it is not there
		}
		b.answer(in, bot.Info(node, *bot.features))
	case [2]string{profile.NSVCard, "vCard"}:
		if bot.Avatar == nil {
			b.answer(in, bot.VCard(nil))
			return true
		}
		b.withImage(in, bot, bot.VCard)
	case [2]string{profile.NSVCard4, "vcard"}:
		b.answer(in, bot.VCard4())
	case [2]string{profile.NSPubSub, "pubsub"}:
		return b.items(in, bot, in.Element(c))
	default:
		return false
	}
	return true
}

// items answers a query of a node (XEP-0060 section 6.5).
func (b *Bots) items(in *component.Incoming, bot *known, query *stanza.Element) bool {
	items := query.Child(profile.NSPubSub, "items")
	if items == nil {
		return false
	}
	node, _ := items.Attr("node")
	item, ok := bot.Item(node)
	if !ok {
		return false
	}
	if !wants(items, item.ID) {
		in.Fail(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound})
		return true
	}
	if !item.Image {
		b.answer(in, item.Answer())
		return true
	}
	b.withImage(in, bot, func(image []byte) string {
		item.XML = profile.ImageXML(image)
		return item.Answer()
	})
	return true
}

// wants reports whether a query is for the item that there is: it names that one, or none.
func wants(items *stanza.Element, id string) bool {
	if id == "" {
		return false
	}
	named := false
	for i := range items.Children {
		if c := &items.Children[i]; c.Local == "item" && c.Space == items.Space {
			if given, _ := c.Attr("id"); given == id {
				return true
			}
			named = true
		}
	}
	return !named
}

func (b *Bots) answer(in *component.Incoming, xml string) {
	b.Counters.Answers.Add(1)
	in.Result(xml)
}

// readTimeout is how long an image may take to be read.
const readTimeout = 10 * time.Second

// withImage answers with what write makes of the bot's image. Reading and writing it takes
// longer than a handler may.
//
// Killed meanwhile: the sender of the query gets an error from the server, and asks again.
func (b *Bots) withImage(in *component.Incoming, bot *known, write func(image []byte) string) {
	if !b.shares.take(in.From, in.To, bot.Avatar.Bytes) {
		b.Counters.Refused.Add(1)
		in.Fail(&stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint, Text: "too many avatars were asked for; ask again in a minute"})
		return
	}
	release, ok := b.places.take(in.From, in.To)
	if !ok {
		b.Counters.Crowded.Add(1)
		in.Fail(&stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint, Text: "too many avatars are being asked for; ask again"})
		return
	}
	in.Hold()
	go func() {
		defer release()
		image, err := b.Image(&bot.Bot)
		if err != nil {
			b.repeats.Warn(b.log, "avatar not read", zap.Stringer("bot", bot.JID), zap.Error(err))
			in.Fail(&stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError, Text: "the avatar cannot be read"})
			return
		}
		b.Counters.Images.Add(1)
		b.answer(in, write(image))
	}()
}

// Image returns the image of a bot that has one.
func (b *Bots) Image(bot *Bot) ([]byte, error) {
	if image, ok := b.images.get(bot.Avatar.ID); ok {
		return image, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	b.Counters.Read.Add(1)
	image, err := b.o.Image(ctx, bot)
	if err == nil && profile.AvatarID(image) != bot.Avatar.ID {
		err = errChanged
	}
	if err != nil {
		b.Counters.Failed.Add(1)
		return nil, err
	}
	b.images.add(bot.Avatar.ID, image)
	return image, nil
}
