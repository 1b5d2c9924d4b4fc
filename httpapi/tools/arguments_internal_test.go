package tools

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// values are JSON values of each kind.
var values = map[string]string{
	"string": `"x"`, "integer": "3", "fraction": "1.5", "boolean": "true", "null": "null", "array": `["x"]`, "numbers": "[1]", "object": `{"a":1}`,
}

// accepts are the kinds that an argument of a type takes. Null is no value.
var accepts = map[string][]string{"string": {"string"}, "integer": {"integer"}, "boolean": {"boolean"}, "array": {"array"}}

// Each argument of each tool with a value of each wrong kind is refused by its name, and the
// schema says the same.
func TestEveryWrongKind(t *testing.T) {
	tools := All()
	if len(tools) < 14 {
		t.Fatalf("%d tools", len(tools))
	}
	for _, tool := range tools {
		schema, err := tool.Parameters.Resolve(nil)
		if err != nil {
			t.Fatalf("%s: %v", tool.Name, err)
		}
		if tool.Parameters.AdditionalProperties == nil || !regexp.MustCompile(`^[a-z_]+$`).MatchString(tool.Name) || len(tool.Description) < 20 {
			t.Errorf("%s: %+v", tool.Name, tool)
		}
		for name, property := range tool.Parameters.Properties {
			if property.Description == "" || accepts[property.Type] == nil {
				t.Errorf("%s.%s: %q %q", tool.Name, name, property.Type, property.Description)
			}
			for kind, value := range values {
				right := false
				for _, k := range accepts[property.Type] {
					right = right || k == kind
				}
				arguments := complete(tool.Parameters, name, value)
				_, err := tool.run(nowhere(), []byte(arguments))
				bad := schema.Validate(decoded(arguments)) != nil
				switch {
				case right || kind == "null":
				case err == nil || !strings.HasPrefix(err.Error(), name) || !strings.Contains(err.Error(), "is needed"):
					t.Errorf("%s %s: %v", tool.Name, arguments, err)
				case !bad:
					t.Errorf("%s %s: the schema takes it", tool.Name, arguments)
				}
			}
		}
		for _, required := range tool.Parameters.Required {
			for _, value := range []string{"", "null", `""`} {
				if value == `""` && tool.Parameters.Properties[required].Type != "string" {
					continue
				}
				arguments := complete(tool.Parameters, required, value)
				if _, err := tool.run(nowhere(), []byte(arguments)); err == nil || !strings.HasPrefix(err.Error(), required+": is ") {
					t.Errorf("%s %s: %v", tool.Name, arguments, err)
				}
				if schema.Validate(decoded(arguments)) == nil {
					t.Errorf("%s %s: the schema takes it", tool.Name, arguments)
				}
			}
		}
		if _, err := tool.run(nowhere(), []byte(`{"bogus":1}`)); err == nil || !strings.HasPrefix(err.Error(), `"bogus": is no argument of `+tool.Name) {
			t.Errorf("%s: %v", tool.Name, err)
		}
		for _, whole := range []string{"[]", `"x"`, "3", "true", `{"a":`, `{}{}`} {
			if _, err := tool.run(nowhere(), []byte(whole)); err == nil || !strings.HasPrefix(err.Error(), "the arguments of "+tool.Name) {
				t.Errorf("%s %s: %v", tool.Name, whole, err)
			}
		}
	}
}

// nowhere is a call whose /v1 does nothing.
func nowhere() *call {
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"files":[{}]}`)) })
	return &call{ctx: context.Background(), Runner: &Runner{api: api, o: Options{
		Events:  noEvents{},
		Domains: func() []jid.JID { return []jid.JID{jid.MustParse("bot.example.com")} },
		IsIn:    func(jid.JID, jid.JID) bool { return false },
		Expect:  func(string, jid.JID, jid.JID) (*delivery.Expectation, error) { return nil, gateway.ErrNotFound },
	}}}
}

type noEvents struct{}

func (noEvents) Read(context.Context, string, string) (v1.EventReader, error) {
	return nil, gateway.ErrNotFound
}
func (noEvents) Ack(context.Context, string, string) error { return gateway.ErrNotFound }

// complete returns arguments with what is required, and one with a value; "" leaves it out.
func complete(schema *jsonschema.Schema, name, value string) string {
	all := make(map[string]json.RawMessage)
	for _, required := range schema.Required {
		for _, kind := range accepts[schema.Properties[required].Type] {
			all[required] = json.RawMessage(values[kind])
		}
	}
	all[name] = json.RawMessage(value)
	if value == "" {
		delete(all, name)
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func decoded(text string) (v map[string]any) {
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		panic(err)
	}
	return v
}

func TestBounds(t *testing.T) {
	long := "[" + strings.TrimSuffix(strings.Repeat(`"a",`, 101), ",") + "]"
	for _, c := range []struct{ tool, arguments, says string }{
		{"send_message", `{"to":"a@b","body":"x","wait":51}`, "wait: 51 is not between 0 and 50"},
		{"send_message", `{"to":"a@b","body":"x","wait":-1}`, "wait: -1"},
		{"send_message", `{"to":"a@b","body":"x","wait":1e300}`, "wait: 1e300"},
		{"send_message", `{"to":"a@b","body":"x","wait":1.0e1}`, ""},
		{"react", `{"ref":"r","emoji":` + long + `}`, "emoji: has 101 items; 100 at most"},
		{"react", `{"ref":"r","emoji":["a",null]}`, "emoji[1]: is null"},
		{"send_file", `{"to":"a@b"}`, "url: write either"},
		{"send_file", `{"to":"a@b","url":"https://x/","base64":"QQ=="}`, "url: write either"},
		{"send_file", `{"to":"a@b","base64":"QQ=="}`, "name: is missing"},
		{"send_file", `{"to":"a@b","base64":"?","name":"a"}`, "base64: is not base64"},
		{"send_file", `{"to":"a@b","base64":"` + strings.Repeat("AAAA", maxFile/3+1) + `","name":"a"}`, "base64: the file has"},
		{"join_room", `{"room":"a@b/c"}`, `room: "a@b/c" has a / in it`},
		{"ask", `{"to":"a@b","question":"x","endpoint":"e","options":["a"," "]}`, "options[1]: is empty"},
		{"ask", `{"to":"@","question":"x","endpoint":"e"}`, `to: "@" is not an address`},
		{"ask", `{"to":"a@b","question":"x"}`, "endpoint: is missing"},
		{"wait_for_message", `{"endpoint":"e","from":"@"}`, `from: "@" is not an address`},
		{"wait_for_message", `{}`, "endpoint: is missing"},
	} {
		all := All()
		tool := all[slices.IndexFunc(all, func(t Tool) bool { return t.Name == c.tool })]
		_, err := tool.run(nowhere(), []byte(c.arguments))
		if c.says == "" && err == nil {
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s %.80s: %v, want %s", c.tool, c.arguments, err, c.says)
		}
	}
}
