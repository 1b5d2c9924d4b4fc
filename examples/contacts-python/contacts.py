#!/usr/bin/env python3
"""Roster source: says who is whose contact, as contacts.json has it. Run: python3 contacts.py [PORT]   (default 8081)"""
import http.server, json, pathlib, sys, urllib.parse

class Contacts(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1  # keep the connection; send each answer in one piece
    def do_GET(self):  # /contacts/USER
        user = urllib.parse.unquote(self.path).removeprefix("/contacts/")
        users = json.loads(pathlib.Path(__file__).with_name("contacts.json").read_bytes())
        answer = json.dumps(users.get(user)).encode()
        self.send_response(200 if user in users else 404)  # 404: the roster stays as it is
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

http.server.ThreadingHTTPServer(("127.0.0.1", int((sys.argv + [8081])[1])), Contacts).serve_forever()
