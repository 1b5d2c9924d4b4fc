package form_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"stanzahook/pkg/form"
	"stanzahook/pkg/stanza"
)

func deploy() *form.Form {
	low, high := 1.0, 10.0
	return &form.Form{Title: "Deploy", Instructions: "Where to?", Fields: []form.Field{
		{Name: "env", Type: form.List, Label: "Environment", Required: true, Options: []form.Option{{Value: "staging", Label: "Staging"}, {Value: "prod"}}},
		{Name: "dry", Type: form.Boolean, Value: []string{"true"}},
		{Name: "count", Type: form.Number, Min: &low, Max: &high, Integer: true},
		{Name: "who", Type: form.JIDMulti},
		{Name: "parts", Type: form.ListMulti, Options: []form.Option{{Value: "a"}, {Value: "b"}}},
		{Name: "note", Type: form.TextMulti},
		{Name: "by", Type: form.JID},
		{Name: "reason", Type: form.Text},
		{Name: "key", Type: form.Private, Required: true},
		{Type: form.Fixed, Label: "Think twice."},
		{Name: "build", Type: form.Hidden, Value: []string{"b17"}},
	}}
}

// Each value comes out in its canonical form, with the type that its field has.
func TestValues(t *testing.T) {
	f := deploy()
	if all := f.Check(); len(all) > 0 {
		t.Fatal(all)
	}
	values, wrong := f.Validate(form.Values{
		"env": {"prod"}, "count": {" +07 "}, "who": {"A@X", "a@x", "b@x"}, "parts": {"b", "a", "b"}, "note": {"one\ntwo", "three"}, "by": {"Juliet@example.com/x"},
		"reason": {""}, "key": {"sesame <&>"}, "build": {"forged"}, "other": {"1"},
	})
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	const want = `{"env":"prod","dry":true,"count":7,"who":["a@x","b@x"],"parts":["b","a"],"note":["one","two","three"],"by":"juliet@example.com/x","key":"sesame <&>","build":"b17"}`
	if got := string(form.AppendJSON(nil, []form.Page{{Form: f, Values: values}})); got != want || !json.Valid([]byte(got)) {
		t.Errorf("%s", got)
	}
	second := &form.Form{Fields: []form.Field{{Name: "env", Type: form.Text}, {Name: "sure", Type: form.Boolean}}}
	later, _ := second.Validate(form.Values{"env": {"again"}})
	if got := string(form.AppendJSON(nil, []form.Page{{Form: f, Values: form.Values{"env": {"prod"}, "dry": {"0"}}}, {Form: second, Values: later}})); got != `{"dry":false,"env":"again","sure":false}` {
		t.Errorf("%s", got)
	}
}

// Every wrong value is refused, and its field named.
func TestWrongValues(t *testing.T) {
	for _, test := range []struct {
		field string
		texts []string
		want  string
	}{
		{"env", nil, "is missing; choose one"},
		{"env", []string{" "}, "is missing; choose one"},
		{"env", []string{"moon"}, `"moon" is none of staging, prod`},
		{"env", []string{"prod", "staging"}, "has 2 values; give one"},
		{"dry", []string{"maybe"}, `"maybe" is not yes or no`},
		{"dry", []string{"1", "0"}, "has 2 values; give one"},
		{"count", []string{"seven"}, `"seven" is not a number`},
		{"count", []string{"0x7"}, `"0x7" is not a number`},
		{"count", []string{"1e1"}, `"1e1" is not a number`},
		{"count", []string{"NaN"}, `"NaN" is not a number`},
		{"count", []string{"--1"}, `"--1" is not a number`},
		{"count", []string{"+-1"}, `"+-1" is not a number`},
		{"count", []string{"-"}, `"-" is not a number`},
		{"count", []string{"."}, `"." is not a number`},
		{"count", []string{"7.5"}, `"7.5" is not a whole number`},
		{"count", []string{strings.Repeat("9", 400)}, `"` + strings.Repeat("9", 40) + `" is not a number`},
		{"count", []string{"0"}, "0 is less than 1"},
		{"count", []string{"-3"}, "-3 is less than 1"},
		{"count", []string{"11"}, "11 is more than 10"},
		{"who", []string{"a@x", "a@@x"}, `"a@@x" is not an address; write for example juliet@example.com`},
		{"by", []string{"@"}, `"@" is not an address; write for example juliet@example.com`},
		{"parts", []string{"a", "c"}, `"c" is none of a, b`},
		{"reason", []string{"two\nlines"}, "has more than one line"},
		{"reason", []string{"a\x00b"}, "has a character that XML forbids; remove it"},
		{"note", []string{"a\x01"}, "has a character that XML forbids; remove it"},
		{"key", []string{""}, "is missing"},
		{"note", []string{strings.Repeat("x", form.MaxBytes+1)}, "is too long: the form may have 65536 bytes in all"},
	} {
		given := form.Values{"env": {"prod"}, "key": {"k"}}
		given[test.field] = test.texts
		values, wrong := deploy().Validate(given)
		if values != nil || len(wrong) != 1 || wrong[0] != (form.Problem{Field: test.field, Text: test.want}) {
			t.Errorf("%s %.60q: %v %v", test.field, test.texts, values, wrong)
		}
	}
	if names := deploy().Missing(form.Values{"env": {"prod"}}); !reflect.DeepEqual(names, []string{"key"}) {
		t.Errorf("%q", names)
	}
}

// Numbers are as JSON has them.
func TestNumbers(t *testing.T) {
	f := &form.Form{Fields: []form.Field{{Name: "n", Type: form.Number}}}
	for text, want := range map[string]string{"5": "5", "-0": "0", "007.50": "7.5", ".5": "0.5", "5.": "5", "-.25": "-0.25", "+3": "3", "0.0": "0", "123456789012345678901234567890": "123456789012345678901234567890"} {
		values, wrong := f.Validate(form.Values{"n": {text}})
		if got := string(form.AppendJSON(nil, []form.Page{{Form: f, Values: values}})); got != `{"n":`+want+`}` || len(wrong) > 0 || !json.Valid([]byte(got)) {
			t.Errorf("%s: %s %v", text, got, wrong)
		}
	}
}

// What is wrong with a form is named by its place.
func TestWrongForms(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                     "fields: are missing",
		`{"fields":[{"name":"a"}]}`:              "fields[0].type: is missing",
		`{"fields":[{"name":"a","type":"int"}]}`: `fields[0].type: "int" is not known`,
		`{"fields":[{"type":"text"}]}`:           "fields[0].name: is missing",
		`{"fields":[{"name":"FORM_TYPE","type":"text"}]}`:                                              "fields[0].name: FORM_TYPE is not for values",
		`{"fields":[{"name":"a","type":"list"}]}`:                                                      "fields[0].options: are missing",
		`{"fields":[{"name":"a","type":"text","options":["x"]}]}`:                                      "fields[0].options: are for list",
		`{"fields":[{"name":"a","type":"list","options":["x","x"]}]}`:                                  `fields[0].options: have "x" twice`,
		`{"fields":[{"name":"a","type":"list","options":["x"],"value":"y"}]}`:                          `fields[0].value: "y" is none of x`,
		`{"fields":[{"name":"a","type":"number","min":3,"max":2}]}`:                                    "fields[0].min: 3 is more than max, 2",
		`{"fields":[{"name":"a","type":"text","max":2}]}`:                                              "fields[0].type: text has no min",
		`{"fields":[{"name":"a","type":"hidden"}]}`:                                                    "fields[0].value: is missing",
		`{"fields":[{"type":"fixed"}]}`:                                                                "fields[0].value: is missing",
		`{"fields":[{"type":"fixed","label":"x","required":true}]}`:                                    "fields[0].required: true has no meaning",
		`{"fields":[{"name":"a","type":"text"},{"name":"a","type":"text"}]}`:                           `fields[1].name: "a" is the name of fields[0] already`,
		`{"fields":[{"name":"a","type":"text","label":"` + strings.Repeat("x", form.MaxBytes) + `"}]}`: "fields: have 65537 bytes of text",
		`{"fields":[{"name":"a","type":"text","colour":"red"}]}`:                                       "fields[0].colour: unknown key; known here: name, type, label",
		`{"fields":[{"name":7,"type":"text"}]}`:                                                        "fields[0].name: a string is expected, not a number",
		`{"title":"\u0001","fields":[{"name":"a","type":"text"}]}`:                                     "title: has a character that XML forbids",
		`[]`:             "an object is expected, not an array",
		`7`:              "an object is expected, not a number",
		`{"title":{}}`:   "title: a string is expected, not an object",
		`{"more":"yes"}`: "more: true or false is expected, not a string",
		`{"fields":{}}`:  "fields: an array is expected, not an object",
		`{"fields":[1]}`: "fields[0]: an object is expected, not a number",
		`{"fields":[{"type":"text","name":"a"},{"label":true}]}`:                    "fields[1].label: a string is expected, not true",
		`{"fields":[{"name":"a","type":"number","min":"1"}]}`:                       "fields[0].min: a number is expected, not a string",
		`{"fields":[{"name":"a","type":"number","integer":1}]}`:                     "fields[0].integer: true or false is expected, not a number",
		`{"fields":[{"name":"a","type":"list","options":{"x":{}}}]}`:                "fields[0].options.x: a text is expected, not an object",
		`{"fields":[{"name":"a","type":"list","options":["x",["y"]]}]}`:             "fields[0].options[1]: a text is expected, not an array",
		`{"fields":[{"name":"a","type":"list","options":"x"}]}`:                     "fields[0].options: an object of values and labels, or an array",
		`{"fields":[{"name":"a","type":"text-multi","value":["x",null]}]}`:          "fields[0].value[1]: a text is expected, not null",
		`{"fields":[{"name":"a","type":"text"}],"fields ":1}`:                       "fields : unknown key",
		`{"fields":[` + strings.Repeat(`{"name":"a","type":"text"},`, 150) + `{}]}`: "fields: are 101; there may be 100",
	} {
		if _, err := form.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v", text, err)
		}
	}
}

// A form goes out as clients expect it, and what was typed is shown again, but for a secret.
func TestFormXML(t *testing.T) {
	x, err := stanza.ParseElement(deploy().XML(form.Values{"env": {"moon"}, "key": {"sesame"}, "count": {"x"}, "build": {"forged"}}), stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `<x xmlns='jabber:x:data' type='form'><title>Deploy</title><instructions>Where to?</instructions>` +
		`<field var='env' type='list-single' label='Environment'><required/><value>moon</value><option label='Staging'><value>staging</value></option><option><value>prod</value></option></field>` +
		`<field var='dry' type='boolean'><value>1</value></field>` +
		`<field var='count' type='text-single'><validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:integer'><range min='1' max='10'/></validate><value>x</value></field>` +
		`<field var='who' type='jid-multi'></field><field var='parts' type='list-multi'><option><value>a</value></option><option><value>b</value></option></field>` +
		`<field var='note' type='text-multi'></field><field var='by' type='jid-single'></field><field var='reason' type='text-single'></field><field var='key' type='text-private'><required/></field>` +
		`<field type='fixed'><value>Think twice.</value></field><field var='build' type='hidden'><value>b17</value></field></x>`
	if x.XML() != want {
		t.Errorf("%s", x.XML())
	}
	back, _ := stanza.ParseElement(form.Submission("kind", form.Values{"b": {"1", "<"}, "a": nil}), stanza.Limits{})
	if got := form.Read(back); !reflect.DeepEqual(got, form.Values{"b": {"1", "<"}, "a": {}}) {
		t.Errorf("%q", got)
	}
	twice, _ := stanza.ParseElement("<x xmlns='jabber:x:data'><field var='env'><value>prod</value></field><field var='env'><value>staging</value></field></x>", stanza.Limits{})
	if _, wrong := deploy().Validate(form.Read(twice)); len(wrong) != 2 || wrong[0].Text != "has 2 values; give one" {
		t.Errorf("%v", wrong)
	}
}

// Results are fields or a table, in the order in which they were written.
func TestResults(t *testing.T) {
	for text, want := range map[string][2]string{
		`{"title":"Done","fields":{"z":"1","a":[1,true],"m":null}}`: {
			"<x xmlns='jabber:x:data' type='result'><title>Done</title><field var='z' type='text-single' label='z'><value>1</value></field><field var='a' type='text-multi' label='a'><value>1</value><value>true</value></field><field var='m' type='text-single' label='m'></field></x>",
			"Done\nz: 1\na:\n  1\n  true\nm:"},
		`{"columns":["Name",{"name":"s","label":"State"}],"rows":[["a",1],{"s":"<up>","Name":"b"}]}`: {
			"<x xmlns='jabber:x:data' type='result'><reported><field var='Name' type='text-single' label='Name'/><field var='s' type='text-single' label='State'/></reported><item><field var='Name'><value>a</value></field><field var='s'><value>1</value></field></item><item><field var='Name'><value>b</value></field><field var='s'><value>&lt;up></value></field></item></x>",
			"Name | State\na | 1\nb | <up>"},
	} {
		r, err := form.ParseResult([]byte(text))
		if err != nil {
			t.Error(err)
			continue
		}
		x, err := stanza.ParseElement(r.XML(), stanza.Limits{})
		if err != nil || strings.ReplaceAll(x.XML(), "&gt;", ">") != want[0] || r.Lines() != want[1] {
			t.Errorf("%v\n%s\n%s", err, r.XML(), r.Lines())
		}
	}
	for text, want := range map[string]string{
		`{}`:                                   "fields: are missing",
		`{"rows":[["a"]]}`:                     "rows: need columns",
		`{"columns":["a","a"]}`:                "columns[1]: has no name, or that of another column",
		`{"columns":["a"],"rows":[["1","2"]]}`: "rows[0]: has 2 values for 1 columns",
		`{"columns":["a"],"rows":[{"b":1}]}`:   "rows[0].b: is no column",
		`{"columns":["a"],"rows":[1]}`:         "rows[0]: an array or an object of values is expected, not a number",
		`{"columns":["a"],"rows":[[{}]]}`:      "rows[0][0]: a text is expected, not an object",
		`{"columns":[["a"]]}`:                  "columns[0]: a text is expected, not an array",
		`{"columns":[{"name":"a","x":1}]}`:     "columns[0].x: unknown key; known here: name, label",
		`{"columns":"a"}`:                      "columns: an array is expected, not a string",
		`{"fields":["a"]}`:                     "fields: an object is expected, not an array",
		`{"fields":{"a":{"b":1}}}`:             "fields.a: a text is expected, not an object",
		`{"result":1}`:                         "result: unknown key; known here: title, instructions, fields, columns, rows",
	} {
		if _, err := form.ParseResult([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A line of a chat answers a field.
func TestAnswers(t *testing.T) {
	f := deploy()
	for _, test := range []struct {
		field, line string
		want        []string
	}{
		{"env", " STAGING ", []string{"staging"}}, {"parts", "b, A", []string{"b", "a"}}, {"who", "a@x, b@x", []string{"a@x", "b@x"}}, {"reason", " as it is", []string{" as it is"}}, {"env", "moon", []string{"moon"}},
	} {
		if got := f.Field(test.field).Answer(test.line); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %q", test.line, got)
		}
	}
	if q := f.Field("env").Question(); q != "Environment?\n- staging: Staging\n- prod" {
		t.Errorf("%q", q)
	}
	if q := f.Field("dry").Question(); q != "dry? (yes or no)" {
		t.Errorf("%q", q)
	}
}
