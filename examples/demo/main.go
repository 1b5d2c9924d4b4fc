// Demo shows stanzahook at work, with nothing but this machine: it starts a private
// XMPP server, a bot, a web application and stanzahook, lets a user chat with the
// bot, sends messages over HTTP, lets the web application change the user's roster,
// and removes it all again.
//
//	make demo [SERVER=prosody|ejabberd]
//	make run  [SERVER=prosody|ejabberd] [BOT=URL]    the same, left running for you to try
//
// Or, once "make build" has built the programs it starts:
//
//	go run ./examples/demo [--server prosody|ejabberd] [--keep]
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"stanzahook/deploy/lab"
)

// patience is how long any one step may take, also on a slow machine.
const patience = time.Minute

const exitInterrupted = 130

// options are the command line.
type options struct {
	server     lab.Kind
	stanzahook string // program
	bot        string // program
	contacts   string // program
	keep       bool
	botURL     string // of a bot that runs already; empty: bot is started
}

func main() {
	server := flag.String("server", string(lab.Prosody), "XMPP `server` to start: prosody or ejabberd")
	stanzahook := flag.String("stanzahook", "bin/stanzahook", "the stanzahook `program`")
	bot := flag.String("bot", "bin/echo-go", "the bot's `program`, built from examples/echo-go")
	contacts := flag.String("contacts", "bin/contacts-go", "the web application's `program`, built from examples/contacts-go")
	keep := flag.Bool("keep", false, "hold no conversation: leave everything running, and say how to use it")
	botURL := flag.String("bot-url", "", "the `URL` of your own bot, which runs already (default: --bot is started)")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "demo: unexpected argument %q\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, options{lab.Kind(*server), *stanzahook, *bot, *contacts, *keep, *botURL}, os.Stdout, os.Stderr))
}

// run returns the exit code. Whatever happens, nothing is left behind.
func run(ctx context.Context, o options, stdout, stderr io.Writer) int {
	begin := time.Now()
	s := &stage{options: o, out: &narrator{w: stdout}, release: func() {}}
	err := s.build(ctx)
	if err == nil && o.keep {
		err = s.keep(ctx)
	} else if err == nil {
		err = s.converse(ctx)
	}
	interrupted := ctx.Err() != nil
	logs := ""
	if err != nil && !interrupted {
		logs = s.logs() // while they are there
	}
	if err := s.strike(); err != nil {
		fmt.Fprintf(stderr, "demo: not everything could be removed: %v\n", err)
		return 1
	}
	switch {
	case interrupted && o.keep: // as it should be
		s.out.say("\nStopped; everything is removed.")
		return 0
	case interrupted:
		fmt.Fprintln(stderr, "\nInterrupted; everything is removed.")
		return exitInterrupted
	case err != nil:
		fmt.Fprintf(stderr, "\nFAILED: %v\n%s", err, logs)
		return 1
	}
	s.out.say("\nAll of it worked, in %.1f seconds; everything is stopped and removed.\nTo try it yourself: make run",
		time.Since(begin).Seconds())
	return 0
}

// narrator tells what happens.
type narrator struct {
	w    io.Writer
	step int
}

func (n *narrator) say(format string, args ...any) { fmt.Fprintf(n.w, format+"\n", args...) }

func (n *narrator) begin(format string, args ...any) {
	n.step++
	n.say("\n%d. "+format, append([]any{n.step}, args...)...)
}

func (n *narrator) note(format string, args ...any) { n.say("   "+format, args...) }
