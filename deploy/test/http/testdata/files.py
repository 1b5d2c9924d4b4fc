"""Somebody with an XMPP client that owes nothing to the code under test (slixmpp).

usage: files.py JID PASSWORD HOST PORT BOT [FILE]

Uploads a file (XEP-0363) and sends its address to the bot (XEP-0066), or prints an empty JSON
object when it is online; then prints what comes as a JSON object: the body, the address in it, and
the bytes that are there.
"""
import asyncio
import json
import sys
import urllib.request

import slixmpp


class Person(slixmpp.ClientXMPP):
    def __init__(self, jid, password, bot):
        super().__init__(jid, password, sasl_mech="PLAIN")
        for plugin in ("xep_0030", "xep_0066", "xep_0363"):
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_plain = True
        self.bot = bot
        self.add_event_handler("session_start", self.start)
        self.add_event_handler("message", self.heard)

    async def start(self, _):
        self.send_presence()
        await self.get_roster()
        if len(sys.argv) < 7:
            print("{}", flush=True)
            return
        # named, as the search of slixmpp 1.8.3 needs a Python older than 3.11 (asyncio.wait)
        self["xep_0363"].upload_service = slixmpp.JID("upload.localhost")
        with open(sys.argv[6], "rb") as f:
            url = await self["xep_0363"].upload_file("photo of me.txt", input_file=f, content_type="text/plain")
        m = self.make_message(mto=self.bot, mbody=url, mtype="chat")
        m["oob"]["url"] = url
        m.send()

    def heard(self, m):
        url = m["oob"]["url"]
        sfs = m.xml.find("{urn:xmpp:sfs:0}file-sharing")
        data = urllib.request.urlopen(url).read().decode(errors="replace") if url else ""
        print(json.dumps({"body": m["body"], "url": url, "data": data, "from": str(m["from"]), "sfs": sfs is not None}), flush=True)


person = Person(sys.argv[1], sys.argv[2], sys.argv[5])
person.connect((sys.argv[3], int(sys.argv[4])), use_ssl=False, force_starttls=False, disable_starttls=True)
person.process(forever=True)
