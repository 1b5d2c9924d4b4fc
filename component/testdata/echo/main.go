// Echo is a component that answers each message with its text. It is built outside of
// the module of stanzahook, by a test.
//
//	SECRET=… echo bot.example.com 127.0.0.1:5347
package main

import (
	"context"
	"log"
	"os"
	"os/signal"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

func main() {
	domain, err := jid.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	component.New(component.Options{
		Domain: domain, Addr: os.Args[2], Secret: secret.New(os.Getenv("SECRET")),
		Handler: component.HandlerFunc(echo),
	}).Run(ctx)
}

func echo(in *component.Incoming) bool {
	if in.Kind != stanza.Message || !in.MayBounce() {
		return false
	}
	body, ok := in.Body()
	if answer, err := stanza.Chat(in.To, in.From, in.ID, "You said: "+body); ok && err == nil {
		in.Answer(answer)
	}
	return true
}
