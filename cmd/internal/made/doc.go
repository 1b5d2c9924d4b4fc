// Package made keeps what is made by the API beside what the configuration file has:
// endpoints, hooks and commands. A [Table] has all of one kind, and a [Kind] says what is
// particular to it.
//
//	items.go      those that there are, in their order
//	table.go      how they are read, put and deleted
//
// # Laws
//
//   - The file counts. What has the name of one in the file has no effect, and can neither
//     be put nor deleted until it is gone from there.
//   - The store has the keys as they were given, with their secrets; this package has not. What
//     they mean is the configuration's to say, and is read again with each: what one does not
//     allow has no effect, and is back with the next that does.
//   - A change is stored when nothing else can fail. If it is not stored, nothing has changed.
//   - One that is replaced keeps its place; a new one is behind all others.
//   - There is a bound to how many there are, and to their size together.
//
// A table has no lock: its Begin waits until no other change of the configuration is in
// progress, and what else calls its methods sees to that by itself.
package made
