package parts

import (
	"stanzahook/cmd/internal/config"
	"stanzahook/component/rooms"
)

// RoomSettings are the rooms of a configuration.
func RoomSettings(cfg *config.Config) []rooms.Settings {
	all := make([]rooms.Settings, len(cfg.Rooms))
	for i, r := range cfg.Rooms {
		all[i] = rooms.Settings{Room: r.Address, Bot: r.Bot, Nick: r.Nick, Password: r.Password, History: int(r.History), Create: r.Create, Config: r.Config, Rejoin: r.Rejoin}
	}
	return all
}

// RoomPolicy is what holds for all rooms of a configuration.
func RoomPolicy(cfg *config.Config) rooms.Policy {
	p := cfg.RoomPolicy
	return rooms.Policy{AnyInvite: p.AnyInvite, Invites: p.InviteGlobs, MaxRooms: p.MaxRooms, SelfPing: p.SelfPing, LeaveOnStop: p.LeaveOnStop,
		CatchUpMax: p.CatchUp.Max, CatchUpAge: p.CatchUp.Age, MaxAnswers: p.MaxAnswers}
}
