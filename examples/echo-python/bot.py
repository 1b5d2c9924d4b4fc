#!/usr/bin/env python3
"""Echo bot: answers each message with its text. Run: python3 bot.py [PORT]   (default 8080)"""
import http.server, json, sys

class Bot(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1  # keep the connection; send each answer in one piece
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"].get("body")
        answer = f"You said: {body}".encode() if body else b""
        self.send_response(200 if answer else 204)  # 204: nothing to say
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        if answer: self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

http.server.ThreadingHTTPServer(("127.0.0.1", int((sys.argv + [8080])[1])), Bot).serve_forever()
