"""What Conversations, Gajim and Dino send, as their sources have it.

Conversations 2.12.8, with the reactions of 2.18; PiratX 2.2.2 for what its descendants (Cheogram, PiratX and others) send
besides: replies, retractions, files with words. Gajim and nbxmpp of August 2026. Dino of June 2026.

Rooms are taken to keep ids (muc#stable_id), as Prosody and ejabberd do. Keys and ciphertexts are made up.
"""
from xml.sax.saxutils import escape, quoteattr

ORIGIN = "<origin-id xmlns='urn:xmpp:sid:0' id='{id}'/>"
REQUEST = "<request xmlns='urn:xmpp:receipts'/>"
MARKABLE = "<markable xmlns='urn:xmpp:chat-markers:0'/>"
ACTIVE = "<active xmlns='http://jabber.org/protocol/chatstates'/>"
COMPOSING = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
STORE = "<store xmlns='urn:xmpp:hints'/>"
NO_STORE = "<no-store xmlns='urn:xmpp:hints'/>"
PRIVATE = "<x xmlns='http://jabber.org/protocol/muc#user'/>"
KEYS = "<header sid='5'><key rid='6'>AA==</key><iv>AA==</iv></header>"
PAYLOAD = "<payload>AA==</payload>"
OMEMO = "<encrypted xmlns='eu.siacs.conversations.axolotl'>" + KEYS + PAYLOAD + "</encrypted>"
OMEMO_NAMED = "<encryption xmlns='urn:xmpp:eme:0' name='OMEMO' namespace='eu.siacs.conversations.axolotl'/>"
PGP = "<x xmlns='jabber:x:encrypted'>AAAA</x>"
PGP_NAMED = "<encryption xmlns='urn:xmpp:eme:0' namespace='jabber:x:encrypted'/>"


def body(text):
    return "<body>" + escape(text) + "</body>"


def oob(url):
    return "<x xmlns='jabber:x:oob'><url>" + escape(url) + "</url></x>"


def quoted(o):
    return "".join("> " + line + "\n" for line in o["quote"].split("\n"))


def reply(o):
    return "<reply xmlns='urn:xmpp:reply:0' to=" + quoteattr(o["author"]) + " id=" + quoteattr(o["of"]) + "/>"


def reply_fallback(length):
    return "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='" + str(length) + "'/></fallback>"


def replace(o):
    return "<replace xmlns='urn:xmpp:message-correct:0' id=" + quoteattr(o["of"]) + "/>"


def reactions(o):
    return "<reactions xmlns='urn:xmpp:reactions:0' id=" + quoteattr(o["of"]) + ">" + "".join("<reaction>" + e + "</reaction>" for e in o["emoji"]) + "</reactions>"


def retract(o):
    return "<retract xmlns='urn:xmpp:message-retract:1' id=" + quoteattr(o["of"]) + "/>"


def fallback(of):
    return "<fallback xmlns='urn:xmpp:fallback:0' for='" + of + "'/>"


def marker(what, o):
    return "<" + what + " xmlns='urn:xmpp:chat-markers:0' id=" + quoteattr(o["of"]) + "/>"


def receipt(o):
    return "<received xmlns='urn:xmpp:receipts' id=" + quoteattr(o["of"]) + "/>"


class Client:
    """Methods return what is in a message; it has an id unless they are in "without"."""

    without = ()
    typeless = ()

    def __init__(self, o):
        self.o, self.room, self.private = o, o.get("type") == "groupchat", bool(o.get("private"))

    def stanza(self):
        o, what = self.o, self.o["do"]
        if what == "mediated":  # to the room
            return "<message to='{room}'{at}><x xmlns='http://jabber.org/protocol/muc#user'><invite to='{to}'>{reason}</invite></x></message>".format(
                room=o["room"], to=o["to"], at="" if what in self.without else " id='%s'" % o["id"], reason="<reason>%s</reason>" % o["reason"] if self.reasons else "")
        inner = getattr(self, what)().format(id=o["id"])
        at = "" if what in self.without else " id='%s'" % o["id"]
        if what not in self.typeless:
            at += " type='%s'" % o.get("type", "chat")
        return "<message to='%s'%s>%s</message>" % (o["to"], at, inner)


class Conversations(Client):
    without = ("typing", "received", "displayed", "react", "react_words", "omemo_keys", "invite", "mediated")
    typeless = ("invite",)
    reasons = False

    def about(self):
        if self.private:
            return PRIVATE + REQUEST
        return "" if self.room else REQUEST + MARKABLE

    def say(self):
        return body(self.o["body"]) + self.about()

    def correct(self):
        return self.say() + replace(self.o)

    def typing(self):
        return COMPOSING + NO_STORE + "<no-storage xmlns='urn:xmpp:hints'/>"

    def received(self):
        return receipt(self.o) + STORE

    def displayed(self):
        if "sender" in self.o:
            return "<displayed xmlns='urn:xmpp:chat-markers:0' sender=" + quoteattr(self.o["sender"]) + " id=" + quoteattr(self.o["of"]) + "/>" + STORE
        return marker("displayed", self.o) + STORE

    def react(self):
        return reactions(self.o) + STORE

    def react_words(self):  # PiratX, for those who know no reactions
        quote = quoted(self.o) + "\n"
        return body(quote + " ".join(self.o["emoji"])) + self.react() + reply(self.o) + reply_fallback(len(quote)) + \
            "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reactions:0'><body xmlns='urn:xmpp:fallback:0'/></fallback>"

    def reply(self):  # PiratX; in Conversations a quote is a part of the text
        quote = quoted(self.o) + "\n"
        return body(quote + self.o["body"]) + self.about() + reply(self.o) + reply_fallback(len(quote))

    def retract(self):  # PiratX
        return (PRIVATE if self.private else "") + retract(self.o) + fallback("urn:xmpp:message-retract:1") + body("This message has been retracted by the sender.") + STORE

    def file(self):
        return body(self.o["url"]) + self.about() + oob(self.o["url"])

    def file_words(self):  # PiratX
        words, url = "look: ", self.o["url"]
        return body(words + url) + self.about() + oob(url) + "<fallback xmlns='urn:xmpp:fallback:0' for='jabber:x:oob'><body start='%d' end='%d'/></fallback>" % (len(words), len(words + url))

    def omemo(self):
        return body("I sent you an OMEMO encrypted message but your client doesn\u2019t seem to support that. Find more information on https://conversations.im/omemo") + self.about() + OMEMO + STORE + OMEMO_NAMED

    def omemo_keys(self):
        return "<encrypted xmlns='eu.siacs.conversations.axolotl'>" + KEYS + "</encrypted>" + STORE

    def pgp(self):
        return body("I sent you a PGP encrypted message but your client doesn\u2019t seem to support that.") + self.about() + PGP + PGP_NAMED

    def otr(self):  # PiratX
        return body("?OTR:AAMDJ+MVmSfjFZcAAAAAAQAAAAIAAADA") + self.about() + "<private xmlns='urn:xmpp:carbons:2'/><no-copy xmlns='urn:xmpp:hints'/>" \
            "<no-permanent-store xmlns='urn:xmpp:hints'/><encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:otr:0'/>"

    def invite(self):
        return "<x xmlns='jabber:x:conference' jid='" + self.o["room"] + "'/>"


class Gajim(Client):
    without = ("invite", "mediated")
    typeless = ("invite",)
    reasons = True

    def about(self):
        return ORIGIN + (PRIVATE if self.private else "")

    def say(self):
        return body(self.o["body"]) + self.about() + ("" if self.room else REQUEST) + ACTIVE + MARKABLE

    def correct(self):
        return body(self.o["body"]) + self.about() + replace(self.o) + ("" if self.room else REQUEST) + ACTIVE + MARKABLE

    def typing(self):
        return self.about() + COMPOSING + NO_STORE

    def received(self):
        return (PRIVATE if self.private else "") + receipt(self.o) + STORE + ORIGIN

    def displayed(self):
        assist = "" if self.room or self.private else "<displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' id='mine' by='sybil@localhost'/></displayed>"
        return self.about() + marker("displayed", self.o) + assist

    def react(self):
        return self.about() + reactions(self.o) + STORE

    def reply(self):
        quote = quoted(self.o)
        return body(quote + self.o["body"]) + self.about() + reply(self.o) + reply_fallback(len(quote)) + ("" if self.room else REQUEST) + ACTIVE + MARKABLE

    def retract(self):
        return self.about() + retract(self.o) + fallback("urn:xmpp:message-retract:1") + body("/me retracted a previous message, but it's unsupported by your client.")

    def file(self):
        return body(self.o["url"]) + self.about() + oob(self.o["url"]) + ("" if self.room else REQUEST) + MARKABLE

    def omemo(self):
        return ORIGIN + ("" if self.room else REQUEST) + ACTIVE + MARKABLE + OMEMO + OMEMO_NAMED + body("You received a message encrypted with OMEMO but your client doesn't support OMEMO.") + STORE

    def ox(self):  # without words for those who cannot read it
        return ORIGIN + "<openpgp xmlns='urn:xmpp:openpgp:0'>AA==</openpgp><encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:openpgp:0'/>"

    def invite(self):
        return "<x xmlns='jabber:x:conference' jid='" + self.o["room"] + "' reason=" + quoteattr(self.o["reason"]) + "/>"


class Dino(Client):
    typeless = ("received", "retract", "invite")
    reasons = False

    def about(self):
        return (PRIVATE if self.private else "") + ACTIVE + ("" if self.room else REQUEST + MARKABLE)

    def say(self):
        return body(self.o["body"]) + self.about()

    def correct(self):
        return body(self.o["body"]) + replace(self.o) + self.about()

    def typing(self):
        return COMPOSING + NO_STORE

    def received(self):
        return receipt(self.o)

    def received_mark(self):  # with the receipt
        return marker("received", self.o)

    def displayed(self):
        return marker("displayed", self.o)

    def react(self):
        return reactions(self.o) + STORE

    def reply(self):
        quote = quoted(self.o)
        return body(quote + self.o["body"]) + reply(self.o) + \
            "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body xmlns='urn:xmpp:fallback:0' start='0' end='%d'/></fallback>" % len(quote) + self.about()

    def retract(self):  # without words for those who do not know it
        return retract(self.o)

    def announce(self):
        return "<file-sharing xmlns='urn:xmpp:sfs:0' id='file-1'><file xmlns='urn:xmpp:file:metadata:0'><name>cat.png</name><media_type>image/png</media_type><media-type>image/png</media-type>" \
            "<size>1234</size><date>2026-06-07T21:23:43Z</date><width>20</width><height>10</height>" \
            "<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=</hash></file></file-sharing>" + STORE + ACTIVE

    def file(self):  # the address of what was announced
        return body(self.o["url"]) + oob(self.o["url"]) + "<attach-to xmlns='urn:xmpp:message-attaching:1' id=" + quoteattr(self.o["of"]) + "/>" \
            "<sources xmlns='urn:xmpp:sfs:0' id='file-1'><url-data xmlns='http://jabber.org/protocol/url-data' target=" + quoteattr(self.o["url"]) + "/></sources>" + ("" if self.room else REQUEST + MARKABLE)

    def omemo(self):
        return OMEMO + OMEMO_NAMED + body("[This message is OMEMO encrypted]") + self.about()

    def pgp(self):
        return PGP + body("[This message is OpenPGP encrypted (see XEP-0027)]") + PGP_NAMED + self.about()

    def invite(self):
        return "<x xmlns='jabber:x:conference' jid='" + self.o["room"] + "'/>"


ALL = {"Conversations": Conversations, "Gajim": Gajim, "Dino": Dino}


def stanza(o):
    return ALL[o["as"]](o).stanza()
