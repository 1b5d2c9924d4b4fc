package app

import (
	"context"

	"stanzahook/cmd/internal/config"
	"stanzahook/component/forward"
	"stanzahook/component/rooms"
	"stanzahook/component/services"
)

// makeRooms makes the rooms that bots are kept in; those of the configuration come later.
func (a *App) makeRooms(ctx context.Context) (err error) {
	a.services = services.New(a.log)
	a.rooms, err = rooms.New(ctx, rooms.Options{
		Store: a.store.Rooms(), Services: a.services, Archive: &a.archives, Deliver: func(o forward.OfRoom) { a.forward.Deliver(o) }, Echoed: a.sent.onEcho, OnState: a.happenings.onRoom, Log: a.log,
	})
	return err
}

// roomSettings are the rooms of a configuration.
func roomSettings(cfg *config.Config) []rooms.Settings {
	all := make([]rooms.Settings, len(cfg.Rooms))
	for i, r := range cfg.Rooms {
		all[i] = rooms.Settings{Room: r.Address, Bot: r.Bot, Nick: r.Nick, Password: r.Password, History: int(r.History), Create: r.Create, Config: r.Config, Rejoin: r.Rejoin}
	}
	return all
}

func roomPolicy(cfg *config.Config) rooms.Policy {
	p := cfg.RoomPolicy
	return rooms.Policy{AnyInvite: p.AnyInvite, Invites: p.InviteGlobs, MaxRooms: p.MaxRooms, SelfPing: p.SelfPing, LeaveOnStop: p.LeaveOnStop,
		CatchUpMax: p.CatchUp.Max, CatchUpAge: p.CatchUp.Age, MaxAnswers: p.MaxAnswers}
}
