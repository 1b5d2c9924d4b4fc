"""A user's client: client.py PASSWORD CA TO EXPECT TEXT…

Logs in as juliet@example.com by STARTTLS, says each text, and prints what comes back.
Ends when EXPECT messages have come.
"""
import asyncio, sys, slixmpp

password, ca, to, expect = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


class Client(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__("juliet@example.com/trial", password)
        self.ca_certs, self.left = ca, expect
        self.add_event_handler("session_start", self.begin)
        self.add_event_handler("message", self.heard)

    async def begin(self, _):
        self.send_presence()
        await self.get_roster()
        print("online", flush=True)
        for text in sys.argv[5:]:
            self.send_message(to, text, mtype="chat")
        self.end()

    def heard(self, m):
        print(m["from"].bare, m["type"], m["body"], flush=True)
        self.left -= 1
        self.end()

    def end(self):
        if self.left <= 0:
            self.disconnect()


client = Client()
client.connect(("127.0.0.1", 5222))
client.loop.run_until_complete(asyncio.wait_for(client.disconnected, 90))
