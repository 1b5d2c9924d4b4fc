"""An XMPP client that owes nothing to the code under test (slixmpp).

usage: reader.py JID PASSWORD HOST PORT ROOM NICK

Joins ROOM, which it makes if it is not there, and prints each message as a JSON object,
until its input ends.
"""
import asyncio
import json
import sys

import slixmpp
from slixmpp.xmlstream import ET


def say(**what):
    print(json.dumps(what), flush=True)


class Reader(slixmpp.ClientXMPP):
    def __init__(self, jid, password, room, nick):
        super().__init__(jid, password, sasl_mech="PLAIN")
        self.register_plugin("xep_0199")
        self["feature_mechanisms"].unencrypted_plain = True
        self.room, self.nick = room, nick
        self.finished = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.run)
        self.add_event_handler("failed_all_auth", lambda _: self.finished.set_exception(RuntimeError("login refused")))
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("presence", self.on_presence)

    def run(self, _):
        self.send_presence()
        p = self.make_presence(pto=f"{self.room}/{self.nick}")
        p.append(ET.fromstring("<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>"))
        p.send()

    async def on_presence(self, p):
        if p["from"].full != f"{self.room}/{self.nick}" or p["type"] == "error":
            return
        # a room that is new is locked until its owner has configured it
        iq = self.make_iq_set(ito=self.room)
        iq.append(ET.fromstring("<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"
                                "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
                                "<field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query>"))
        try:
            await iq.send(timeout=30)
        except slixmpp.exceptions.IqError:
            pass  # somebody else owns it
        say(ready=True)

    def on_message(self, m):
        if not m["body"]:
            return
        x = m.xml

        def attr(name, space, key="id"):
            e = x.find(f"{{{space}}}{name}")
            return "" if e is None else e.get(key, "")

        say(type=m["type"], sender=m["from"].full, id=m["id"], body=m["body"], reply=attr("reply", "urn:xmpp:reply:0"), replyto=attr("reply", "urn:xmpp:reply:0", "to"),
            replace=attr("replace", "urn:xmpp:message-correct:0"), stanza=attr("stanza-id", "urn:xmpp:sid:0"), by=attr("stanza-id", "urn:xmpp:sid:0", "by"))


async def main():
    jid, password, host, port, room, nick = sys.argv[1:]
    c = Reader(jid, password, room, nick)
    c.connect(address=(host, int(port)), disable_starttls=True, force_starttls=False)
    loop = asyncio.get_event_loop()
    await asyncio.wait([loop.run_in_executor(None, sys.stdin.read), c.finished], return_when=asyncio.FIRST_COMPLETED)
    c.disconnect()


asyncio.get_event_loop().run_until_complete(main())
