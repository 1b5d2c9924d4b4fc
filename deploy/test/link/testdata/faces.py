"""Somebody who looks at a bot with an XMPP client that owes nothing to the code under test
(slixmpp).

usage: faces.py JID PASSWORD HOST PORT BOT [ROOM/NICK]

Asks for BOT's vCard, avatar and capabilities in all ways that clients know, subscribes to it,
and waits for the avatar that comes next. With ROOM/NICK it joins ROOM, and asks the occupant
NICK. Takes a step for each line that it reads, and prints a JSON object for each, a line each.
"""
import asyncio
import hashlib
import json
import sys

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

PATIENCE = 15


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password, bot, room):
        super().__init__(jid, password, sasl_mech="PLAIN")
        for plugin in ("xep_0030", "xep_0045", "xep_0054", "xep_0060", "xep_0084", "xep_0115", "xep_0153", "xep_0163", "xep_0172"):
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_plain = True
        self.bot, self.room = bot, room
        self.finished = asyncio.get_event_loop().create_future()
        self.presences, self.avatars = asyncio.Queue(), asyncio.Queue()
        self.add_event_handler("session_start", self.run)
        self.add_event_handler("failed_all_auth", lambda _: self.finished.set_exception(RuntimeError("login refused")))
        self.register_handler(Callback("faces", MatchXPath("{jabber:client}presence"), self.on_presence))
        self.add_event_handler("avatar_metadata_publish", self.avatars.put_nowait)

    def on_presence(self, p):
        wanted = self.room or self.bot
        if p.xml.get("type") is None and wanted in (p["from"].full, p["from"].bare):
            self.presences.put_nowait(p)

    async def run(self, _):
        try:
            await self.converse()
            self.finished.set_result(None)
        except BaseException as e:  # whatever it is, the caller must see it
            self.finished.set_exception(e)

    def say(self, **what):
        print(json.dumps(what), flush=True)

    async def turn(self):
        """Waits until it is our turn: a line on the input."""
        if not await self.turns.readline():
            raise EOFError

    async def look(self, jid):
        """All ways to the avatar, and the name."""
        await self.turn()
        card = (await self["xep_0054"].get_vcard(jid=jid, cached=False, timeout=PATIENCE))["vcard_temp"]
        photo = card["PHOTO"]["BINVAL"]
        org = card.xml.findtext("{vcard-temp}ORG/{vcard-temp}ORGNAME")  # slixmpp 1.8.3 does not find it each time
        metadata = await self["xep_0060"].get_items(jid, "urn:xmpp:avatar:metadata", timeout=PATIENCE)
        item = metadata["pubsub"]["items"]["item"]
        one = item.xml.find(".//{urn:xmpp:avatar:metadata}info").attrib  # slixmpp reads it in events alone
        data = await self["xep_0084"].retrieve_avatar(jid, one["id"], timeout=PATIENCE)
        image = data["pubsub"]["items"]["item"]["avatar_data"]["value"]
        self.say(step="look", name=card["FN"], note=card["DESC"], org=org, url=card["URL"],
                 type=one["type"], bytes=int(one["bytes"]), width=int(one["width"]), item=item["id"], id=one["id"],
                 same=photo == image, sha1=hashlib.sha1(image).hexdigest(), length=len(image))

    async def presence(self, step):
        await self.turn()
        p = await asyncio.wait_for(self.presences.get(), PATIENCE)
        caps = p["caps"]
        # slixmpp asks for the node itself, and checks the hash of what comes.
        verified = None
        for _ in range(100):
            verified = await self["xep_0115"].get_caps(verstring=caps["ver"])
            if verified is not None:
                break
            await asyncio.sleep(PATIENCE / 100)
        self.say(step=step, show=p["show"], status=p["status"], nick=p["nick"]["nick"], photo=p["vcard_temp_update"]["photo"], verified=verified is not None,
                 features=sorted(verified["features"]) if verified is not None else [],
                 identities=sorted([i[0], i[1], i[3]] for i in verified["identities"]) if verified is not None else [])

    async def converse(self):
        self.turns = asyncio.StreamReader()
        await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(self.turns), sys.stdin)
        self.send_presence()
        await self.get_roster()
        if self.room:
            room, _, _ = self.room.partition("/")
            await self.turn()
            await self["xep_0045"].join_muc_wait(slixmpp.JID(room), "watcher", timeout=PATIENCE)
            self.say(step="joined")
            await self.presence("room")
            await self.look(self.room)
            await self.presence("changed in the room")
            await self.turn()
            return
        await self.look(self.bot)
        await self.turn()
        self.send_presence_subscription(pto=self.bot, ptype="subscribe")
        self.say(step="asked")
        await self.presence("subscribed")
        await self.turn()
        m = await asyncio.wait_for(self.avatars.get(), PATIENCE)
        self.say(step="event", id=m["pubsub_event"]["items"]["item"]["avatar_metadata"]["items"][0]["id"])
        await self.presence("changed")
        await self.look(self.bot)


async def main(jid, password, host, port, bot, room=""):
    client = Client(jid, password, bot, room)
    client.connect(address=(host, int(port)), disable_starttls=True, force_starttls=False)
    try:
        await asyncio.wait_for(client.finished, 6 * PATIENCE)
    finally:
        client.disconnect()


asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
