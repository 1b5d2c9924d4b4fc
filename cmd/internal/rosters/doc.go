// Package rosters keeps the rosters of a configuration: it makes the syncer of each host with
// its source and its backends, changes it at a reload, and refreshes it at logins and in
// intervals. What a refresh does is in pkg/roster/syncer.go.
//
//	rosters.go     the syncers, and the store as their cache
//	triggers.go    logins and intervals
package rosters
