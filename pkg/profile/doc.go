// Package profile has what a bot shows of itself: its name, its vCard (XEP-0054, XEP-0292),
// its avatar (XEP-0084, XEP-0153), its presence, and what service discovery says of it
// (XEP-0030, XEP-0115). It writes the XML of answers and presence, and it reads images. It
// sends nothing and reads no files.
//
//	avatar, err := profile.ReadAvatar(data)            // a PNG, JPEG, GIF or WebP
//	p := profile.Profile{JID: bot, Name: "Echo", Avatar: avatar}
//	problems := p.Check()                              // nothing: it can be used
//	xml := p.VCard(data)                               // <vCard xmlns='vcard-temp'>…
//
// profile.go has the type and its bounds; image.go reads images, trailing.go finds what is
// behind them; vcard.go, items.go and disco.go write answers; presence.go writes presence.
package profile
