// Package load writes to stanzahook as many users and callers at once would, counts what
// becomes of everything that was sent, and measures how long it takes: for the tests of
// faults, and for the measurements.
package load
