"""Somebody who looks at bots, one request at a time, with an XMPP client that owes nothing to the code under test
(slixmpp).

usage: looks.py JID PASSWORD HOST PORT

Reads requests from its input, a JSON object in each line, and prints what came of each: {"vcard": JID} (XEP-0054),
{"vcard4": JID} (XEP-0292), {"node": NODE, "of": JID} (the vCard4 in it), {"avatar": JID} (XEP-0084),
{"info": JID} (XEP-0030), {"subscribe": JID}, {"presence": TYPE, "from": JID},
{"news": JID} (the avatar that it tells of), {"say": BODY, "to": JID}, {"reply": JID}.
"""
import asyncio
import hashlib
import json
import sys

import slixmpp
from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

PATIENCE = 50
DATA, METADATA, VCARD4 = "urn:xmpp:avatar:data", "urn:xmpp:avatar:metadata", "urn:ietf:params:xml:ns:vcard-4.0"


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password, sasl_mech="PLAIN")
        for plugin in ("xep_0030", "xep_0054", "xep_0060", "xep_0084", "xep_0163", "xep_0172"):
            self.register_plugin(plugin)
        self.del_event_handler("entity_caps", self["xep_0115"]._process_caps)  # it asks for them in between; faces.py does
        self["feature_mechanisms"].unencrypted_plain = True
        self.presences, self.messages = asyncio.Queue(), asyncio.Queue()
        self.finished = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.run)
        self.add_event_handler("failed_all_auth", lambda _: self.finished.set_exception(RuntimeError("login refused")))
        for kind, came in (("presence", self.presences), ("message", self.messages)):
            self.register_handler(Callback(kind, MatchXPath("{jabber:client}" + kind), came.put_nowait))

    async def run(self, _):
        try:
            self.send_presence()
            await self.get_roster()
            # Held here: the loop holds neither it nor who waits for it, and both would be garbage.
            self.reader = reader = asyncio.StreamReader()
            await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            while line := await reader.readline():
                try:
                    answer = await self.do(json.loads(line))
                except IqError as e:
                    answer = {"error": e.condition}
                print(json.dumps(answer), flush=True)
            self.finished.set_result(None)
        except BaseException as e:  # whatever it is, the caller must see it
            self.finished.set_exception(e)

    async def do(self, x):
        if "vcard" in x:
            card = (await self["xep_0054"].get_vcard(jid=x["vcard"], cached=False, timeout=PATIENCE))["vcard_temp"]
            photo = card["PHOTO"]["BINVAL"]
            return {"name": card["FN"], "note": card["DESC"], "photo": hashlib.sha1(photo).hexdigest() if photo else "",
                    "type": card.xml.findtext("{vcard-temp}PHOTO/{vcard-temp}TYPE") or ""}
        if "vcard4" in x:
            iq = self.make_iq_get(ito=x["vcard4"])
            iq.append(slixmpp.xmlstream.ET.Element("{%s}vcard" % VCARD4))
            iq = await iq.send(timeout=PATIENCE)
            return {"name": iq.xml.findtext(".//{%s}fn/{%s}text" % (VCARD4, VCARD4))}
        if "node" in x:
            items = await self["xep_0060"].get_items(x["of"], x["node"], timeout=PATIENCE)
            return {"name": items.xml.findtext(".//{%s}fn/{%s}text" % (VCARD4, VCARD4)) or ""}
        if "avatar" in x:
            items = await self["xep_0060"].get_items(x["avatar"], METADATA, timeout=PATIENCE)
            one = items.xml.find(".//{%s}info" % METADATA).attrib
            data = await self["xep_0084"].retrieve_avatar(x["avatar"], one["id"], timeout=PATIENCE)
            image = data["pubsub"]["items"]["item"]["avatar_data"]["value"]
            return {"photo": hashlib.sha1(image).hexdigest(), "length": len(image), "id": one["id"], "type": one["type"],
                    "bytes": int(one["bytes"]), "width": int(one["width"]), "height": int(one["height"])}
        if "info" in x:
            info = await self["xep_0030"].get_info(jid=x["info"], cached=False, timeout=PATIENCE)
            return {"name": sorted(i[3] or "" for i in info["disco_info"]["identities"])[0], "features": sorted(info["disco_info"]["features"])}
        if "subscribe" in x:
            self.send_presence_subscription(pto=x["subscribe"], ptype="subscribe")
            return {}
        if "say" in x:
            self.send_message(mto=x["to"], mbody=x["say"], mtype="chat")
            return {}
        if "reply" in x:
            m = await comes(self.messages, lambda s: s["from"].bare == x["reply"])
            if m["type"] == "error":
                return {"error": m["error"]["condition"], "text": m["error"]["text"]}
            return {"body": m["body"]}
        if "news" in x:
            m = await comes(self.messages, lambda s: s["from"].bare == x["news"] and s.xml.find(".//{%s}metadata" % METADATA) is not None)
            one = m.xml.find(".//{%s}info" % METADATA)
            return {"photo": "" if one is None else one.get("id")}
        p = await comes(self.presences, lambda s: s["from"].bare == x["from"] and s.xml.get("type", "") == x["presence"])
        return {"name": p["nick"]["nick"], "photo": p.xml.findtext(".//{vcard-temp:x:update}photo") or "",
                "show": p.xml.findtext("{jabber:client}show") or "", "status": p.xml.findtext("{jabber:client}status") or ""}


async def comes(queue, wanted):
    """The next stanza that is wanted; others of its kind are as if they had not come."""
    async def search():
        while True:
            s = await queue.get()
            if wanted(s):
                return s
    return await asyncio.wait_for(search(), PATIENCE)


async def main(jid, password, host, port):
    client = Client(jid, password)
    client.connect(address=(host, int(port)), disable_starttls=True, force_starttls=False)
    await client.finished
    client.disconnect()


asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
