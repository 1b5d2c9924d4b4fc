// Package rooms keeps bots in rooms (XEP-0045) over links that come and go. Each bot in a
// room is a [muc.Room]; this package gives it the link, the clock and the store, and turns
// what happens in it into events of endpoints.
//
//	all, err := rooms.New(ctx, rooms.Options{Store: s.Rooms(), Deliver: forward.Deliver, …})
//	all.Set(configured, policy)          // at the start, and at every reload
//	// the handler of every link: all; its OnUp: all.OnUp(ctx, link)
//	go all.Run(ctx)
//	all.Stop(ctx)
//
// A bot is in a room with one fixed resource: echo@bot.example.com/room. Events and the API
// speak of the bare address; Over and Address set the resource in what goes to a room.
//
// # For the HTTP API
//
// [Rooms.Keep] joins a room and keeps it over restarts, [Rooms.Await] waits for the end of a
// join, [Rooms.Join] does both for what is to be said there, [Rooms.List], [Rooms.Get] and
// [Rooms.Occupants] show what is, [Rooms.Leave] ends it.
// [Rooms.Address] must see each message of a caller before it is sent: it gives it the
// address that the room knows. [Rooms.Say] sends it, once the bot is in the room on this
// connection; its echo is recognised, see Options.Echoed. Package waiting has what comes before.
// admin.go asks the room itself: its configuration, affiliations, roles, invitations, its
// archive.
//
// # What is stored
//
// A record for each room and bot: how it is joined, if the API or an invitation made it (with
// the password), up to where its messages were seen, and whether it has refused us. The
// mark is written within a second, after the events before it are in the queues of their
// endpoints. An event that its queue refuses waits in memory, with those behind it, and the
// mark before it. The first mark of a room is written before anybody hears of the join.
//
// Killed: messages after the stored mark are delivered again, as missed, with the webhook-id
// that it had before, if the message has an id.
//
// # File by file
//
// rooms.go has the table; set.go takes over a configuration; keep.go and join.go add and
// remove rooms of the API; session.go drives one room; request.go asks it and its archive; marks.go stores it; waiting.go keeps
// what a queue has no room for; handler.go takes stanzas; events.go
// makes events; connect.go joins after each connect, as many at a time as pace.go says; run.go has the clock and writes marks;
// address.go and guard.go see what goes to rooms; departed.go leaves rooms
// that were given up without a connection; invite.go handles invitations; view.go
// shows; admin.go asks rooms.
package rooms
