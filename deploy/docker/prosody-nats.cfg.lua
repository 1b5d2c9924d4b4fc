-- As with one machine, but that a new connection of the component takes the place of an old
-- one, whose machine may have lost its network.
Include "docker.cfg.lua"

Component "bot.example.com"
	component_conflict_resolve = "kick_old"
