package hook_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/hook"
)

// Payloads in the shapes of the tools' documentation, and what is told. "" is: nothing.
func TestPayloads(t *testing.T) {
	const repo = `"repository":{"full_name":"a/b"},"sender":{"login":"mona"}`
	for _, c := range []struct{ adapter, headers, body, want string }{
		{"github", "X-GitHub-Event: ping", `{"zen":"x","hook_id":1}`, ""},
		{"github", "X-GitHub-Event: star", `{"action":"created",` + repo + `}`, ""},
		{"github", "X-GitHub-Event: push", `{"ref":"refs/heads/old","deleted":true,"commits":[],"pusher":{"name":"mona"},` + repo + `}`, "[a/b] mona deleted old"},
		{"github", "X-GitHub-Event: push", `{"ref":"refs/tags/v1","deleted":true,"commits":[],"pusher":{"name":"mona"},` + repo + `}`, "[a/b] mona deleted v1"},
		{"github", "X-GitHub-Event: push", `{"ref":"refs/heads/x","forced":true,"commits":[{"id":"0123456789","message":"a\nb","author":{"name":"M"}}],"pusher":{"name":"mona"},` + repo + `}`, "[a/b] mona force-pushed 1 commit(s) to x\n01234567 a (M)"},
		{"github", "X-GitHub-Event: pull_request", `{"action":"synchronize","number":2,` + repo + `}`, ""},
		{"github", "X-GitHub-Event: pull_request", `{"action":"closed","number":2,"pull_request":{"title":"T","merged":true,"html_url":"https://h/2","head":{"ref":"c"},"base":{"ref":"m"}},` + repo + `}`, "[a/b] mona merged pull request #2: T (c → m)\nhttps://h/2"},
		{"github", "X-GitHub-Event: pull_request", `{"action":"closed","number":2,"pull_request":{"title":"T","merged":false,"html_url":"https://h/2","head":{"ref":"c"},"base":{"ref":"m"}},` + repo + `}`, "[a/b] mona closed pull request #2: T (c → m)\nhttps://h/2"},
		{"github", "X-GitHub-Event: pull_request_review", `{"action":"submitted","review":{"state":"approved","html_url":"https://h/r","body":null},"pull_request":{"number":2,"title":"T"},` + repo + `}`, "[a/b] mona ✅ approved pull request #2: T\n\nhttps://h/r"},
		{"github", "X-GitHub-Event: issues", `{"action":"opened","issue":{"number":7,"title":"Bug","html_url":"https://h/7"},` + repo + `}`, "[a/b] mona opened issue #7: Bug\nhttps://h/7"},
		{"github", "X-GitHub-Event: issues", `{"action":"labeled","issue":{"number":7},` + repo + `}`, ""},
		{"github", "X-GitHub-Event: issue_comment", `{"action":"created","issue":{"number":7,"title":"Bug"},"comment":{"body":"see **[x](https://x)** <!-- t -->","html_url":"https://h/c"},` + repo + `}`, "[a/b] mona commented on #7: Bug\nsee *x (https://x)*\nhttps://h/c"},
		{"github", "X-GitHub-Event: workflow_run", `{"action":"completed","workflow":{"name":"CI"},"workflow_run":{"id":1,"run_number":3,"head_branch":"main","conclusion":"failure","html_url":"https://h/w"},` + repo + `}`, "[a/b] ❌ CI #3 on main: failure\nhttps://h/w"},
		{"github", "X-GitHub-Event: workflow_run", `{"action":"requested","workflow_run":{},` + repo + `}`, ""},
		{"github", "X-GitHub-Event: release", `{"action":"published","release":{"tag_name":"v1","name":null,"html_url":"https://h/v1"},` + repo + `}`, "[a/b] mona published v1\nhttps://h/v1"},
		{"github", "X-GitHub-Event: create", `{"ref":"v1","ref_type":"tag",` + repo + `}`, "[a/b] mona created the tag v1"},
		{"github", "X-GitHub-Event: create", `{"ref":"x","ref_type":"branch",` + repo + `}`, ""},
		{"github", "X-GitHub-Event: delete", `{"ref":"v1","ref_type":"tag",` + repo + `}`, "[a/b] mona deleted the tag v1"},
		{"github", "X-GitHub-Event: issues|Content-Type: application/x-www-form-urlencoded", "payload=" + url.QueryEscape(`{"action":"closed","issue":{"number":7,"title":"Bug","html_url":"https://h/7"},`+repo+`}`), "[a/b] mona closed issue #7: Bug\nhttps://h/7"},
		{"gitea", "X-Forgejo-Event: issues", `{"action":"reopened","issue":{"number":1,"title":"t","html_url":"https://g/1"},` + repo + `}`, "[a/b] mona reopened issue #1: t\nhttps://g/1"},
		{"gitea", "X-Gitea-Event: pull_request", `{"action":"opened","number":1,"pull_request":{"title":"t","html_url":"https://g/1","head":{"ref":"c"},"base":{"ref":"m"}},` + repo + `}`, "[a/b] mona opened pull request #1: t (c → m)\nhttps://g/1"},
		{"gitlab", "", `{"object_kind":"tag_push","ref":"refs/tags/v1","checkout_sha":"a","user_name":"Jo","project":{"path_with_namespace":"m/d"}}`, "[m/d] Jo pushed the tag v1"},
		{"gitlab", "", `{"object_kind":"tag_push","ref":"refs/tags/v1","checkout_sha":null,"user_name":"Jo","project":{"path_with_namespace":"m/d"}}`, "[m/d] Jo deleted the tag v1"},
		{"gitlab", "", `{"object_kind":"push","ref":"refs/heads/old","after":"0000000000000000000000000000000000000000","checkout_sha":null,"user_name":"Jo","commits":[],"total_commits_count":0,"project":{"path_with_namespace":"m/d"}}`, "[m/d] Jo deleted old"},
		{"gitlab", "", `{"object_kind":"merge_request","user":{"name":"Jo"},"project":{"path_with_namespace":"m/d"},"object_attributes":{"action":"open","iid":4,"title":"T","source_branch":"s","target_branch":"t","url":"https://l/4"}}`, "[m/d] Jo opened merge request !4: T (s → t)\nhttps://l/4"},
		{"gitlab", "", `{"object_kind":"merge_request","user":{"name":"Jo"},"project":{"path_with_namespace":"m/d"},"object_attributes":{"action":"update","iid":4}}`, ""},
		{"gitlab", "", `{"object_kind":"issue","user":{"name":"Jo"},"project":{"path_with_namespace":"m/d"},"object_attributes":{"action":"close","iid":4,"title":"T","url":"https://l/4"}}`, "[m/d] Jo closed issue #4: T\nhttps://l/4"},
		{"gitlab", "", `{"object_kind":"note","user":{"name":"Jo"},"project":{"path_with_namespace":"m/d"},"issue":{"iid":4,"title":"T"},"object_attributes":{"note":"yes","url":"https://l/n"}}`, "[m/d] Jo commented on #4: T\nyes\nhttps://l/n"},
		{"gitlab", "", `{"object_kind":"pipeline","project":{"path_with_namespace":"m/d"},"object_attributes":{"id":31,"iid":3,"ref":"main","status":"failed","duration":63,"url":"https://l/p"},"builds":[{"stage":"test","name":"unit","status":"failed"},{"stage":"build","name":"x","status":"success"}]}`, "[m/d] ❌ pipeline #3 on main: failed (1m3s)\ntest/unit failed\nhttps://l/p"},
		{"gitlab", "", `{"object_kind":"pipeline","project":{},"object_attributes":{"status":"running"}}`, ""},
		{"gitlab", "", `{"object_kind":"release","action":"create","tag":"v1","project":{"path_with_namespace":"m/d"},"url":"https://l/r"}`, "[m/d] released v1\nhttps://l/r"},
		{"gitlab", "", `{"object_kind":"wiki_page"}`, ""},
		{"alertmanager", "", `{"alerts":[],"status":"firing"}`, ""},
		{"alertmanager", "", `{"alerts":[{"status":"resolved","labels":{"alertname":"A"}}],"truncatedAlerts":3}`, "✅ RESOLVED A\n\n\n… and 3 more"},
		{"alertmanager", "", `{"alerts":[null,1,"x",[],{"status":1,"labels":"x","annotations":[1]}]}`, "✅\n\n\n✅\n\n\n✅\n\n\n✅\n\n\n✅ 1"},
		{"grafana", "", `{"alerts":[{"status":"firing","labels":{"alertname":"A"},"values":null,"annotations":null}]}`, "🔥 FIRING A"},
		{"grafana", "", `{"alerts":[{"status":"firing","labels":{"alertname":"A"},"values":{"A":1234567.891,"B":"x"},"panelURL":"https://g/p"}]}`, "🔥 FIRING A\n\nA = 1,234,567.89\nB = x\nhttps://g/p"},
		{"uptime-kuma", "Content-Type: application/x-www-form-urlencoded", "data=" + url.QueryEscape(`{"msg":"down","monitor":{"url":"https://u"}}`), "down\nhttps://u"},
		{"uptime-kuma", "Content-Type: multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{\"msg\":\"up\",\"monitor\":null}\r\n--b--\r\n", "up"},
		{"uptime-kuma", "", `{"heartbeat":1,"monitor":[],"msg":7}`, "7"},
		{"slack", "Content-Type: application/x-www-form-urlencoded", "payload=" + url.QueryEscape(`{"text":"a <!here> <@U1> &lt;b&gt;"}`), "a @here @U1 <b>"},
		{"slack", "Content-Type: application/x-www-form-urlencoded", `{"text":"as curl -d sends it"}`, "as curl -d sends it"},
		{"slack", "Content-Type: application/x-www-form-urlencoded", "channel=ops&text=a+b&attachments=" + url.QueryEscape(`[{"text":"c"}]`), "a b\nc"},
		{"slack", "", `{"text":"*a* <https://x> ` + "`<b>`" + `"}`, "*a* https://x `<b>`"},
		{"slack", "", `{"attachments":[{"fallback":"only this"}]}`, "only this"},
		{"slack", "", `{"text":"<b>&amp;","mrkdwn":false}`, "<b>&"},
		{"slack", "", `{"text":{"a":1},"blocks":"x","attachments":[1,null,{"fields":"x","title":["y"],"text":"t"}]}`, "t"},
		{"mattermost", "", `{"text":"**b** [t](https://u) :tada:","attachments":[{"title":"T","title_link":"https://l","fields":[{"title":"k","value":"**v**"}]}]}`, "*b* t (https://u) 🎉\nT (https://l)\nk: *v*"},
		{"discord", "", `{"content":"<@123> **x**"}`, "@123 *x*"},
		{"discord", "Content-Type: multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{\"content\":\"hi\"}\r\n--b--\r\n", "hi"},
		{"discord", "", `{"embeds":[{"url":"https://u","description":"d"},7]}`, "https://u\nd"},
		{"ntfy", "", "plain", "plain"},
		{"ntfy", "Title: =?UTF-8?B?w6TDtg==?=|Tags: skull,db", "t", "💀 äö\nt\nTags: db"},
		{"ntfy", "Actions: view, Open, https://o; http, Close, https://c", "t", "t\nOpen: https://o"},
		{"ntfy", "X-Markdown: yes", "**t**", "*t*"},
		{"ntfy", "", `{"topic":"ops","title":"T","message":"m","priority":5,"tags":["warning"],"actions":[{"action":"view","label":"L","url":"https://l"}]}`, "❗ ⚠️ T\nm\nL: https://l"},
		{"gotify", "Content-Type: application/x-www-form-urlencoded", "title=T&message=m&priority=5", "T\nm"},
		{"gotify", "Content-Type: multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\nm\r\n--b--\r\n", "m"},
		{"json", "", `{"a":1,"b":[true,null]}`, `{"a":1,"b":[true,null]}`},
		{"json", "", `[1,2.5,"x"]`, `[1,2.5,"x"]`},
		{"json", "", "\ufeff" + `"text"`, "text"},
		{"text", "", "a\r\nb\x00\x07 \t\r\n", "a\nb"},
		{"text", "", "", ""},
		{"text", "", "a\u0085b\ufffe", "ab"},
	} {
		t.Run(c.adapter, func(t *testing.T) {
			var headers []string
			if c.headers != "" {
				headers = strings.Split(c.headers, "|")
			}
			n, err := read(t, hook.Options{Adapter: c.adapter}, post(c.body, headers...))
			var got []string
			for _, text := range n.Texts {
				got = append(got, text.Body)
			}
			if err != nil || strings.Join(got, "\n---\n") != c.want {
				t.Errorf("%s\ngot  %q, %v\nwant %q", c.body, got, err, c.want)
			}
		})
	}
}

// What is no payload of a tool is an error that says what is wrong.
func TestUnreadable(t *testing.T) {
	for _, c := range []struct{ adapter, headers, body, want string }{
		{"alertmanager", "", "", "empty"}, {"alertmanager", "", "{", "not JSON"}, {"alertmanager", "", "[]", "a list"}, {"alertmanager", "", `{"alerts":{}}`, "alerts is an object"},
		{"alertmanager", "", `{"alerts":[]}x`, "more than one"}, {"alertmanager", "", "\xff", "not UTF-8"}, {"alertmanager", "Content-Type: application/x-www-form-urlencoded", "a=b", "a form"},
		{"github", "", "{}", "X-GitHub-Event"}, {"gitea", "", "{}", "X-Gitea-Event"}, {"gitlab", "", "{}", "object_kind"}, {"github", "X-GitHub-Event: push", "7", "a number"},
		{"slack", "Content-Type: multipart/form-data", "x", "boundary"}, {"slack", "Content-Type: application/x-www-form-urlencoded", "attachments=x", "attachments"},
		{"uptime-kuma", "Content-Type: multipart/form-data; boundary=b", "--b\r\n\r\n", "not a form"}, {"ntfy", "", "\xff\xfe", "not text"}, {"text", "", "\xff", "not UTF-8"},
		{"json", "", strings.Repeat("[", 20000), "not JSON"},
	} {
		var headers []string
		if c.headers != "" {
			headers = []string{c.headers}
		}
		if _, err := read(t, hook.Options{Adapter: c.adapter}, post(c.body, headers...)); !errors.Is(err, hook.ErrPayload) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %q: %v, want %s", c.adapter, c.body, err, c.want)
		}
	}
	for _, adapter := range []string{"slack", "mattermost", "discord", "gotify"} {
		if _, err := read(t, hook.Options{Adapter: adapter}, post(`{"text":""}`)); !errors.Is(err, hook.ErrNoText) {
			t.Errorf("%s without text: %v", adapter, err)
		}
	}
}

// Each field of each sample may have a wrong type: no error but ErrPayload and ErrNoText,
// and a text without Go in it.
func TestWrongTypes(t *testing.T) {
	for _, adapter := range hook.Adapters() {
		r := hook.Sample(adapter)
		if len(r.Body) == 0 || r.Body[0] != '{' {
			continue
		}
		h, err := hook.New(hook.Options{Adapter: adapter})
		require.NoError(t, err)
		for i := range r.Body {
			for _, wrong := range []string{`7`, `null`, `[]`, `{"a":1}`, `"x"`, `true`} {
				if r.Body[i] != ':' {
					continue
				}
				changed := *r
				changed.Body = replaceValue(r.Body, i+1, wrong)
				n, err := h.Read(&changed)
				if err != nil && !errors.Is(err, hook.ErrPayload) && !errors.Is(err, hook.ErrNoText) {
					t.Errorf("%s: %s: %v", adapter, changed.Body, err)
				}
				for _, text := range n.Texts {
					if text.Cut != nil || strings.Contains(text.Body, "<nil>") || strings.Contains(text.Body, "<no value>") || strings.Contains(text.Body, "map[") || strings.Contains(text.Body, "%!") {
						t.Errorf("%s: %s: %s, %v", adapter, changed.Body, text.Body, text.Cut)
					}
				}
			}
		}
	}
}

// replaceValue puts another value where one begins. What it leaves may be no JSON.
func replaceValue(data []byte, from int, value string) []byte {
	end, depth, quoted := from, 0, false
	for ; end < len(data); end++ {
		switch c := data[end]; {
		case quoted && c == '\\':
			end++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case (c == '}' || c == ']' || c == ',') && depth == 0:
			return []byte(string(data[:from]) + value + string(data[end:]))
		case c == '}' || c == ']':
			depth--
		}
	}
	return data
}

func alerts(n int, status string) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"status":%q,"fingerprint":"f%d","labels":{"alertname":"A%d"},"annotations":{"summary":"The disk of machine %d is nearly full and needs a look"}}`, status, i, i, i))
	}
	return `{"groupKey":"g","status":"` + status + `","alerts":[` + strings.Join(all, ",") + `]}`
}

func TestManyAlerts(t *testing.T) {
	got := body(t, hook.Options{Adapter: "alertmanager"}, post(alerts(100, "firing")))
	if n := len([]rune(got)); n > hook.DefaultChars || !strings.HasSuffix(got, "…") || !strings.Contains(got, "A40") {
		t.Errorf("%d characters: %s", n, got)
	}
	n, err := read(t, hook.Options{Adapter: "alertmanager", Split: true}, post(alerts(100, "firing")))
	if err != nil || len(n.Texts) != 100 || n.Texts[99].Thread != "f99" || !strings.HasPrefix(n.Texts[99].Body, "🔥 FIRING A99\n") {
		t.Errorf("%d texts, %v", len(n.Texts), err)
	}
}

// The same states of the same alerts are the same; another state is another.
func TestSameState(t *testing.T) {
	get := func(body string, headers ...string) hook.Notice {
		n, err := read(t, hook.Options{Adapter: "alertmanager"}, post(body, headers...))
		if err != nil || len(n.Texts) != 1 || n.Texts[0].Thread != "g" {
			t.Fatalf("%v, %v", n, err)
		}
		return n
	}
	one, two := get(alerts(2, "firing")), get(alerts(2, "firing"))
	if one.Once == "" || one.Once != two.Once || one.Within.Hours() != 1 {
		t.Errorf("%q and %q, for %v", one.Once, two.Once, one.Within)
	}
	if other := get(alerts(2, "resolved")); other.Once == one.Once {
		t.Error("resolved is as firing")
	}
	if given := get(alerts(2, "firing"), "Idempotency-Key: k"); !strings.HasPrefix(given.Once, "k ") || given.Within.Hours() != 24 {
		t.Errorf("%q for %v", given.Once, given.Within)
	}
}

// What a text is about, and which delivery it is.
func TestThreadsAndIDs(t *testing.T) {
	const repo = `"repository":{"full_name":"a/b"},"sender":{"login":"m"}`
	for _, c := range []struct{ adapter, headers, body, thread, once string }{
		{"github", "X-GitHub-Event: issues|X-GitHub-Delivery: d1", `{"action":"opened","issue":{"number":7,"title":"x"},` + repo + `}`, "a/b issue 7", "d1"},
		{"github", "X-GitHub-Event: pull_request", `{"action":"opened","pull_request":{"number":7,"title":"x"},` + repo + `}`, "a/b issue 7", ""},
		{"github", "X-GitHub-Event: workflow_run", `{"action":"completed","workflow_run":{"id":30433642},` + repo + `}`, "a/b workflow_run 30433642", ""},
		{"github", "X-GitHub-Event: push", `{"ref":"refs/heads/x",` + repo + `}`, "", ""},
		{"gitea", "X-Gitea-Event: issues|X-Gitea-Delivery: d2", `{"action":"opened","issue":{"number":7,"title":"x"},` + repo + `}`, "a/b issue 7", "d2"},
		{"gitlab", "X-Gitlab-Event-UUID: u|Idempotency-Key: k", `{"object_kind":"merge_request","project":{"path_with_namespace":"m/d"},"object_attributes":{"action":"open","iid":4}}`, "m/d merge_request 4", "k"},
		{"gitlab", "", `{"object_kind":"note","project":{"path_with_namespace":"m/d"},"merge_request":{"iid":4},"object_attributes":{"note":"x"}}`, "m/d merge_request 4", ""},
		{"gitlab", "", `{"object_kind":"pipeline","project":{"path_with_namespace":"m/d"},"object_attributes":{"id":31,"iid":3,"status":"success"}}`, "m/d pipeline 31", ""},
		{"uptime-kuma", "", `{"msg":"x","monitor":{"id":10}}`, "10", ""},
		{"slack", "", `{"text":"x","thread_ts":"1.2"}`, "1.2", ""},
	} {
		n, err := read(t, hook.Options{Adapter: c.adapter}, post(c.body, strings.Split(c.headers, "|")...))
		if id, _, _ := strings.Cut(n.Once, " "); err != nil || len(n.Texts) != 1 || n.Texts[0].Thread != c.thread || id != c.once {
			t.Errorf("%s: %+v, %v", c.body, n, err)
		}
	}
	n, err := read(t, hook.Options{Adapter: "json", Thread: "{{.job}}/{{.n}}"}, post(`{"text":"x","job":"a","n":5}`))
	if err != nil || n.Texts[0].Thread != "a/5" {
		t.Errorf("thread: %+v, %v", n, err)
	}
}

// Targets, GET, and events that are not told.
func TestSettings(t *testing.T) {
	n, err := read(t, hook.Options{Adapter: "slack"}, post(`{"text":"x","channel":"#ops"}`))
	if err != nil || n.Target != "#ops" {
		t.Errorf("%+v, %v", n, err)
	}
	r := post("x")
	r.Path = "alerts"
	if n, err = read(t, hook.Options{Adapter: "ntfy"}, r); err != nil || n.Target != "alerts" {
		t.Errorf("%+v, %v", n, err)
	}
	for _, adapter := range []string{"uptime-kuma", "text", "ntfy"} {
		r := &hook.Request{Method: http.MethodGet, Header: http.Header{}, Query: url.Values{"msg": {"hi"}, "message": {"hi"}}, Time: now}
		if got := body(t, hook.Options{Adapter: adapter, Get: true}, r); got != "hi" {
			t.Errorf("%s by GET: %q", adapter, got)
		}
	}
	n, err = read(t, hook.Options{Adapter: "github", Events: []string{"push"}}, post(sample(t, "github-pull-request-opened.json"), "X-GitHub-Event: pull_request"))
	if err != nil || len(n.Texts) != 0 || n.Event != "pull_request" {
		t.Errorf("%+v, %v", n, err)
	}
	for _, c := range []struct {
		o    hook.Options
		want string
	}{
		{hook.Options{Adapter: "teams"}, "adapter: \"teams\" is not known"},
		{hook.Options{Adapter: "github", Events: []string{"pushes"}}, "events: \"pushes\" is none of push, pull_request"},
		{hook.Options{Adapter: "json", Events: []string{"push"}}, "events: the adapter json has no events"},
		{hook.Options{Adapter: "json", Split: true}, "split: "},
		{hook.Options{Adapter: "json", Template: "a\n{{.b"}, "template: line 2: unclosed action"},
		{hook.Options{Adapter: "json", Thread: "{{nope}}"}, "thread: line 1: function \"nope\" not defined"},
	} {
		if _, err := hook.New(c.o); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.o, err, c.want)
		}
	}
}

// The key of a thread is short: the hash of a long one stands for it, so that two with the
// same beginning stay two.
func TestLongThreads(t *testing.T) {
	long := strings.Repeat("x", 2000)
	for _, o := range []hook.Options{{Adapter: "slack"}, {Adapter: "mattermost"}, {Adapter: "json", Template: "x", Thread: "{{.root_id}}"}} {
		h, err := hook.New(o)
		require.NoError(t, err)
		keys := make(map[string]bool)
		for _, id := range []string{long + "1", long + "2", long + "1"} {
			n, err := h.Read(&hook.Request{Method: "POST", Header: http.Header{}, Body: []byte(`{"text":"x","thread_ts":"` + id + `","root_id":"` + id + `"}`)})
			if err != nil || len(n.Texts) != 1 || len(n.Texts[0].Thread) > 500 || n.Texts[0].Thread == "" {
				t.Fatalf("%s: %v, %v", o.Adapter, n.Texts, err)
			}
			keys[n.Texts[0].Thread] = true
		}
		if len(keys) != 2 {
			t.Errorf("%s: %d threads, want 2", o.Adapter, len(keys))
		}
	}
}
