package cli

import "strings"

const (
	textStatus = `200 {"version":"0.1.0","started":"2026-11-20T18:00:00Z","uptime_s":11530,
"links":[{"component":"bot.example.com","server":"127.0.0.1:5347","state":"up","since":"2026-11-20T18:00:01Z","reason":null,"privileges":{}},
 {"component":"news.example.com","server":"127.0.0.1:5347","state":"down","since":"2026-11-20T20:00:00Z","reason":"the server does not accept the secret","privileges":{}}],
"outbox":[{"component":"bot.example.com","waiting":0,"expired":0},{"component":"news.example.com","waiting":3,"expired":0}],
"endpoints":[{"name":"echo","state":"ok","queued":0,"dead_letters":0},{"name":"shop","state":"open","queued":12,"oldest":"2026-11-20T19:59:00Z","dead_letters":1,"reason":"connection refused"}],
"removed_endpoints":[{"name":"old","queued":1,"oldest":"2026-11-20T17:00:00Z"}],
"rosters":[{"host":"example.com","component":"bot.example.com","backend":"privilege","reason":"the server grants it","running":0,"refreshed":{}}],
"rooms":{"waiting":50,"joining":0,"joined":100,"refused":0},
"services":[{"jid":"rooms.example.com","kind":"rooms","component":"bot.example.com","answers":true,"condition":null,"software":"ejabberd","features":[],"limits":{"rooms_of_a_bot":100},"rooms":{"waiting":50,"joining":0,"joined":100,"refused":0},"advice":"a bot can be in 100 rooms, and the others wait: ejabberd: set max_user_conferences: 2000 in mod_muc\nsecond line"},
{"jid":"example.com","kind":"server","component":"bot.example.com","answers":false,"condition":null,"software":null,"features":[],"limits":{},"rooms":null,"advice":null},
{"jid":"example.org","kind":"server","component":"bot.example.com","answers":true,"condition":"remote-server-not-found","software":null,"features":[],"limits":{},"rooms":null,"advice":null}],
"store":{"bytes":12582912,"max_bytes":4294967296,"full":false,"reason":null}}`
	textEndpoint = `{"name":"shop","source":"api","url":"http://127.0.0.1:8080/hook","component":null,"format":"event","delivery":"queued","copy":false,
"state":"open","reason":"connection refused","since":"2026-11-20T20:00:00Z","paused_until":null,"queued":12,"bytes":4096,"oldest":"2026-11-20T19:59:00Z",
"in_flight":1,"dead_letters":1,"last_success":"2026-11-20T19:58:00Z","last_error":{"time":"2026-11-20T20:00:00Z","status":503,"error":"the answer was 503"},
"attempts":20,"failures":8,"delivered":11,"refused":1,"expired":0}`
	textRoom   = `{"room":"ops@rooms.example.com","from":"echo@bot.example.com","nick":"Echo","state":"joined","condition":null,"text":null,"role":"participant","next_attempt":null,"occupants":12,"source":"api"}`
	textBot    = `{"jid":"echo@bot.example.com","name":"Echo","source":"api","avatar":{"id":"01","type":"image/png","bytes":73,"width":8,"height":8},"vcard":{"note":"","url":"","email":"","org":""},"identity":{"category":"client","type":"bot"},"presence":{"show":"dnd","status":"Deploying","until":"2030-01-01T12:00:00Z"},"noreply":false}`
	textConfig = `components: [{domain: bot.example.com, secret: secret}]
endpoints: [{name: echo, url: "http://127.0.0.1:8080/hook"}]
http: {tokens: [{name: ops, hash: "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", scopes: [admin]}]}
store: {dir: store}
`
)

// textClear sends what it can without encryption to other machines.
const textClear = `components: [{domain: bot.example.com, secret: secret, server: "10.0.0.5:5347"}, {domain: news.example.com, secret: secret, server: "10.0.0.5:5348", tls: {mode: direct}}]
endpoints:
  - {name: echo, url: "http://10.0.0.6/hook", headers: {Authorization: Bearer x}}
  - {name: plain, url: "http://10.0.0.6/other", headers: {X-Room: "1"}}
  - {name: safe, url: "https://10.0.0.6/hook", headers: {Authorization: Bearer x}}
  - {name: here, url: "http://127.0.0.1/hook", headers: {Authorization: Bearer x}}
rosters:
  - host: example.com
    component: bot.example.com
    url: http://10.0.0.6/contacts/%s
    headers: {X-Api-Key: x}
    ejabberd_api: {url: "http://10.0.0.5:5281/api", user: a@example.com, password: x}
http:
  listen: 0.0.0.0:5290
  tokens: [{name: ops, hash: "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", scopes: [admin]}]
outbound: {allow_networks: [127.0.0.0/8, 10.0.0.0/24], proxy: "http://u:p@10.0.0.7:3128"}
`

// textPlain lets passwords go as they are, and names hosts that have no effect.
const textPlain = textConfigShort + `http: {hosts: [bots.example.com], basic: {accounts: {hosts: [example.com], tls: none, allow_plain: true}}}
`

// textConfigShort is a bot and its endpoint.
const textConfigShort = `components: [{domain: bot.example.com, secret: secret}]
endpoints: [{name: echo, url: "http://127.0.0.1:8080/hook"}]
`

var textCases = []textCase{
	{name: "secrets in the clear", run: "check", config: textClear},
	{name: "passwords in the clear", run: "check", config: textPlain},
	{name: "hosts that count", run: "check", config: textConfigShort + "http: {hosts: [bots.example.com], insecure_no_auth: true}\n"},
	{name: "a good configuration", run: "check", config: smallConfig},
	{name: "store copy without a target", run: "store copy --from store"},
	{name: "store copy of two directories", run: "store copy --from store --to other"},
	{name: "store copy of two NATS", run: "store copy --from nats://n1:4222 --to tls://n2:4222"},
	{name: "store copy without a configuration", run: "store copy --from store --to nats://127.0.0.1:1 --config none.yaml"},
	{name: "store copy of nothing", run: "store copy --from store --to nats://127.0.0.1:1", config: smallConfig},
	{name: "a good configuration, as JSON", run: "check --json", config: smallConfig},
	{name: "mistakes", run: "check", config: textMistakes},
	{name: "mistakes, as JSON", run: "check --json", config: textMistakes},
	{name: "no such configuration", run: "check --config none.yaml"},
	{name: "no configuration", run: "check"},
	{name: "no configuration to run with", run: "serve"},
	{name: "one token", run: "check", config: textConfig},
	{name: "the store cannot be made", run: "serve", config: textConfig[:len(textConfig)-len("store: {dir: store}\n")] + "store: {dir: stanzahook.yaml/store}\n"},
	{name: "a bad signing secret", run: "check", config: "components: [{domain: bot.example.com, secret: secret}]\nendpoints: [{name: echo, url: \"http://127.0.0.1:8080/\", signing_secrets: [whsec_short]}]\n"},

	{name: "status, ready", run: "status", answers: map[string]string{"GET /readyz": "200 ready", "GET /v1/status": textStatus}},
	{name: "status, not ready", run: "status", answers: map[string]string{"GET /readyz": "503 news.example.com: the server does not accept the secret", "GET /v1/status": textStatus}},
	{name: "status, no upload service", run: "status", answers: map[string]string{"GET /readyz": "200 ready", "GET /v1/status": strings.Replace(textStatus, `"services":[`, `"services":[{"jid":"","kind":"upload","component":"bot.example.com","answers":null,"condition":null,"software":null,"features":[],"limits":{},"rooms":null,"advice":"load one"},`, 1)}},
	{name: "status without a token", run: "status", answers: map[string]string{"GET /readyz": "503 the disk is full", "GET /v1/status": `401 {"detail":"Credentials missing"}`}},
	{name: "nothing answers", run: "status --api http://127.0.0.1:9"},
	{name: "http to an HTTPS port", run: "status", answers: map[string]string{}, tls: true, api: "https http"},
	{name: "https to an HTTP port", run: "status", answers: map[string]string{}, api: "http https"},
	{name: "a certificate that nobody knows", run: "status", answers: map[string]string{}, tls: true},

	{name: "endpoints", run: "endpoints list", answers: map[string]string{"GET /v1/endpoints": `200 {"items":[` + textEndpoint + `,{"name":"poll","url":"","format":"event","delivery":"queued","state":"ok"}],"next":null}`}},
	{name: "no endpoints", run: "endpoints list", answers: map[string]string{"GET /v1/endpoints": `200 {"items":[],"next":null}`}},
	{name: "an endpoint", run: "endpoints show shop", answers: map[string]string{"GET /v1/endpoints/shop": "200 " + textEndpoint}},
	{name: "an endpoint is enabled", run: "endpoints enable shop --json", answers: map[string]string{"POST /v1/endpoints/shop/enable": `200 {"name":"shop","state":"ok"}`}},
	{name: "an endpoint is disabled", args: []string{"endpoints", "disable", "shop", "--reason", "it moves"}, answers: map[string]string{"POST /v1/endpoints/shop/disable": `200 {"name":"shop","state":"disabled","reason":"it moves","url":"","format":"event","delivery":"queued"}`}},
	{name: "no such endpoint", run: "endpoints show nope", answers: map[string]string{"GET /v1/endpoints/nope": `404 {"detail":"no endpoint is named \"nope\""}`}},
	{name: "a test that is answered", run: "endpoints test shop", answers: map[string]string{"POST /v1/endpoints/shop/test": `200 {"id":"evt_1","ok":true,"status":200,"duration_ms":1.25,"content_type":"text/plain","answer":"You said: x","replies":["<message to='a'><body>You said: x</body></message>"],"note":null,"error":null}`}},
	{name: "a test of one's choice", args: []string{"endpoints", "test", "shop", "--body", "/help me", "--from", "u@example.com", "--type", "groupchat"}, answers: map[string]string{"POST /v1/endpoints/shop/test": `200 {"id":"evt_1","ok":true,"status":204,"duration_ms":1.25,"answer":"","replies":[]}`}},
	{name: "a test with a note", run: "endpoints test shop", answers: map[string]string{"POST /v1/endpoints/shop/test": `200 {"id":"evt_1","ok":true,"status":200,"duration_ms":1.25,"content_type":"text/html","answer":"<p>x","replies":[],"note":"answered text/html; no reply is made of that: use text/plain or JSON","error":null}`}},
	{name: "a test that fails", run: "endpoints test shop", answers: map[string]string{"POST /v1/endpoints/shop/test": `200 {"id":"evt_1","ok":false,"status":null,"duration_ms":0.4,"answer":"","error":"connection refused"}`}},
	{name: "a test that fails, as JSON", run: "endpoints test shop --json", answers: map[string]string{"POST /v1/endpoints/shop/test": `200 {"ok":false,"status":500,"duration_ms":0.4,"answer":"oops","error":"the answer was 500"}`}},
	{name: "an endpoint is put", run: "endpoints put -", stdin: "name: shop\nurl: http://127.0.0.1:8080/hook\nmatch: {to: 'shop@*'}\nbatch: 2\n", answers: map[string]string{"PUT /v1/endpoints/shop": "201 " + textEndpoint}},
	{name: "an endpoint is put, in JSON, as JSON", run: "endpoints put stanzahook.yaml --json", config: `{"name":"shop","signing_secrets":["whsec_x"]}`, answers: map[string]string{"PUT /v1/endpoints/shop": `200 {"name":"shop"}`}},
	{name: "a wrong endpoint is put", run: "endpoints put -", stdin: "{name: shop, rul: x}", answers: map[string]string{"PUT /v1/endpoints/shop": `400 {"detail":"rul: unknown key; did you mean \"url\"?","problems":["rul: unknown key; did you mean \"url\"?"]}`}},
	{name: "an endpoint without a name is put", run: "endpoints put -", stdin: "url: x\n"},
	{name: "what is no endpoint is put", run: "endpoints put -", stdin: "- name: shop\n"},
	{name: "what is no YAML is put", run: "endpoints put -", stdin: "name: shop\nsigning_secrets: [*hunter2]\n"},
	{name: "what cannot be a key is put", run: "endpoints put -", stdin: "name: shop\nmatch: {{a: b}: c}\n"},
	{name: "no file is put", run: "endpoints put none.yaml"},
	{name: "an endpoint is deleted", run: "endpoints delete shop", answers: map[string]string{"DELETE /v1/endpoints/shop": "204 "}},
	{name: "an endpoint of the file is deleted", run: "endpoints delete shop --json", answers: map[string]string{"DELETE /v1/endpoints/shop": `409 {"detail":"this cannot be done now: the endpoint \"shop\" is one of the configuration file"}`}},

	{name: "rooms", run: "rooms list", answers: map[string]string{"GET /v1/rooms": `200 {"items":[` + textRoom + `,{"room":"vip@rooms.example.com","from":"echo@bot.example.com","nick":"Echo","state":"refused","condition":"registration-required","text":"members only","occupants":0,"source":"config"}],"next":null}`}},
	{name: "bots", run: "bots list", answers: map[string]string{"GET /v1/bots": `200 {"items":[` + textBot + `,{"jid":"news@bot.example.com","name":"news","source":"config","avatar":null,"presence":{"show":"","status":"","until":null}}],"next":"news@bot.example.com"}`}},
	{name: "no bots", run: "bots list", answers: map[string]string{"GET /v1/bots": `200 {"items":[],"next":null}`}},
	{name: "a bot is put", run: "bots put echo@bot.example.com --name Echo --note again", answers: map[string]string{"PUT /v1/bots/echo@bot.example.com": "201 " + textBot}},
	{name: "a bot with mistakes", run: "bots put echo@bot.example.com --show busy", answers: map[string]string{"PUT /v1/bots/echo@bot.example.com": `400 {"detail":"presence.show: is not known; write away, chat, dnd or xa, or leave it empty","problems":["presence.show: is not known"]}`}},
	{name: "an avatar that is none", run: "bots put echo@bot.example.com --avatar stanzahook.yaml", config: smallConfig},
	{name: "the presence of a bot", run: "bots presence echo@bot.example.com --show dnd --status Deploying", answers: map[string]string{"PUT /v1/bots/echo@bot.example.com/presence": "200 " + textBot}},
	{name: "commands", run: "commands list", answers: map[string]string{"GET /v1/commands": `200 {"items":[{"node":"deploy","name":"Deploy","bots":["echo@bot.example.com"],"allow":null,"endpoint":"ops","chat":"/deploy","source":"config","count":3,"failed":1,"last_time":null,"last_error":null}],"next":null}`}},
	{name: "no commands", run: "commands list", answers: map[string]string{"GET /v1/commands": `200 {"items":[],"next":null}`}},
	{name: "runs of a command", run: "commands runs deploy", answers: map[string]string{"GET /v1/commands/deploy/runs": `200 {"items":[{"time":"2026-01-02T03:04:05Z","from":"alice@example.com","bot":"echo@bot.example.com","room":null,"by":"chat","session":"x","step":0,"result":"refused","error":"HTTP 409","milliseconds":7}],"next":null}`}},
	{name: "a command is deleted", run: "commands delete deploy", answers: map[string]string{"DELETE /v1/commands/deploy": "204 "}},
	{name: "a bot is deleted", run: "bots delete echo@bot.example.com", answers: map[string]string{"DELETE /v1/bots/echo@bot.example.com": "204 "}},
	{name: "no rooms", run: "rooms list", answers: map[string]string{"GET /v1/rooms": `200 {"items":[],"next":null}`}},
	{name: "a room is joined", run: "rooms join ops@rooms.example.com --from echo@bot.example.com --nick Echo --create", answers: map[string]string{"PUT /v1/rooms/ops@rooms.example.com": "200 " + textRoom}},
	{name: "a room that is not reached", run: "rooms join ops@room.example.com --wait 5s", answers: map[string]string{"PUT /v1/rooms/ops@room.example.com": `202 {"room":"ops@room.example.com","from":"echo@bot.example.com","nick":"Echo","state":"waiting","condition":"not-allowed","text":"Communication with remote domains is not enabled"}`}},
	{name: "a room that refuses", run: "rooms join vip@rooms.example.com --wait 5s", answers: map[string]string{"PUT /v1/rooms/vip@rooms.example.com": `422 {"detail":"the room refuses the bot: registration-required","condition":"registration-required","kept":false}`}},
	{name: "a room is left", run: "rooms leave ops@rooms.example.com --destroy --reason over", answers: map[string]string{"DELETE /v1/rooms/ops@rooms.example.com": "204 "}},
	{name: "members of a room", run: "rooms members ops@rooms.example.com --from echo@bot.example.com", answers: map[string]string{"GET /v1/rooms/ops@rooms.example.com/occupants": `200 {"items":[{"nick":"Juliet","jid":"juliet@example.com/balcony","affiliation":"owner","role":"moderator","show":"away","bot":false},{"nick":"Echo","jid":null,"affiliation":"none","role":"participant","show":null,"bot":true},{"nick":"Guest","jid":null,"claimed_jid":"romeo@example.com","affiliation":"none","role":"participant","show":null,"bot":false}],"next":null}`}},
	{name: "members of a room that the bot is not in", run: "rooms members ops@rooms.example.com", answers: map[string]string{"GET /v1/rooms/ops@rooms.example.com/occupants": `200 {"items":[],"next":null}`}},

	{name: "a user is invited", run: "rooms invite ops@rooms.example.com juliet@example.com --how direct", answers: map[string]string{"POST /v1/rooms/ops@rooms.example.com/invite": `202 {"jid":"juliet@example.com","how":"direct"}`}},
	{name: "a kick", args: []string{"rooms", "role", "ops@rooms.example.com", "Romeo M.", "none", "--reason", "off topic"}, answers: map[string]string{"PUT /v1/rooms/ops@rooms.example.com/roles/Romeo M.": `200 {"nick":"Romeo M.","role":"none"}`}},
	{name: "an affiliation", run: "rooms affiliation ops@rooms.example.com romeo@example.com outcast --from echo@bot.example.com", answers: map[string]string{"PUT /v1/rooms/ops@rooms.example.com/affiliations/romeo@example.com": `200 {"jid":"romeo@example.com","affiliation":"outcast"}`}},
	{name: "the configuration of a room", run: "rooms config ops@rooms.example.com", answers: map[string]string{"GET /v1/rooms/ops@rooms.example.com/config": `200 {"muc#roomconfig_roomname":"Ops","muc#roomconfig_membersonly":[],"muc#roomconfig_presencebroadcast":["moderator","visitor"]}`}},
	{name: "the configuration of a room changes", run: "rooms config ops@rooms.example.com roomname=Ops moderatedroom=true presencebroadcast=moderator presencebroadcast=visitor", answers: map[string]string{"PATCH /v1/rooms/ops@rooms.example.com/config": `200 {"muc#roomconfig_roomname":"Ops"}`}},

	{name: "a hook is put", run: "hook put -", stdin: "name: ci\nadapter: text\nfrom: ci@bot.example.com\nto: [juliet@example.com]\n", answers: map[string]string{"PUT /v1/hooks/ci": `201 {"name":"ci","adapter":"text"}`}},
	{name: "a hook without a name", run: "hook put -", stdin: "adapter: text\n"},
	{name: "a hook is deleted", run: "hook delete ci", answers: map[string]string{"DELETE /v1/hooks/ci": "204 "}},
	{name: "the requests to a hook", run: "hook requests ci", answers: map[string]string{"GET /v1/hooks/ci/requests": `200 {"items":[{"time":"2026-11-20T18:00:01Z","id":"01","result":"partly","error":"one is full","count":3,"messages":[{"to":"juliet@example.com","id":"01","state":"bounced","error":"service-unavailable"},{"to":"romeo@example.com","id":"01.1","state":"confirmed","error":null}]},{"time":"2026-11-20T18:00:00Z","id":null,"result":"refused","error":"the body is not JSON","count":0,"messages":[]}],"next":null}`}},
	{name: "no requests to a hook", run: "hook requests ci", answers: map[string]string{"GET /v1/hooks/ci/requests": `200 {"items":[],"next":null}`}},

	{name: "reload", run: "reload", answers: map[string]string{"POST /v1/reload": `200 {"changed":["endpoints: echo","log.level"]}`}},
	{name: "reload of the same", run: "reload", answers: map[string]string{"POST /v1/reload": `200 {"changed":[]}`}},
	{name: "a reload that is rejected", run: "reload", answers: map[string]string{"POST /v1/reload": `422 {"detail":"configuration rejected; still running with the previous one","problems":["stanzahook.yaml:3: drain: \"x\" is not a duration","stanzahook.yaml:5: endpoint: unknown key"]}`}},
	{name: "a reload that is rejected, as JSON", run: "reload --json", answers: map[string]string{"POST /v1/reload": `422 {"detail":"no","problems":["x"]}`}},

	{name: "no token", run: "endpoints list", answers: map[string]string{"GET /v1/endpoints": `401 {"detail":"Credentials missing"}`}},
	{name: "a token without the scope", run: "endpoints list", token: "t", answers: map[string]string{"GET /v1/endpoints": `403 {"detail":"the token lacks the scope \"admin\""}`}},
	{name: "from outside the component", run: "send --to a@example.com --from b@example.com --body x", token: "t", answers: map[string]string{"POST /v1/messages": `403 {"detail":"from: b@example.com is not at a component; allowed are addresses at bot.example.com"}`}},
	{name: "a user of another host", run: "roster refresh john@example.net", token: "t", answers: map[string]string{"POST /v1/rosters/refresh": `400 {"detail":"users[0]: \"john@example.net\" is not a user of a host with rosters"}`}},
	{name: "one dead letter is replayed", run: "deliveries replay --endpoint echo", token: "t", answers: map[string]string{"POST /v1/endpoints/echo/replay": `202 {"endpoint":"echo","replayed":1}`}},

	{name: "deliveries", run: "deliveries list --endpoint echo --jid u@example.com --since 2h --limit 2 --state retrying", token: "t", script: []string{"200 " + textDeliveries}},
	{name: "dead letters, as JSON", run: "deliveries list --dead --json", script: []string{"200 " + textDeliveries}},
	{name: "no deliveries", run: "deliveries list", script: []string{`200 {"items":[],"next":null}`}},
	{name: "a delivery", run: "deliveries show evt_2", script: []string{"200 " + textDelivery}},
	{name: "events are replayed", run: "deliveries replay evt_1 evt/2", token: "t", script: []string{"202 {}"}},
	{name: "dead letters are replayed", run: "deliveries replay --endpoint echo --since 2h --json", script: []string{`202 {"endpoint":"echo","replayed":3}`}},
	{name: "an event is dropped", run: "deliveries drop evt_1", script: []string{"200 {}"}},
	{name: "a replay that is refused", run: "deliveries replay evt_1 evt_2 --json", script: []string{`409 {"detail":"it is in the queue already"}`}},
	{name: "a wrong JID", run: "deliveries list --jid x", script: []string{`400 {"detail":"jid: no"}`}},
	{name: "no problem document", run: "deliveries list", script: []string{"502 <html>"}},
	{name: "an inner error", run: "deliveries show x", script: []string{`500 {"detail":"something","request_id":"r1"}`}},
	{name: "no JSON", run: "deliveries list", script: []string{"200 <html>"}},
	{name: "a redirect", run: "deliveries list", script: []string{"302 "}},
	{name: "a password in the address", run: "deliveries list --api http://user:hunter2@127.0.0.1:1"},
	{name: "an address that is none", run: "deliveries list --api localhost:5290"},
	{name: "no such token file", run: "deliveries list --token-file none"},

	{name: "no token to tail", run: "tail", script: []string{`401 {"detail":"No credentials"}`}},
	{name: "an unknown kind", run: "tail --kinds x", script: []string{`400 {"detail":"kinds: \"x\" is not one of delivery, link"}`}},
	{name: "tools without a token", run: "mcp", script: []string{`401 {"detail":"No credentials"}`}},
	{name: "no such script", run: "dev --script none.dev"},

	{name: "sent", args: []string{"send", "--to", "juliet@example.com", "--body", "-x <ü>"}, script: []string{textSent}},
	{name: "sent from stdin", run: "send --to juliet@example.com --body - --from a@bot.example.com --type groupchat --subject s --wait 0", stdin: "one\n\ntwo\r\n", script: []string{`202 {"id":"m1","state":"queued"}`}},
	{name: "colours of a terminal", run: "send --to juliet@example.com --body -", stdin: "\x1b[1mfull\n", script: []string{textSent}},
	{name: "sent, as JSON", run: "send --to juliet@example.com --body x --json", script: []string{textSent}},
	{name: "a bounce", run: "send --to juliet@example.com --body x", script: []string{textBounce}},
	{name: "a bounce of a room", run: "send --room ops@rooms.example.com --body x", script: []string{`422 {"status":422,"detail":"ops@rooms.example.com answered with the error not-acceptable","condition":"not-acceptable"}`}},
	{name: "a bounce, as JSON", run: "send --to juliet@example.com --body x --json", script: []string{textBounce}},
	{name: "a token without the scope send", run: "send --to juliet@example.com --body x", script: []string{`403 {"detail":"the token lacks the scope \"send\""}`}},
	{name: "no token to send", run: "send --to juliet@example.com --body x", script: []string{`401 {"detail":"No credentials"}`}},
	{name: "too much to send", run: "send --to juliet@example.com --body x", script: []string{`503 {"detail":"too many"}`}},
	{name: "a wrong address", run: "send --to juliet@example.com --body x", script: []string{`400 {"detail":"to: no"}`}},
	{name: "a file sent", run: "send --to juliet@example.com --body Look! --file cat.txt --from a@bot.example.com", file: "a cat", script: []string{`201 {"id":"file_1","url":"https://upload.example.com/x/cat.txt"}`, textSent}},
	{name: "files without a text", run: "send --to juliet@example.com --file cat.txt --file ./cat.txt", file: "a cat", script: []string{`201 {"id":"file_1"}`, `201 {"id":"file_2"}`, textSent}},
	{name: "a file that cannot be uploaded", run: "send --to juliet@example.com --body Look! --file cat.txt", file: "a cat", script: []string{`413 {"detail":"larger than 3 bytes, the most that upload.example.com takes","max_bytes":3}`}},
	{name: "no such file", run: "send --to juliet@example.com --file cat.txt", script: []string{textSent}},
	{name: "a directory is no file", run: "send --to juliet@example.com --file .", script: []string{textSent}},

	{name: "a refresh that takes long", run: "roster refresh john", script: []string{"202 " + textJob, "200 " + textJob, `429 {"detail":"slow"}`, "200 " + textJob, `200 {"id":"j/1","state":"done"}`, `200 {"id":"j/1","state":"done","total":3,"done":3,"updated":3}`}},
	{name: "an interrupted refresh", run: "roster refresh john", script: []string{"202 " + textJob, `200 {"id":"j/1","state":"interrupted","total":3,"done":1,"updated":1}`}},
	{name: "a refresh that is refused", run: "roster refresh john", script: []string{`503 {"detail":"too many"}`}},
	{name: "a refresh that is lost", run: "roster refresh john", script: []string{"202 " + textJob, `500 {"detail":"broken"}`}},
	{name: "a refresh that is lost at the end", run: "roster refresh john", script: []string{`202 {"id":"j","state":"done"}`, `404 {"detail":"gone"}`}},
	{name: "a refresh that is no JSON", run: "roster refresh john", script: []string{"202 <html>"}},
	{name: "no token to refresh", run: "roster refresh john", script: []string{`401 {"detail":"none"}`}},
	{name: "results left out", run: "roster refresh john", script: []string{`202 {"id":"j","state":"done"}`, `200 {"id":"j","state":"done","total":9,"done":9,"errors":9,"left_out":8,"results":[{"user":"a@b","result":"timeout","detail":"x"}]}`}},
}

// usageErrors are command lines that nobody is asked for.
var usageErrors = []string{
	"frob", "--frob", "serve x", "serve --frob", "check x", "status x", "reload x", "version x", "completion", "completion tcsh", "completion bash zsh",
	"check --user a@b", "check --live --user b",
	"send", "send --to", "send --to a@b", "send --body x", "send --to a@b --body x --wait 1h", "send --to a@b --body x y",
	"rooms", "rooms frob", "rooms list x", "rooms join", "rooms leave", "rooms members a b", "rooms invite a", "rooms role a b", "rooms affiliation a", "rooms config", "rooms config a roomname", "hook requests", "hook put", "hook delete",
	"token", "token frob", "token new", "token new x", "token new --name a", "token new --name a:b --scopes send", "token new --name a --scopes send,sudo", "token new --name a --scopes send,send", "token new --name a --scopes send --from a@b/c", "token new --name a --scopes send --rooms a@b/c",
	"roster", "roster frob", "roster refresh", "roster refresh john --all", "roster refresh --all --file x", "roster show", "roster show --x", "roster diff a b",
	"deliveries", "deliveries frob", "deliveries show", "deliveries list --limit 0", "deliveries list --limit 501", "deliveries list --dead --state dead", "deliveries list --x",
	"deliveries list --follow --dead", "deliveries list --follow --limit 0", "tail x", "tail --kind link",
	"listen --print", "listen --to echo@bot.example.com", "listen --to echo@bot.example.com/x --print", "listen --to echo@bot.example.com --print --forward http://127.0.0.1/",
	"listen --to echo@bot.example.com --forward 127.0.0.1:80", "listen --to echo@bot.example.com --print --secret x",
	"dev x", "dev --format xml", "dev --bot ftp://a/", "dev --timeout 0s", "dev --patience soon", "dev --secret whsec_short",
	"deliveries drop", "deliveries replay", "deliveries replay x --endpoint echo", "deliveries replay x --since 2h",
	"endpoints", "endpoints frob", "endpoints test", "endpoints show a b",
	"init", "init --x", "init --domain bot.example.com", "init --server tigase --domain bot.example.com", "init --server prosody", "init --server prosody --domain a@b",
	"init --server prosody --domain bot.example.com --host a/b", "init --server prosody --domain bot.example.com --host BOT.example.com", "init --server prosody --domain bot.example.com --address 5347",
}

const (
	textDeliveries = `{"items":[
 {"id":"evt_2","endpoint":"echo","state":"retrying","type":"message.chat","from":"u@example.com/x","to":"echo@bot.example.com","received":"2026-11-20T18:00:00Z",
  "next_attempt":null,"reason":"503 Service Unavailable: the database of the bot is not there, it says\u001b[2J","attempts":[{},{}]},
 {"id":"01X","endpoint":null,"state":"dead","type":"message.chat","from":"a","to":"b","received":"2026-11-20T17:00:00Z","next_attempt":null,"reason":null,"note":"answered text/html; no reply\u001b","attempts":[]}],"next":"c"}`
	textDelivery = `{"id":"evt_2","endpoint":"echo","state":"retrying","type":"message.chat","from":"u@example.com/x","to":"echo@bot.example.com","received":"2026-11-20T18:00:00Z",
 "next_attempt":"2026-11-20T18:01:00Z","reason":"503","attempts":[{"time":"2026-11-20T18:00:00Z","status":503,"duration_ms":1.5,"content_type":"text/plain","error":"busy","note":"3 replaced","answer":"later\n\u001b[2J"},
 {"time":"2026-11-20T18:00:05Z","status":null,"duration_ms":0,"error":"refused"}],"stanza":"<message/>"}`
	textMistakes = smallConfig + "    server: nowhere\nendpoint: []\n"

	textSent   = `200 {"id":"m1","state":"confirmed"}`
	textBounce = `422 {"status":422,"detail":"juliet@example.com answered\u001b with the error service-unavailable","id":"m1","condition":"service-unavailable","stanza_error":{}}`
	textJob    = `{"id":"j/1","state":"running","total":3,"done":1}`
)
