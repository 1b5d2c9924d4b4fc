#!/usr/bin/env python3
"""A command with a form, for people whose client has commands, and as a line: /deploy env=prod
Run: STANZAHOOK_TOKEN=… python3 deploy.py BOT WHO [PORT]   (BOT: echo@bot.example.com; WHO may run it: "*@example.com")
The token needs the scope admin: the command is made by the API, and stays there when this ends."""
import http.server, json, os, sys, urllib.error, urllib.request

if len(sys.argv) < 3 or not os.environ.get("STANZAHOOK_TOKEN"):
    sys.exit(__doc__)
BOT, WHO, PORT = sys.argv[1], sys.argv[2], int((sys.argv + [8080])[3])
API = os.environ.get("STANZAHOOK_API", "http://127.0.0.1:5290")
HOSTS = {"staging": ["stage1"], "prod": ["www1", "www2"]}

COMMAND = {
    "name": "Deploy", "bots": [BOT], "allow": [WHO], "chat": "/deploy", "url": f"http://127.0.0.1:{PORT}/",
    "form": {"title": "Deploy", "instructions": "Where to?", "fields": [
        {"name": "env", "type": "list", "label": "Environment", "options": {"staging": "Staging", "prod": "Production"}, "required": True},
        {"name": "note", "type": "text", "label": "Note"}]},
    "forms": {"sure": {"title": "To production?", "fields": [{"name": "sure", "type": "boolean", "label": "I am sure", "required": True}]}},
}

def answer(values):
    """What people see when they have sent a form; values has all that they have filled in."""
    if values["env"] == "prod" and "sure" not in values:
        return {"form": "sure"}    # another step
    if not values.get("sure", True):
        return {"note": {"type": "warn", "text": "Nothing was deployed."}}
    return {"result": {"title": "Deployed to " + values["env"], "columns": ["Host", "State"], "rows": [[host, "up"] for host in HOSTS[values["env"]]]}}

class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(answer(event["data"]["values"])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Webhook)
request = urllib.request.Request(API + "/v1/commands/deploy", json.dumps(COMMAND).encode(), {"Authorization": "Bearer " + os.environ["STANZAHOOK_TOKEN"]}, method="PUT")
try:
    urllib.request.urlopen(request, timeout=30)
except urllib.error.HTTPError as e:
    sys.exit(json.load(e).get("detail"))
print("/deploy is ready", flush=True)
server.serve_forever()
