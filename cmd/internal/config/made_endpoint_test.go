package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/secret"
)

const madeMinimal = "components: [{domain: bot.example.com, secret: x}]\nhttp: {listen: \"127.0.0.1:5290\", tokens: [{name: t, hash: \"sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\", scopes: [admin]}]}\n"

func madeConfig(t testing.TB, more string) *Config {
	t.Helper()
	c, err := Parse("x.yaml", []byte(madeMinimal+more), nil)
	require.NoError(t, err)
	return c
}

// What is wrong in an endpoint of the API is wrong in one of the file, with the same key and
// the same text. Values that look like secrets are in neither.
func TestMadeEndpointMistakes(t *testing.T) {
	c := madeConfig(t, "")
	const url = `"url":"http://127.0.0.1:1/"`
	for _, keys := range []string{
		`{"name":"E",` + url + `}`, `{"url":""}`, `{"url":"nowhere"}`, `{"url":"http://u:hunter2@127.0.0.1:1/"}`, `{"url":"http://10.0.0.1/"}`, `{"url":"http://169.254.169.254/"}`,
		`{"url":"http://127.1/"}`, `{"url":5}`, `{"url":null}`, `{"url":["hunter2"]}`, `{"url":"http://127.0.0.1:5290/hook"}`,
		`{` + url + `,"component":"other.example.com"}`, `{` + url + `,"format":"xml"}`, `{` + url + `,"stanzas":[]}`, `{` + url + `,"stanzas":["message","message","x"]}`, `{` + url + `,"stanzas":"message"}`,
		`{` + url + `,"match":{"to":"u@example.com"}}`, `{` + url + `,"match":{"to":[]}}`, `{` + url + `,"match":{"form":"x"}}`, `{` + url + `,"match":{"type":"chatty"}}`, `{` + url + `,"match":{"body":false}}`, `{` + url + `,"match":{"payload":"a b c"}}`, `{` + url + `,"match":"x"}`,
		`{` + url + `,"copy":"true"}`, `{` + url + `,"copy":true,"delivery":"direct"}`, `{` + url + `,"delivery":"later"}`, `{` + url + `,"batch":1000}`, `{` + url + `,"batch":"2"}`, `{` + url + `,"batch":2.5}`,
		`{` + url + `,"timeout":15}`, `{` + url + `,"timeout":"15"}`, `{` + url + `,"timeout":"1h"}`, `{` + url + `,"concurrency":0}`, `{` + url + `,"concurrency":1e3}`,
		`{` + url + `,"signing_secrets":["whsec_hunter2"]}`, `{` + url + `,"signing_secrets":[]}`, `{` + url + `,"signing_secrets":"hunter2"}`, `{` + url + `,"signing_secrets":[7]}`,
		`{` + url + `,"headers":{"Webhook-Id":"hunter2"}}`, `{` + url + `,"headers":{"a b":"hunter2"}}`, `{` + url + `,"headers":{"X":"hunter2\n"}}`, `{` + url + `,"headers":["hunter2"]}`, `{` + url + `,"headers":{"X":true}}`,
		`{` + url + `,"tls":{"ca_file":"none.pem"}}`, `{"url":"https://127.0.0.1:1/","tls":{"cert_file":"none.pem"}}`, `{"url":"https://127.0.0.1:1/","tls":{"ca_file":"none.pem"}}`,
		`{` + url + `,"retry":{"schedule":[]}}`, `{` + url + `,"retry":{"max_age":"1ms"}}`, `{` + url + `,"format":"rest-json","retry":{"max_age":"1h"}}`, `{` + url + `,"on_exhausted":"never"}`,
		`{` + url + `,"rul":"x"}`, `{` + url + `,"listen":"x"}`, `{` + url + `,"hunter2=x":1}`, `{` + url + `,"copy":true,"copy":true}`, `{"batch":2}`, `{"timeout":"1s"}`,
	} {
		_, err := c.MakeEndpoint("e", []byte(keys))
		var got []string
		if m, ok := errors.AsType[*Mistakes](err); ok {
			for _, p := range m.Problems {
				got = append(got, p.Key+": "+p.Text)
			}
		}
		named := keys
		if !strings.Contains(keys, `"name"`) {
			named = strings.Replace(keys, "{", `{"name":"e",`, 1)
		}
		var want []string
		_, err = Parse("x.yaml", []byte(madeMinimal+"endpoints: ["+named+"]\n"), nil)
		if problems, ok := errors.AsType[Problems](err); ok {
			for _, p := range problems {
				want = append(want, strings.TrimPrefix(p.Key, "endpoints[0].")+": "+p.Text)
			}
		}
		if strings.Contains(keys, `"name"`) { // the name is that of the path
			want = []string{`name: "E" is not the name in the path, "e"; leave it out`}
		}
		g, w := strings.Join(got, "\n"), strings.Join(want, "\n")
		for line := range 9 { // lines differ: the file has others before
			w = strings.ReplaceAll(w, fmt.Sprintf("in line %d;", line), "in line 1;")
		}
		if g != w || g == "" {
			t.Errorf("%s\ngot:  %s\nfile: %s", keys, g, w)
		}
		if strings.Contains(g, "hunter2") && !strings.Contains(keys, "hunter2=") {
			t.Errorf("%s: a secret is shown: %s", keys, g)
		}
	}
}

// What is wrong for the API alone.
func TestMadeEndpointByAPIOnly(t *testing.T) {
	c := madeConfig(t, "outbound: {allow_networks: [10.0.0.0/8]}\n")
	for keys, want := range map[string]string{
		``:                                  "the endpoint is not JSON: it ends too early",
		`{`:                                 "the endpoint is not JSON: it ends too early",
		`{"a"`:                              "the endpoint is not JSON: it ends too early",
		`{"a":`:                             "the endpoint is not JSON: it ends too early",
		`[]`:                                "the endpoint is a list where a JSON object is needed",
		`"x"`:                               "the endpoint is text where a JSON object is needed",
		`{"signing_secrets":[hunter2]}`:     "the endpoint is not JSON: it is wrong at byte",
		`{} {}`:                             "the endpoint has something behind the JSON object",
		`{"url":` + strings.Repeat("[", 50): "the endpoint is nested too deeply",
		`{"url":"unix:/run/bot.sock:/"}`:    "url: is a socket, which only the configuration file can name",
		`{"url":"http://10.0.0.1/","headers":{"X":"` + secret.Hidden + `"}}`:     "headers.X: is the mask of a secret; write the secret itself",
		`{"url":"http://10.0.0.1/","signing_secrets":["` + secret.Hidden + `"]}`: "signing_secrets[0]: ",
		`{"url":"http://10.0.0.1/?key=***"}`:                                     "url: has the mask of a secret in it; write the value itself",
		`{"name":"f","url":"http://10.0.0.1/"}`:                                  `name: "f" is not the name in the path, "e"; leave it out`,
		`{"url":"http://10.0.0.1/","component":"\ud83d\ude00"}`:                  "component: ",
	} {
		_, err := c.MakeEndpoint("e", []byte(keys))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s\ngot:  %v\nwant: %s", keys, err, want)
		}
	}
	if _, err := c.MakeEndpoint("E!", []byte("{}")); err == nil || !strings.HasPrefix(err.Error(), `name: "E!" is not a name;`) {
		t.Errorf("a wrong name: %v", err)
	}
	for keys, forbidden := range map[string]bool{
		`{"url":"http://192.168.0.1/"}`: true, `{"url":"http://169.254.169.254/"}`: true, `{"url":"http://localhost:1/"}`: true, `{"url":"unix:/run/docker.sock:/"}`: true,
		`{"url":"http://192.168.0.1/","batch":0}`: false, `{"url":"no"}`: false,
	} {
		_, err := c.MakeEndpoint("e", []byte(keys))
		if m, ok := errors.AsType[*Mistakes](err); !ok || m.Forbidden != forbidden {
			t.Errorf("%s: %v, forbidden: want %v", keys, err, forbidden)
		}
	}
}

// A good one is what the file would make of it, and shows no secrets.
func TestMadeEndpoint(t *testing.T) {
	c := madeConfig(t, "endpoints: [{name: first, match: {to: \"a@*\"}}]\n")
	const keys = `{"url":"http://127.0.0.1:1/hook?key=hunter2&to={to}","match":{"to":["b@*","c@*"],"body":true},"timeout":"3s",
 "signing_secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],"headers":{"authorization":"Bearer hunter2"},"retry":{"schedule":["1s"]}}`
	e, err := c.MakeEndpoint("b", []byte(keys))
	require.NoError(t, err)
	if h := e.Headers["Authorization"]; h.Reveal() != "Bearer hunter2" || len(e.SigningKeys) != 1 || len(e.Match.ToGlobs) != 2 || e.Delivery != DeliveryQueued || e.Concurrency != 32 || e.Address == nil || !e.ByAPI() {
		t.Errorf("%+v", e)
	}
	shown, err := json.Marshal(e.Given)
	if err != nil || strings.Contains(string(shown), "hunter2") || strings.Contains(string(shown), "whsec") || !strings.Contains(string(shown), `"timeout":"3s"`) {
		t.Errorf("%s %v", shown, err)
	}
	next := c.WithEndpoints([]*Endpoint{e, {Name: "first", Given: map[string]any{}}})
	if len(next.Endpoints) != 2 || next.Endpoints[1].Name != "b" || next.Endpoints[0].ByAPI() || len(c.Endpoints) != 1 {
		t.Errorf("%+v", next.Endpoints)
	}
	if back := next.WithEndpoints(nil); len(back.Endpoints) != 1 || back.Endpoints[0].Name != "first" {
		t.Errorf("%+v", back.Endpoints)
	}
}
