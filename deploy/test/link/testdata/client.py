"""An XMPP client that owes nothing to the code under test (slixmpp).

usage: client.py JID PASSWORD HOST PORT BOT

Asks BOT's component what it is, subscribes to BOT, and writes to it. Prints one
JSON object of what came back.
"""
import asyncio
import json
import sys

import slixmpp

PATIENCE = 10


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password, bot):
        super().__init__(jid, password, sasl_mech="PLAIN")
        for plugin in ("xep_0012", "xep_0030", "xep_0092", "xep_0184", "xep_0199", "xep_0202"):
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_plain = True
        self["xep_0184"].auto_request = False
        self.bot, self.host = bot, slixmpp.JID(bot).domain
        self.result = {}
        self.waiting = {name: asyncio.get_event_loop().create_future()
                        for name in ("subscribed", "available", "message", "receipt", "unsubscribed", "unavailable")}
        self.finished = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.run)
        self.add_event_handler("failed_all_auth", lambda _: self.finished.set_exception(RuntimeError("login refused")))
        self.add_event_handler("presence_subscribed", lambda p: self.came("subscribed", p["from"].full))
        self.add_event_handler("presence_unsubscribed", lambda p: self.came("unsubscribed", p["from"].full))
        self.add_event_handler("presence_available", self.on_presence("available"))
        self.add_event_handler("presence_unavailable", self.on_presence("unavailable"))
        self.add_event_handler("receipt_received", lambda m: self.came("receipt", m["receipt"]))
        self.add_event_handler("message", self.on_message)

    def came(self, name, value):
        if not self.waiting[name].done():
            self.waiting[name].set_result(value)

    def on_presence(self, name):
        def handler(p):
            if p["from"].bare == self.bot:
                self.came(name, p["from"].full)
        return handler

    def on_message(self, m):
        if m["body"]:
            self.came("message", {"from": m["from"].full, "type": m["type"], "body": m["body"], "thread": m["thread"]})

    async def run(self, _):
        try:
            await self.converse()
            self.finished.set_result(None)
        except BaseException as e:  # whatever it is, the caller must see it
            self.finished.set_exception(e)

    async def converse(self):
        self.send_presence()
        await self.get_roster()
        info = await self["xep_0030"].get_info(jid=self.host, cached=False, timeout=PATIENCE)
        self.result["identities"] = sorted([i[0], i[1], i[3]] for i in info["disco_info"]["identities"])
        self.result["features"] = sorted(info["disco_info"]["features"])
        items = await self["xep_0030"].get_items(jid=self.host, timeout=PATIENCE)
        self.result["items"] = len(items["disco_items"]["items"])
        self.result["ping"] = await self["xep_0199"].ping(self.host, timeout=PATIENCE) >= 0
        version = await self["xep_0092"].get_version(self.host, timeout=PATIENCE)
        self.result["version"] = version["software_version"]["name"]
        time = await self["xep_0202"].get_entity_time(self.host, timeout=PATIENCE)
        # slixmpp's own reading of it adds a second Z.
        self.result["time"] = time.xml.findtext(".//{urn:xmpp:time}utc")
        last = await self["xep_0012"].get_last_activity(jid=self.host, timeout=PATIENCE)
        self.result["seconds"] = last["last_activity"]["seconds"]

        self.send_presence_subscription(pto=self.bot, ptype="subscribe")
        await self.wait("subscribed", "available")
        m = self.make_message(mto=self.bot, mbody="hello from slixmpp", mtype="chat")
        m["id"], m["thread"], m["request_receipt"] = "slix-1", "thread-1", True
        m.send()
        await self.wait("receipt", "message")
        self.send_presence_subscription(pto=self.bot, ptype="unsubscribe")
        await self.wait("unavailable")

    async def wait(self, *names):
        for name in names:
            try:
                self.result[name] = await asyncio.wait_for(self.waiting[name], PATIENCE)
            except asyncio.TimeoutError:
                raise RuntimeError("no " + name + " came") from None


async def main(jid, password, host, port, bot):
    client = Client(jid, password, bot)
    client.connect(address=(host, int(port)), disable_starttls=True, force_starttls=False)
    try:
        await asyncio.wait_for(client.finished, 3 * PATIENCE)
    finally:
        print(json.dumps(client.result))
        client.disconnect()


asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
