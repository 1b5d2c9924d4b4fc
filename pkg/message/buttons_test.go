package message

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"stanzahook/pkg/stanza"
)

// What is no list of buttons is refused by the button and its key.
func TestReadButtons(t *testing.T) {
	many := strings.Repeat(`"a",`, MaxButtons) + `"a"`
	for text, want := range map[string]string{
		`[{"label":"Yes","value":"yes"},{"label":"No"},"Later"]`: "",
		`[]`:                                   "",
		`[{"label":" Yes "}]`:                  "",
		`null`:                                 "buttons: an array is expected",
		`{"label":"x"}`:                        "buttons: an array is expected",
		`"Yes"`:                                "buttons: an array is expected",
		`[1]`:                                  "buttons[0]: a text, or {",
		`["a",null]`:                           "buttons[1]: a text, or {",
		`["a",["b"]]`:                          "buttons[1]: a text, or {",
		`[{"label":"a","style":"danger"}]`:     "buttons[0]: a text, or {",
		`["a",{"label":5}]`:                    "buttons[1].label: a string is expected",
		`[{"value":true}]`:                     "buttons[0].value: a string is expected",
		`[{}]`:                                 "buttons[0].label: is missing",
		`[" "]`:                                "buttons[0].label: is missing",
		`["a\nb"]`:                             "buttons[0].label: has more than one line",
		`[{"label":"a","value":"\u0001"}]`:     "buttons[0].value: holds a character XML forbids",
		`["a","A"]`:                            `buttons[1].label: "A" is the label or the value of buttons[0] already`,
		`["a",{"label":"b","value":"A"}]`:      `buttons[1].value: "A" is the label or the value of buttons[0] already`,
		`[{"label":"a","value":"b"},"B"]`:      `buttons[1].label: "B" is the label`,
		`[` + many + `]`:                       "buttons: are 21; there may be 20",
		`["` + strings.Repeat("a", 201) + `"]`: "buttons[0].label: has 201 bytes; there may be 200",
		`[{"label":"a","value":"` + strings.Repeat("a", 1001) + `"}]`: "buttons[0].value: has 1001 bytes; there may be 1000",
	} {
		got, err := ReadButtons(json.RawMessage(text))
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60s: %v %v, want %q", text, got, err, want)
		}
	}
	got, _ := ReadButtons(json.RawMessage(`[{"label":"Yes","value":"yes"},{"value":"No"},"Later"]`))
	if fmt.Sprint(got) != "[{Yes yes} {No No} {Later Later}]" {
		t.Errorf("%v", got)
	}
}

func buttons(t *testing.T, text string) []Button {
	t.Helper()
	all, err := ReadButtons(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A text means a button by its value, its label or its number, and nothing else does. A number
// that is an answer by itself is never that of a place.
func TestChoose(t *testing.T) {
	deploy, stars := `[{"label":"Yes, now","value":"yes"},{"label":"No","value":"no"},{"label":"Ünder","value":"u"}]`, `["5","4","3","2","1"]`
	for _, c := range [][3]string{
		{deploy, "yes", "yes"}, {deploy, " YES\n", "yes"}, {deploy, "yes, now", "yes"}, {deploy, "1", "yes"}, {deploy, "2)", "no"}, {deploy, "3.", "u"}, {deploy, "ünder", "u"},
		{deploy, "", ""}, {deploy, "0", ""}, {deploy, "4", ""}, {deploy, "-1", ""}, {deploy, "+1", ""}, {deploy, "01", ""}, {deploy, "1))", ""}, {deploy, "1 2", ""}, {deploy, "yes please", ""}, {deploy, ")", ""},
		{deploy, "99999999999999999999", ""}, {stars, "5", "5"}, {stars, "1", "1"}, {stars, "1)", ""}, {`["1","2"]`, "2.", "2"}, {`["2","x"]`, "2", "2"}, {`["2","x"]`, "1", ""}, {`["7","x"]`, "2", "x"},
	} {
		if b, ok := choose(buttons(t, c[0]), c[1]); b.Value != c[2] || ok != (c[2] != "") {
			t.Errorf("%s: %q is %v %v", c[0], c[1], b, ok)
		}
	}
}

// Buttons are listed in the body, also behind a quote, and programs that know them can leave
// out the lines.
func TestWriteButtons(t *testing.T) {
	ref := Received(parsed(`<message type='chat' to='echo@bot.example.com' from='alice@example.com/cli' id='a1'/>`))
	for _, c := range []struct{ what, buttons, body, lines, shown string }{
		{`{"buttons":[]}`, ``, "Deploy <it>? ☃", "", "Deploy <it>? ☃"},
		{`{}`, `["Yes & no",{"label":"No","value":"n'"}]`, "Deploy <it>? ☃", "\n1) Yes & no\n2) No", "Deploy <it>? ☃"},
		{`{"reply_to":"this","quote":"when\nit is ☃"}`, `["Yes","No"]`, "Deploy?", "\n1) Yes\n2) No", "> when\n> it is ☃\nDeploy?"},
		{`{"correct":"this","track":true}`, `["5","4"]`, "Stars?", "\n1) 5\n2) 4", "Stars?"},
		{`{}`, `["2","1"]`, "How many?", "\n- 2\n- 1", "How many?"},
	} {
		var d Draft
		var keys map[string]json.RawMessage
		_ = json.Unmarshal([]byte(c.what), &keys)
		if c.buttons != "" {
			keys["buttons"] = json.RawMessage(c.buttons)
		}
		for key, value := range keys {
			if taken, err := d.Take(key, value); !taken || err != nil {
				t.Fatalf("%s: %v", key, err)
			}
		}
		mine := ref
		mine.Mine = true
		inner, _, err := d.Write(mine, stanza.TextElement("body", c.body), "")
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		s := parsed("<message type='chat' from='echo@bot.example.com' to='alice@example.com' id='b1'>" + inner + "</message>")
		body, _ := s.Body()
		if body != c.shown+c.lines {
			t.Errorf("%s: %q", c.what, body)
		}
		got := buttonsOf(s)
		if want := d.Buttons; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, not %v", c.what, got, want)
		}
		if len(got) == 0 {
			continue
		}
		fallback := fmt.Sprintf("<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:tmp:quick-response'><body start='%d' end='%d'/></fallback>", utf8.RuneCountInString(c.shown), utf8.RuneCountInString(body))
		if !strings.Contains(inner, fallback) {
			t.Errorf("%s: %s has no %s", c.what, inner, fallback)
		}
	}
}

// Buttons need one body, in a message that says something.
func TestButtonsWithout(t *testing.T) {
	for inner, want := range map[string]string{
		"": "need one body", "<subject>x</subject>": "need one body", "<body/>": "need one body", "<body> </body>": "need one body", "<body>a</body><body xml:lang='de'>b</body>": "need one body",
		"<x xmlns='urn:x'><body xmlns=''>a</body></x>": "need one body", "<body>a</body><x xmlns='urn:x'><body>b</body></x>": "",
	} {
		d := Draft{Buttons: []Button{{"a", "a"}}}
		out, _, err := d.Write(Ref{}, inner, "")
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %s %v", inner, out, err)
		}
	}
	d := Draft{}
	_, _ = d.Take("typing", json.RawMessage("true"))
	_, _ = d.Take("buttons", json.RawMessage(`["a"]`))
	if _, _, err := d.Write(Ref{}, "", ""); err == nil || err.Error() != "buttons: goes not with typing; send two messages" {
		t.Errorf("%v", err)
	}
}
