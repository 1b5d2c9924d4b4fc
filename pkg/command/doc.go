// Package command has ad-hoc commands (XEP-0050) without network and clock: what somebody
// asks for goes in, and what to answer, or to ask a program, comes out.
//
//	command.go   a command: who sees it, and who may run it
//	sessions.go  the runs of commands that are not at their end; whose they are, their bounds
//	step.go      execute, next, prev, complete, cancel, and the answer of the program
//	chat.go      the same by lines of a chat: /deploy env=prod
//	answer.go    what a program answers
//	reply.go     what is answered, as XML and as lines
package command
