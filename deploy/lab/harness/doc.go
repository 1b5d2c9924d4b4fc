// Package harness runs the whole of stanzahook for tests and measurements: the program
// as its users start it, web applications that it posts to, users who write to them, and
// a network between them that can be as bad as wanted. The XMPP servers come from
// package lab.
//
// Most functions fail the test that they are given when something is not as it should
// be, and undo what they did when it ends.
package harness
