"""An XMPP client that owes nothing to the code under test (slixmpp), and shows
its roster.

usage: roster.py JID PASSWORD HOST PORT

Prints a line of JSON, the contacts by address, when it has logged in and after
every change that the server tells of. Ends when its standard input does.
"""
import asyncio
import json
import sys

import slixmpp


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password, sasl_mech="PLAIN")
        self["feature_mechanisms"].unencrypted_plain = True
        self.contacts = {}
        self.add_event_handler("session_start", self.run)
        self.add_event_handler("roster_update", self.show)

    async def run(self, _):
        await self.get_roster()
        self.send_presence()

    def show(self, iq):
        for jid, item in iq["roster"]["items"].items():
            if item["subscription"] == "remove":
                self.contacts.pop(jid.bare, None)
            else:
                self.contacts[jid.bare] = {key: item[key] for key in ("name", "groups", "subscription")}
        print(json.dumps(self.contacts), flush=True)


async def main(jid, password, host, port):
    client = Client(jid, password)
    client.connect(address=(host, int(port)), disable_starttls=True, force_starttls=False)
    await asyncio.get_event_loop().run_in_executor(None, sys.stdin.read)
    client.disconnect()


asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
