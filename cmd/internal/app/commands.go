package app

import (
	"context"
	"reflect"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/component/commands"
	"stanzahook/pkg/command"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/webhook"
)

// commandTarget asks the address that a command has in place of an endpoint.
type commandTarget struct {
	worker *delivery.Worker
	of     config.Command
}

// makeCommands makes what serves commands of bots; nobody is connected yet.
func (a *App) makeCommands() {
	a.commandTargets = make(map[string]commandTarget)
	a.commands = commands.New(commands.Options{
		Behind: a.rooms.Behind, Sender: a.answers(), OnRun: a.happenings.OnRun, Log: a.log,
		Own: func(domain string) bool { _, ok := a.links[domain]; return ok },
	})
	a.forward.Taken = func(ev *webhook.Event) bool {
		link := a.links[ev.Component]
		return link != nil && a.commands.OfRoom(link, ev)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); a.commands.Run(ctx) }()
	a.onStop("commands", func(context.Context) { cancel(); <-done })
}

// setCommands changes over to the commands of a configuration, with those of the API behind
// those of its file.
func (a *App) setCommands(cfg *config.Config) {
	all := make([]*commands.Command, len(cfg.Commands))
	targets := make(map[string]commandTarget)
	for i := range cfg.Commands {
		c := &cfg.Commands[i]
		x := &commands.Command{Timeout: c.Timeout, Source: "config", Command: command.Command{
			Node: c.Node, Name: c.Name, Bots: c.BotGlobs, Allow: c.Allowed, Chat: c.Chat, Form: c.First, Forms: c.Others,
		}}
		if c.ByAPI() {
			x.Source = "api"
		}
		if c.Address == nil {
			x.Worker = func() *delivery.Worker { return a.endpointWorker(c.Endpoint) }
			x.Asks = c.Endpoint
		} else if w := a.commandTarget(cfg, c, targets); w != nil {
			x.Worker = func() *delivery.Worker { return w }
		}
		all[i] = x
	}
	before := a.commandTargets
	a.commandTargets = targets
	a.commands.Set(all)
	for node, t := range before {
		if targets[node].worker != t.worker {
			go stopTarget(t, cfg.Drain)
		}
	}
}

// stopTarget lets the requests of a target that is gone end.
func stopTarget(t commandTarget, drain time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	t.worker.Stop(ctx)
}

// commandTarget returns the worker of a command with an address, and puts it among the targets.
// One whose command is the same stays.
func (a *App) commandTarget(cfg *config.Config, c *config.Command, targets map[string]commandTarget) *delivery.Worker {
	if before, ok := a.commandTargets[c.Node]; ok && reflect.DeepEqual(before.of, *c) && reflect.DeepEqual(a.cfg.Outbound, cfg.Outbound) {
		targets[c.Node] = before
		return before.worker
	}
	one := *cfg
	one.Endpoints = []config.Endpoint{{Name: "command:" + c.Node, URL: c.URL, Format: config.FormatEvent, Delivery: config.DeliveryDirect, Timeout: c.Timeout, Concurrency: webhook.DefaultConcurrency}}
	w, err := a.newWorker(a.webhooks(&one)[0])
	if err != nil { // the address was checked
		a.log.Error("command without its address", zap.String("command", c.Node), zap.Error(err))
		return nil
	}
	targets[c.Node] = commandTarget{w, *c}
	return w
}

// endpointWorker returns the worker of an endpoint as it is now; nil if there is none.
func (a *App) endpointWorker(name string) *delivery.Worker {
	now := a.current.Load()
	if now == nil {
		return nil
	}
	for _, w := range now.workers {
		if w.Endpoint().Name == name {
			return w
		}
	}
	return nil
}

// drainTargets is drain for the addresses of commands.
func (a *App) drainTargets(ctx context.Context) {
	var wg sync.WaitGroup
	for _, t := range a.commandTargets {
		wg.Go(func() { t.worker.Stop(ctx) })
	}
	wg.Wait()
}

// hasCommands reports whether a bot has commands.
func (a *App) hasCommands(bot jid.JID) bool { return a.commands != nil && a.commands.HasAny(bot) }
