// Package socket reads and writes TCP and Unix socket connections at less cost than package
// net where a process sleeps and wakes for each message.
//
// Before each system call the Go runtime notes that it may block. If the whole process slept
// just before, that note wakes the runtime's monitor, a thread that then looks every 20 µs
// for system calls that do block, until the process sleeps again. A bridge sleeps between
// two messages as a rule, and its monitor used a fifth of its CPU: as much as everything
// that it does with a stanza. The sockets are non-blocking, so nothing needs to watch them:
// on Linux the calls here are made without the note.
//
// Use it for the few connections that carry messages. A file can block: package os is right
// for it.
package socket
