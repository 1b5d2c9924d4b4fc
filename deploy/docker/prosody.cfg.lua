-- The sample, as it is, and what is different in a container.
Include "sample.cfg.lua"

Host "*"
	-- The network of the compose file is the containers' own.
	component_interfaces = { "*" }
	-- Without certificates no client is let in; put them here and set c2s_require_encryption.
	certificates = "/etc/prosody/certs"

Component "bot.example.com"
	component_secret = ENV_COMPONENT_SECRET
