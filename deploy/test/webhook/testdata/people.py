"""Somebody with an XMPP client that owes nothing to the code under test (slixmpp).

usage: people.py JID PASSWORD HOST PORT

Reads a JSON object a line from standard input and does what it says, as slixmpp writes it, or
with "as" as Conversations, Gajim or Dino do (clients.py); prints "ready", and then a JSON object for each message that
comes, as slixmpp's plugins read it.
"""
import asyncio
import json
import sys
import xml.etree.ElementTree as ET

import slixmpp

sys.dont_write_bytecode = True
import clients

PLUGINS = ("xep_0030", "xep_0045", "xep_0066", "xep_0085", "xep_0184", "xep_0249", "xep_0308", "xep_0333", "xep_0334",
           "xep_0359", "xep_0380", "xep_0422", "xep_0424", "xep_0428", "xep_0444", "xep_0461")
RETRACT = "urn:xmpp:message-retract:1"
COMMANDS = "http://jabber.org/protocol/commands"


class Person(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password, sasl_mech="PLAIN")
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_plain = True
        self["xep_0184"].auto_request = self["xep_0184"].auto_ack = False
        self.add_event_handler("session_start", self.start)
        self.register_handler(slixmpp.xmlstream.handler.Callback("all", slixmpp.xmlstream.matcher.MatchXPath("{jabber:client}message"), self.heard))

        self.register_handler(slixmpp.xmlstream.handler.Callback("presence", slixmpp.xmlstream.matcher.MatchXPath("{jabber:client}presence"), self.saw))
        self.register_handler(slixmpp.xmlstream.handler.Callback("iq", slixmpp.xmlstream.matcher.MatchXPath("{jabber:client}iq"), self.answered))

    def saw(self, p):
        codes = sorted(int(s.get("code")) for s in p.xml.iter("{http://jabber.org/protocol/muc#user}status"))
        out({"presence": {"from": str(p["from"]), "type": p.xml.get("type") or "", "codes": codes}})

    def answered(self, iq):
        if iq["type"] in ("result", "error"):
            self.command = iq.xml.find("{%s}command" % COMMANDS)
            out({"iq": {"id": iq["id"], "type": iq["type"]}})

    async def start(self, _):
        self.send_presence()
        await self.get_roster()
        out("ready")

    def heard(self, m):
        got = {"from": str(m["from"]), "type": m["type"], "id": m["id"], "body": m["body"], "origin_id": m["origin_id"]["id"],
               "chat_state": m["chat_state"] or "", "receipt": m["receipt"] or "", "wants_receipt": bool(m["request_receipt"])}
        if m.get_plugin("reactions", check=True):
            got["react"] = {"to": m["reactions"]["id"], "emoji": sorted(m["reactions"].get_values(all_chars=True))}
        if m.get_plugin("replace", check=True):
            got["replace"] = m["replace"]["id"]
        if m.get_plugin("reply", check=True):
            got["reply"] = {"id": m["reply"]["id"], "to": str(m["reply"]["to"])}
        if m.get_plugin("displayed", check=True):
            got["displayed"] = m["displayed"]["id"]
        if m.xml.find("{urn:xmpp:chat-markers:0}markable") is not None:
            got["markable"] = True
        retract = m.xml.find("{%s}retract" % RETRACT)  # slixmpp knows the version before
        if retract is not None:
            got["retract"] = retract.get("id")
        for e in m.xml.findall("{urn:xmpp:sid:0}stanza-id"):
            if e.get("by") == m["from"].bare:
                got["stanza_id"] = e.get("id")
        ranges = [[int(b.get("start")), int(b.get("end"))] for b in m.xml.findall("{urn:xmpp:fallback:0}fallback/{urn:xmpp:fallback:0}body") if b.get("end")]
        if ranges:
            got["said"] = m["body"][:ranges[0][0]] + m["body"][ranges[0][1]:]
        got["hints"] = sorted(e.tag.partition("}")[2] for e in m.xml if e.tag.startswith("{urn:xmpp:hints}"))
        out(got)

    # What people do. "to" is the bot, or a room.

    def message(self, o, body=None, origin=True):
        m = self.make_message(mto=o["to"], mtype=o.get("type", "chat"), mbody=body)
        m["id"] = o["id"]
        if origin:
            m["origin_id"]["id"] = o.get("origin", o["id"])
        return m

    def do_join(self, o):
        self["xep_0045"].join_muc(o["to"], o["nick"], maxhistory="0")

    def do_say(self, o):
        m = self.message(o, o["body"])
        if o.get("plain"):
            m.send()
            return
        m["chat_state"] = "active"
        m["markable"] = True
        if m["type"] == "chat":
            m["request_receipt"] = True
        m.send()

    def do_reply(self, o):
        quote = "".join("> " + line + "\n" for line in o["quote"].split("\n"))
        m = self.message(o, quote + o["body"])
        m["reply"]["id"], m["reply"]["to"] = o["of"], o["author"]
        fallback = ET.SubElement(m.xml, "{urn:xmpp:fallback:0}fallback", {"for": "urn:xmpp:reply:0"})
        ET.SubElement(fallback, "{urn:xmpp:fallback:0}body", {"start": "0", "end": str(len(quote))})
        m.send()

    def do_react(self, o):
        m = self.message(o, origin=False)
        m["reactions"]["id"] = o["of"]
        m["reactions"].set_values(o["emoji"], all_chars=True)
        m.enable("store")
        m.send()

    def do_correct(self, o):
        m = self.message(o, o["body"])
        m["replace"]["id"] = o["of"]
        m.send()

    def do_retract0(self, o):
        self["xep_0424"].send_retraction(o["to"], o["of"], mtype=o.get("type", "chat"), fallback_text="This person attempted to retract a previous message")

    def do_retract1(self, o):
        m = self.message(o, "This person attempted to retract a previous message")
        ET.SubElement(m.xml, "{%s}retract" % RETRACT, {"id": o["of"]})
        ET.SubElement(m.xml, "{urn:xmpp:fallback:0}fallback", {"for": RETRACT})
        m.enable("store")
        m.send()

    def do_displayed(self, o):
        m = self.message(o, origin=False)
        m["displayed"]["id"] = o["of"]
        m.enable("store")
        m.send()

    def do_received(self, o):
        m = self.message(o, origin=False)
        m["receipt"] = o["of"]
        m.send()

    def do_typing(self, o):
        m = self.message(o, origin=False)
        m["chat_state"] = "composing"
        m.enable("no-store")
        m.send()

    def do_oob(self, o):
        m = self.message(o, o["url"])
        m["oob"]["url"] = o["url"]
        m.send()

    def do_sfs(self, o):
        m = self.message(o, o["url"])
        m.append(ET.fromstring("""<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'><file xmlns='urn:xmpp:file:metadata:0'>
            <media-type>image/png</media-type><name>cat.png</name><size>1234</size><width>20</width><height>10</height></file>
            <sources><url-data xmlns='http://jabber.org/protocol/url-data' target='%s'/></sources></file-sharing>""" % o["url"]))
        m["oob"]["url"] = o["url"]
        fallback = ET.SubElement(m.xml, "{urn:xmpp:fallback:0}fallback", {"for": "urn:xmpp:sfs:0"})
        ET.SubElement(fallback, "{urn:xmpp:fallback:0}body")
        m.send()

    def do_omemo(self, o):
        m = self.message(o, "I sent you an OMEMO encrypted message but your client doesn\u2019t seem to support that.")
        m.append(ET.fromstring("<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='5'><key rid='6'>AA==</key><iv>AA==</iv></header><payload>AA==</payload></encrypted>"))
        self.named(m, "OMEMO", "eu.siacs.conversations.axolotl")

    def do_ox(self, o):
        m = self.message(o, "This message is encrypted (XEP-0373: OpenPGP for XMPP).")
        m.append(ET.fromstring("<openpgp xmlns='urn:xmpp:openpgp:0'>AA==</openpgp>"))
        self.named(m, "OX", "urn:xmpp:openpgp:0")

    def do_otr(self, o):
        self.message(o, "?OTR:AAMDJ+MVmSfjFZcAAAAAAQAAAAIAAADA").send()

    @staticmethod
    def named(m, name, namespace):
        m.append(ET.Element("{urn:xmpp:eme:0}encryption", {"name": name, "namespace": namespace}))
        m.enable("store")
        m.send()

    def do_command(self, o):  # as Gajim does: the form goes back whole, with its labels and options
        iq = self.make_iq_set(ito=o["to"])
        iq["id"] = o["id"]
        command = ET.SubElement(iq.xml, "{%s}command" % COMMANDS, {"node": o["node"], "action": o["action"]})
        if o["action"] != "execute":
            command.set("sessionid", self.command.get("sessionid"))
        if "values" in o:
            form = self.command.find("{jabber:x:data}x")
            form.set("type", "submit")
            for field in form.iter("{jabber:x:data}field"):
                values = o["values"].get(field.get("var"))
                for old in field.findall("{jabber:x:data}value") if values else []:
                    field.remove(old)
                for value in values or []:
                    ET.SubElement(field, "{jabber:x:data}value").text = value
            command.append(form)
        self.send_raw(str(iq))

    def do_raw(self, o):
        self.send_raw(o["xml"].replace("'ID'", "'%s'" % o["id"]))  # others' ids may have the letters, too

    def do_invite(self, o):
        self["xep_0249"].send_invitation(o["to"], o["room"], reason=o["reason"])

    def do_mediated(self, o):
        self["xep_0045"].invite(o["room"], o["to"], reason=o["reason"])


def out(what):
    print(json.dumps(what), flush=True)


async def main(jid, password, host, port):
    person = Person(jid, password)
    person.connect(address=(host, int(port)), disable_starttls=True, force_starttls=False)
    reader = asyncio.StreamReader()
    await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        o = json.loads(line)
        if "as" in o:
            person.send_raw(clients.stanza(o))
        else:
            getattr(person, "do_" + o["do"])(o)
    person.disconnect()


asyncio.get_event_loop().run_until_complete(main(*sys.argv[1:]))
