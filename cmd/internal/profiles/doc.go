// Package profiles decides what bots show of themselves: of the configuration file and of what
// the API has set, it makes the bots of package component/bots.
//
//	profiles.go      what counts for each bot, and when
//	made.go          what the API has set, in memory and in the store
//	put.go           how it is set and deleted
//	avatar_files.go  copies of the avatars that the API has set
//	service.go       what the API tells of bots
//
// # Laws
//
//   - A profile that the API has set counts more than that of the file, until it is deleted. A
//     presence that is set by itself counts more than that of either, until it ends.
//   - A change is stored before it is shown. If it is not stored, nothing has changed.
//   - The store has the keys as they were given. There may be many bots, so what is in memory of
//     each is its profile alone.
//   - An avatar is stored before the bot that has it, and removed behind the last bot that has it;
//     one without a bot is removed at the start.
//   - A setting of one bot does not take as long as there are bots, but for a presence that ends.
package profiles
