// Package listeners lets somebody listen in place of a bot: a temporary endpoint in front of all
// others, whose requests go to the program that asked for them ("stanzahook listen").
//
//	listeners.go  who listens to which address, from the begin to the end
//	tunnel.go     the bot on this side: requests wait here for their answers
//
// # Laws
//
//   - What was not answered is nobody's loss: at the end it goes to the endpoint that would have
//     got it, in the order of each conversation.
//   - Who is silent does not listen: after [Silence] its endpoint ends. So it does when the same
//     token asks for the address again.
//   - One token cannot keep others out.
//   - A tunnel is reached over loopback alone, at a path that nobody else knows, whatever the
//     configuration allows.
package listeners
