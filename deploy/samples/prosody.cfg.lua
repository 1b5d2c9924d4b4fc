-- Prosody (0.12 or newer) with stanzahook as a component that has privileges
-- (XEP-0356). The module mod_privilege is in Debian's package prosody-modules.
-- To be changed: the names, and the secret.
--
-- Where Prosody runs already: take what is marked (1) into your VirtualHost, and (2)
-- and (3) as they are.

-- (3) Prosody leaves Nagle's algorithm on by default, which can hold a stanza back for
-- up to 40 ms when the other side delays its acknowledgements.
network_settings = { nagle = false }

-- (3) When stanzahook comes back, its old connection may not have timed out yet.
component_conflict_resolve = "kick_old"

-- (3) Only stanzahook needs this port; 127.0.0.1 if it is on the same machine.
component_ports = { 5347 }
component_interfaces = { "127.0.0.1" }

-- (3) Larger stanzas of a component close its stream. stanzahook sends none above
-- max_stanza_bytes (256 KiB), which has to stay below this.
component_stanza_size_limit = 512 * 1024

modules_enabled = {
	"roster", "saslauth", "tls", "disco", "ping", "pep", "carbons", "smacks", "limits";
}
authentication = "internal_hashed"
log = { info = "*stdout" }

VirtualHost "example.com"
	-- (1) The privileges belong here, with the module; mod_privilege reads them when
	-- the component connects. Without it stanzahook works, but for rosters and for
	-- messages in the name of users.
	-- Do not load mod_remote_roster too: it takes the IQs for rosters to itself.
	modules_enabled = { "privilege" }
	privileged_entities = {
		["bot.example.com"] = {
			roster = "both";             -- read and change rosters
			message = "outgoing";        -- send messages as a user: /msg with an XMPP account
			presence = "managed_entity"; -- see users come: rosters with refresh_on_login
		};
	}

-- (2) The component; and the module here, too, else nothing is granted.
Component "bot.example.com"
	component_secret = "a long random secret"
	modules_enabled = { "privilege" }
