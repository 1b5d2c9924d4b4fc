-- The sample, as it is, and what is different in a container.
Include "sample.cfg.lua"

Host "*"
	-- The network of the compose file is the containers' own.
	component_interfaces = { "*" }
	-- The start makes one if there is none.
	certificates = "/var/lib/prosody/certs"

Component "bot.example.com"
	component_secret = ENV_COMPONENT_SECRET
