package cli

const (
	textStatus = `200 {"version":"0.1.0","started":"2026-11-20T18:00:00Z","uptime_s":11530,
"links":[{"component":"bot.example.com","server":"127.0.0.1:5347","state":"up","since":"2026-11-20T18:00:01Z","reason":null,"privileges":{}},
 {"component":"news.example.com","server":"127.0.0.1:5347","state":"down","since":"2026-11-20T20:00:00Z","reason":"the server does not accept the secret","privileges":{}}],
"outbox":[{"component":"bot.example.com","waiting":0,"expired":0},{"component":"news.example.com","waiting":3,"expired":0}],
"endpoints":[{"name":"echo","state":"ok","queued":0,"dead_letters":0},{"name":"shop","state":"open","queued":12,"oldest":"2026-11-20T19:59:00Z","dead_letters":1,"reason":"connection refused"}],
"removed_endpoints":[{"name":"old","queued":1,"oldest":"2026-11-20T17:00:00Z"}],
"rosters":[{"host":"example.com","component":"bot.example.com","backend":"privilege","reason":"the server grants it","running":0,"refreshed":{}}],
"store":{"bytes":12582912,"max_bytes":4294967296,"full":false,"reason":null}}`
	textEndpoint = `{"name":"shop","url":"http://127.0.0.1:8080/hook","component":null,"format":"event","delivery":"queued","copy":false,
"state":"open","reason":"connection refused","since":"2026-11-20T20:00:00Z","paused_until":null,"queued":12,"bytes":4096,"oldest":"2026-11-20T19:59:00Z",
"in_flight":1,"dead_letters":1,"last_success":"2026-11-20T19:58:00Z","last_error":{"time":"2026-11-20T20:00:00Z","status":503,"error":"the answer was 503"},
"attempts":20,"failures":8,"delivered":11,"refused":1,"expired":0}`
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
	{name: "secrets in the clear", args: []string{"check"}, config: textClear},
	{name: "passwords in the clear", args: []string{"check"}, config: textPlain},
	{name: "hosts that count", args: []string{"check"}, config: textConfigShort + "http: {hosts: [bots.example.com], insecure_no_auth: true}\n"},
	{name: "no configuration", args: []string{"check"}},
	{name: "no configuration to run with", args: []string{"serve"}},
	{name: "one token", args: []string{"check"}, config: textConfig},
	{name: "the store cannot be made", args: []string{"serve"}, config: textConfig[:len(textConfig)-len("store: {dir: store}\n")] + "store: {dir: stanzahook.yaml/store}\n"},
	{name: "a bad signing secret", args: []string{"check"}, config: "components: [{domain: bot.example.com, secret: secret}]\nendpoints: [{name: echo, url: \"http://127.0.0.1:8080/\", signing_secrets: [whsec_short]}]\n"},

	{name: "status, ready", args: []string{"status"}, answers: map[string]string{"GET /readyz": "200 ready", "GET /v1/status": textStatus}},
	{name: "status, not ready", args: []string{"status"}, answers: map[string]string{"GET /readyz": "503 news.example.com: the server does not accept the secret", "GET /v1/status": textStatus}},
	{name: "status without a token", args: []string{"status"}, answers: map[string]string{"GET /readyz": "503 the disk is full", "GET /v1/status": `401 {"detail":"Credentials missing"}`}},
	{name: "nothing answers", args: []string{"status", "--api", "http://127.0.0.1:9"}},
	{name: "http to an HTTPS port", args: []string{"status"}, answers: map[string]string{}, tls: true, api: "https http"},
	{name: "https to an HTTP port", args: []string{"status"}, answers: map[string]string{}, api: "http https"},
	{name: "a certificate that nobody knows", args: []string{"status"}, answers: map[string]string{}, tls: true},

	{name: "endpoints", args: []string{"endpoints", "list"}, answers: map[string]string{"GET /v1/endpoints": `200 {"items":[` + textEndpoint + `,{"name":"poll","url":"","format":"event","delivery":"queued","state":"ok"}],"next":null}`}},
	{name: "no endpoints", args: []string{"endpoints", "list"}, answers: map[string]string{"GET /v1/endpoints": `200 {"items":[],"next":null}`}},
	{name: "an endpoint", args: []string{"endpoints", "show", "shop"}, answers: map[string]string{"GET /v1/endpoints/shop": "200 " + textEndpoint}},
	{name: "an endpoint is enabled", args: []string{"endpoints", "enable", "shop", "--json"}, answers: map[string]string{"POST /v1/endpoints/shop/enable": `200 {"name":"shop","state":"ok"}`}},
	{name: "an endpoint is disabled", args: []string{"endpoints", "disable", "shop", "--reason", "it moves"}, answers: map[string]string{"POST /v1/endpoints/shop/disable": `200 {"name":"shop","state":"disabled","reason":"it moves","url":"","format":"event","delivery":"queued"}`}},
	{name: "no such endpoint", args: []string{"endpoints", "show", "nope"}, answers: map[string]string{"GET /v1/endpoints/nope": `404 {"detail":"no endpoint is named \"nope\""}`}},
	{name: "a test that is answered", args: []string{"endpoints", "test", "shop"}, answers: map[string]string{"POST /v1/endpoints/shop/test": `200 {"id":"evt_1","ok":true,"status":200,"duration_ms":1.25,"content_type":"text/plain","answer":"You said: x","replies":["<message to='a'><body>You said: x</body></message>"],"note":null,"error":null}`}},
	{name: "a test with a note", args: []string{"endpoints", "test", "shop"}, answers: map[string]string{"POST /v1/endpoints/shop/test": `200 {"id":"evt_1","ok":true,"status":200,"duration_ms":1.25,"content_type":"text/html","answer":"<p>x","replies":[],"note":"answered text/html; no reply is made of that: use text/plain or JSON","error":null}`}},
	{name: "a test that fails", args: []string{"endpoints", "test", "shop"}, answers: map[string]string{"POST /v1/endpoints/shop/test": `200 {"id":"evt_1","ok":false,"status":null,"duration_ms":0.4,"answer":"","error":"connection refused"}`}},
	{name: "a test that fails, as JSON", args: []string{"endpoints", "test", "shop", "--json"}, answers: map[string]string{"POST /v1/endpoints/shop/test": `200 {"ok":false,"status":500,"duration_ms":0.4,"answer":"oops","error":"the answer was 500"}`}},

	{name: "reload", args: []string{"reload"}, answers: map[string]string{"POST /v1/reload": `200 {"changed":["endpoints: echo","log.level"]}`}},
	{name: "reload of the same", args: []string{"reload"}, answers: map[string]string{"POST /v1/reload": `200 {"changed":[]}`}},
	{name: "a reload that is rejected", args: []string{"reload"}, answers: map[string]string{"POST /v1/reload": `422 {"detail":"configuration rejected; still running with the previous one","problems":["stanzahook.yaml:3: drain: \"x\" is not a duration","stanzahook.yaml:5: endpoint: unknown key"]}`}},
	{name: "a reload that is rejected, as JSON", args: []string{"reload", "--json"}, answers: map[string]string{"POST /v1/reload": `422 {"detail":"no","problems":["x"]}`}},

	{name: "no token", args: []string{"endpoints", "list"}, answers: map[string]string{"GET /v1/endpoints": `401 {"detail":"Credentials missing"}`}},
	{name: "a token without the scope", args: []string{"endpoints", "list"}, token: "t", answers: map[string]string{"GET /v1/endpoints": `403 {"detail":"the token lacks the scope \"admin\""}`}},
	{name: "from outside the component", args: []string{"send", "--to", "a@example.com", "--from", "b@example.com", "--body", "x"}, token: "t", answers: map[string]string{"POST /v1/messages": `403 {"detail":"from: b@example.com is not at a component; allowed are addresses at bot.example.com"}`}},
	{name: "a user of another host", args: []string{"roster", "refresh", "john@example.net"}, token: "t", answers: map[string]string{"POST /v1/rosters/refresh": `400 {"detail":"users[0]: \"john@example.net\" is not a user of a host with rosters"}`}},
	{name: "one dead letter is replayed", args: []string{"deliveries", "replay", "--endpoint", "echo"}, token: "t", answers: map[string]string{"POST /v1/endpoints/echo/replay": `202 {"endpoint":"echo","replayed":1}`}},
}
