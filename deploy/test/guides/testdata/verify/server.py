import http.server, sys

SECRET = sys.argv[2]

class Bot(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
HANDLER
        self.send_response(204)
        self.end_headers()

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Bot).serve_forever()
