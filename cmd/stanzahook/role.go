package main

import (
	"context"
	"os"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/app"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/standby"
	"stanzahook/cmd/internal/systemd"
)

// role is that of this process among the replicas of a store on NATS.
type role struct {
	log     *zap.Logger
	manager *systemd.Manager
	hangup  <-chan os.Signal
	standby *standby.Replica
	ended   chan error // why this process must not go on
}

// start stands by until this replica is the active one, and starts the app then. It returns nil
// if ctx ends before.
func (r *role) start(ctx context.Context, cfg *config.Config, reloader *app.Reloader, onStoreHung func()) (*app.App, error) {
	var err error
	if r.standby, err = app.StandBy(cfg, r.log, reloader, r.onLost); err != nil {
		return nil, err
	}
	r.log.Info("standing by", zap.String("http", r.standby.Addr))
	active := make(chan error, 1)
	go func() { active <- r.standby.Wait(ctx) }() // ended by ctx, with the process
	joined := r.standby.Joined()
	watch, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	close(watched)
	defer func() { stop(); <-watched }()
	for {
		select {
		case <-joined:
			joined = nil
			r.manager.Started()
			watched = make(chan struct{})
			go func() { defer close(watched); r.manager.Watch(watch, r.standby.Summary, r.standby.CheckAlive) }()
		case <-r.hangup:
			r.standby.ReloadAndLog(ctx)
		case err := <-r.ended:
			return nil, err
		case err := <-active:
			if err != nil {
				return nil, nil // stopped
			}
			return app.StartActive(ctx, r.standby, r.log, onStoreHung, reloader)
		}
	}
}

// onLost ends the process, or replaces it by a fresh one, which is a standby. Nothing is
// finished: what is under way may be another replica's by now. What nobody else has goes back to
// its senders.
func (r *role) onLost(why error) {
	if standby.IsTaken(why) {
		r.ended <- why
		return
	}
	r.manager.Restarting()
	r.standby.Abandon()
	err := restart(r.log) // it does not return, unless it fails
	r.log.Fatal("no fresh process", zap.Error(err))
}

// end hands the role over, when the app has stopped.
func (r *role) end() {
	if r.standby != nil {
		r.standby.Close()
	}
}
