"""Somebody who runs commands of a bot, and chooses its buttons, with an XMPP client that owes nothing to the code under
test (slixmpp).

usage: commands.py JID PASSWORD HOST PORT BOT

Reads requests from its input, a JSON object in each line, and prints what came of each:
{"list": true}, {"info": NODE}, {"run": NODE, "action": …, "session": …, "values": {…}}, {"say": BODY},
{"join": ROOM, "nick": …} ("create": it makes the room, as the service makes rooms by itself), {"read": true},
{"choose": ID}. "to" names another address than BOT. With "quiet" a run, or a line, is not waited for; {"came": true} is
what came of the run.
"""
import asyncio
import json
import sys

import slixmpp
from slixmpp.exceptions import IqError
from slixmpp.plugins.xep_0439.stanza import Response

PATIENCE = 50  # the service may take 15 s, and the machine may have much to do
NS = "http://jabber.org/protocol/commands"


class Client(slixmpp.ClientXMPP):
    def __init__(self, jid, password, bot):
        super().__init__(jid, password, sasl_mech="PLAIN")
        for plugin in ("xep_0004", "xep_0030", "xep_0045", "xep_0050", "xep_0439"):
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_plain = True
        self.bot = bot
        self.heard = asyncio.Queue()
        self.finished = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.run)
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("failed_all_auth", lambda _: self.finished.set_exception(RuntimeError("login refused")))

    def on_message(self, m):
        if m["body"]:
            self.heard.put_nowait({"from": str(m["from"]), "body": m["body"], "buttons": [[r["label"], r["value"]] for r in m["substanzas"] if isinstance(r, Response)]})

    async def run(self, _):
        try:
            self.send_presence()
            # Held here: the loop holds neither it nor who waits for it, and both would be garbage.
            self.reader = reader = asyncio.StreamReader()
            await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            while line := await reader.readline():
                try:
                    answer = await self.do(json.loads(line))
                except IqError as e:
                    detail = [c.tag.split("}")[1] for c in e.iq.xml.find("{jabber:client}error") if c.tag.startswith("{%s}" % NS)]
                    answer = {"error": e.condition, "type": e.etype, "text": e.text, "detail": detail}
                print(json.dumps(answer), flush=True)
            self.finished.set_result(None)
        except BaseException as e:  # whatever it is, the caller must see it
            self.finished.set_exception(e)

    async def do(self, x):
        to = x.get("to", self.bot)
        if "list" in x:
            items = await self["xep_0050"].get_commands(to, timeout=PATIENCE)
            return {"nodes": sorted(i[1] for i in items["disco_items"]["items"])}
        if "info" in x:
            info = await self["xep_0030"].get_info(jid=to, node=x["info"], cached=False, timeout=PATIENCE)
            return {"identities": sorted([list(i[:2]) for i in info["disco_info"]["identities"]]), "features": sorted(info["disco_info"]["features"])}
        if "say" in x:
            self.send_message(mto=to, mbody=x["say"], mtype=x.get("type", "chat"))
            return {} if x.get("quiet") else await self.answer(to)
        if "read" in x:
            return await self.answer(to)
        if "choose" in x:
            m = self.make_message(mto=to, mtype=x.get("type", "chat"))
            m["action_selected"]["id"] = x["choose"]
            m.send()
            return {}
        if "join" in x:
            await self["xep_0045"].join_muc_wait(x["join"], x["nick"], timeout=PATIENCE)
            if x.get("create"):
                iq = self.make_iq_set(ito=x["join"])
                iq.append(slixmpp.xmlstream.ET.fromstring("<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>"))
                await iq.send(timeout=PATIENCE)
            return {}
        if "came" in x:
            return await self.running
        if x.get("quiet"):
            self.running = asyncio.ensure_future(self.command(to, x))
            return {}
        return await self.command(to, x)

    async def answer(self, to):
        while True:
            m = await asyncio.wait_for(self.heard.get(), PATIENCE)
            if m["from"].endswith("/" + self.boundjid.user):
                continue  # what we say ourselves in a room
            return m

    async def command(self, to, x):
        payload = None
        if "values" in x:
            payload = self["xep_0004"].make_form(ftype="submit")
            for name, value in x["values"].items():
                payload.add_field(var=name, value=value)
        iq = self["xep_0050"].send_command(to, x["run"], action=x.get("action", "execute"), payload=payload, sessionid=x.get("session"), timeout=PATIENCE)
        iq = await iq
        c = iq["command"]
        out = {"status": c["status"], "session": c["sessionid"], "notes": [list(n) for n in c["notes"]], "actions": sorted(c["actions"])}
        form = c.xml.find("{jabber:x:data}x")
        if form is not None:
            form = self["xep_0004"].stanza.Form(xml=form)
            out["form"] = form["type"]
            out["values"] = {name: f["value"] for name, f in form.get_fields().items()}
            out["required"] = sorted(name for name, f in form.get_fields().items() if f["required"])
            out["columns"] = list(form.get_reported())
            out["rows"] = [dict(i) for i in form.get_items()]
        return out


async def main(jid, password, host, port, bot):
    client = Client(jid, password, bot)
    client.connect(address=(host, int(port)), disable_starttls=True, force_starttls=False)
    await client.finished
    client.disconnect()


asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
