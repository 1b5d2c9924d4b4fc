package hook_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/hook"
)

func TestTemplateFunctions(t *testing.T) {
	const payload = `{"a":"x y","n":1234567.891,"i":3,"zero":0,"list":["p","q","r"],"null":null,"o":{"k-1":{"z":5}},"t":"2026-11-20T13:08:45Z","unix":1795191925,"long":"abcdefghij","md":"**b**","sl":"<https://u|t>","f":false,"big":109948940}`
	for text, want := range map[string]string{
		`{{upper .a}} {{lower "X"}} {{title .a}}`:                                   "X Y x X Y",
		`{{.a | replace "x" "z"}} {{"  s " | trim}}|`:                               "z y s|",
		`{{join ", " .list}} {{split " " .a | last}} {{first .list}}`:               "p, q, r y p",
		`{{.missing | default "d"}} {{.zero | default 9}} {{.a | default "d"}}`:     "d 9 x y",
		`{{len .list}} {{len .a}} {{len .missing}} {{len .o}}`:                      "3 3 0 1",
		`{{index .list 1}} {{index .o "k-1" "z"}} {{index .list 9}}|`:               "q 5 |",
		`{{line "a\nb"}} {{short "0123456789"}} {{short "ab"}}`:                     "a 01234567 ab",
		`{{ref "refs/heads/x/y"}} {{ref "refs/tags/v1"}} {{ref "z"}}`:               "x/y v1 z",
		`{{date "2006-01-02 15:04" .t}} {{date "15:04" .unix}} {{date "15:04" .a}}`: "2026-11-20 13:08 16:25 x y",
		`{{ago .t}} {{ago .a}}`:                                                     "21m ago x y",
		`{{duration 63}} {{duration 0.5}} {{duration .a}}`:                          "1m3s 500ms x y",
		`{{num .n}} {{num 5}} {{num "-1200.5"}} {{num -0.001}} {{num .a}}`:          "1,234,567.89 5 -1,200.5 0 x y",
		`{{trunc 5 .long}} {{trunc 50 .long}}`:                                      "abcd… abcdefghij",
		`{{json .o}} {{json .missing}} {{urlquery .a}}`:                             `{"k-1":{"z":5}} null x+y`,
		`{{mdtext .md}} {{slacktext .sl}}`:                                          "*b* t (https://u)",
		`{{header "X-A"}} {{query "q"}}`:                                            "ha qa",
		`{{.missing}}{{.missing.a.b}}{{.a.b.c}}{{.null}}{{.list.x}}|`:               "|",
		`{{.big}} {{.n}} {{.i}} {{.f}}`:                                             "109948940 1234567.891 3 false",
		`{{if eq .i 3 4}}y{{end}}{{if eq .i "3"}}y{{end}}{{if ne .a .i}}y{{end}}{{if lt .i 4}}y{{end}}{{if gt .missing 4}}n{{end}}{{if eq .missing ""}}n{{end}}`: "yyyy",
		`{{with $x := .o}}{{(index $x "k-1").z}}{{end}}{{$y := .o}}{{$y.none.z}}`:                                                                                "5",
		`{{range $i, $e := .list}}{{$i}}{{$e}}{{if eq $i 1}}{{break}}{{end}}{{else}}none{{end}}`:                                                                 "0p1q",
		`{{range .missing}}x{{else}}none{{end}}{{range .a}}x{{end}}{{range $k, $v := .o}}{{$k}}{{end}}`:                                                          "nonek-1",
		`{{define "d"}}[{{.}}]{{end}}{{template "d" .a}}{{template "d" .missing}}`:                                                                               "[x y][]",
		`{{printf "%s %d %5.1f %v" .a .i .n .missing}}`:                                                                                                          "x y 3 1234567.9 ",
		`{{print .a .i}} {{println .a}}`:                    "x y3 x y\n",
		`{{or .missing .a}} {{and .a .i}} {{not .missing}}`: "x y 3 true",
		`{{"%d" | printf}}`:                                 "%!d(MISSING)",
	} {
		parsed, err := hook.ParseTemplate("template", text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		r := post(payload, "X-A: ha")
		r.Query = map[string][]string{"q": {"qa"}}
		for range 2 { // the second run uses what the first leaves
			if got, err := parsed.Run(decoded(t, payload), r); err != nil || got != want {
				t.Errorf("%s\ngot  %q, %v\nwant %q", text, got, err, want)
			}
		}
	}
}

// decoded is a payload as templates get it.
func decoded(t testing.TB, payload string) any {
	v, err := hook.Decode([]byte(payload))
	require.NoError(t, err)
	return v
}

// What could go on without end, or is of no use, is refused with the line.
func TestRefusedTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"{{range 1000000000}}{{end}}":                                                "line 1:8: range over a number",
		"a\n{{if .x}}\n{{range 5}}x{{end}}{{end}}":                                   "line 3:8: range over a number",
		`{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`:                      "includes itself",
		`{{define "a"}}{{template "b"}}{{end}}{{define "b"}}{{template "a"}}{{end}}`: "includes itself",
		`{{template "none"}}`:                                                        "there is no define",
		"{{call .x}}":                                                                "call is not available",
		"{{range .x}}{{html .}}{{end}}":                                              "html is not available",
		"{{js .x}}":                                                                  "js is not available",
		"{{(slice .x 1 2)}}":                                                         "slice is not available",
		"x\n\n{{.a | .b}}":                                                           "line 3:",
		`{{.a "b"}}`:                                                                 "is not a function",
		"{{.a":                                                                       "line 1: unclosed action",
		"{{env \"HOME\"}}":                                                           `function "env" not defined`,
		strings.Repeat("x", hook.MaxText+1):                                          "more than 64 KiB",
	} {
		if _, err := hook.ParseTemplate("template", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
}

// A run ends soon, whatever the template and the payload are.
func TestTemplateBounds(t *testing.T) {
	thousand := "[" + strings.Repeat("1,", 999) + "1]"
	bomb := `{{define "a0"}}{{end}}`
	for i := range 26 {
		this, next := string(rune('a'+i)), string(rune('b'+i))
		if i == 0 {
			bomb += `{{define "b"}}{{template "a0"}}{{template "a0"}}{{end}}`
			continue
		}
		bomb += `{{define "` + next + `x"}}{{template "` + this + map[bool]string{true: "", false: "x"}[i == 1] + `"}}{{template "` + this + map[bool]string{true: "", false: "x"}[i == 1] + `"}}{{end}}`
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"loops that write nothing": {`{{range .}}{{range $}}{{range $}}{{range $}}{{end}}{{end}}{{end}}{{end}}`, hook.ErrSteps},
		"loops that write":         {`{{range .}}{{range $}}` + strings.Repeat("x", 256) + `{{end}}{{end}}`, hook.ErrSize},
		"a number of the payload":  {`{{range index . 0}}x{{end}}`, nil},
		"doubling":                 {`{{range .}}{{end}}{{$x := "x"}}{{range .}}{{$x = print $x $x}}{{$x = printf "%s%s" $x $x}}{{$x = join $x (split "" $x)}}{{$x = replace "x" $x $x}}{{end}}{{len $x}}`, nil},
		"markup in one line":       {strings.Repeat(`{{$x := mdtext $}}`, 3000), hook.ErrSteps},
		"markup of markup":         {`{{$x := ` + strings.Repeat("mdtext (", 3000) + "json $" + strings.Repeat(")", 3000) + `}}`, hook.ErrSteps},
		"markup of Slack":          {strings.Repeat(`{{if slacktext $}}{{end}}`, 2000), hook.ErrSteps},
		"comparisons":              {strings.Repeat(`{{if eq $ $ $ $}}{{end}}`, 2500), hook.ErrSteps},
		"formats":                  {strings.Repeat(`{{$x := printf "`+strings.Repeat("%999d", 200)+`" 1}}`, 60), nil},
		"paths":                    {strings.Repeat(`{{$x := index $ $}}`, 3400), hook.ErrSteps},
		"includes that double":     {bomb + `{{template "{x"}}`, hook.ErrSteps},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := hook.ParseTemplate("template", c.text)
			require.NoError(t, err)
			began := time.Now()
			var payload any = strings.Repeat("[", 60_000) // of which Markdown takes the longest
			if strings.HasPrefix(c.text, "{{range") {
				payload = decoded(t, thousand)
			}
			got, err := parsed.Run(payload, post(""))
			t.Logf("%v", time.Since(began))
			if len(got) > hook.MaxText {
				t.Errorf("%d bytes", len(got))
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if name == "a number of the payload" && got != "" {
				t.Errorf("got %q", got)
			}
		})
	}
	parsed, _ := hook.ParseTemplate("template", `{{printf "%99999d" 1}}`)
	if _, err := parsed.Run(nil, post("")); err == nil || !strings.Contains(err.Error(), "width") {
		t.Errorf("printf: %v", err)
	}
}

// What was written until then is told, and marked.
func TestCutText(t *testing.T) {
	n, err := read(t, hook.Options{Adapter: "json", MaxChars: 100000, Template: `a{{range .}}{{range $}}` + strings.Repeat("x", 256) + `{{end}}{{end}}`}, post("["+strings.Repeat("1,", 999)+"1]"))
	if err != nil || !errors.Is(n.Texts[0].Cut, hook.ErrSize) || !strings.HasPrefix(n.Texts[0].Body, "axxx") || !strings.HasSuffix(n.Texts[0].Body, "x…") {
		t.Errorf("%v, %v", n.Texts[0].Cut, err)
	}
	got := body(t, hook.Options{Adapter: "text", MaxChars: 5}, post("äöüäöü"))
	if got != "äöüä…" {
		t.Errorf("%q", got)
	}
}

// One template may run in several goroutines, each with its own request.
func TestTemplateTogether(t *testing.T) {
	parsed, err := hook.ParseTemplate("template", `{{range .}}{{header "X"}}{{end}}`)
	require.NoError(t, err)
	done := make(chan string)
	for _, x := range []string{"a", "b", "c", "d"} {
		go func() {
			for range 200 {
				if got, err := parsed.Run([]any{int64(1), int64(2)}, post("", "X: "+x)); err != nil || got != x+x {
					done <- got
					return
				}
			}
			done <- ""
		}()
	}
	for range 4 {
		if got := <-done; got != "" {
			t.Errorf("got %q", got)
		}
	}
}

func BenchmarkTemplate(b *testing.B) {
	h, err := hook.New(hook.Options{Adapter: "alertmanager"})
	if err != nil {
		b.Fatal(err)
	}
	r := hook.Sample("alertmanager")
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if _, err := h.Read(r); err != nil {
				b.Fatal(err)
			}
		}
	})
	parsed, err := hook.ParseTemplate("template", `{{range .alerts}}{{if eq .status "firing"}}🔥{{else}}✅{{end}} {{upper .status}} {{.labels.alertname}} {{.annotations.summary}} {{.generatorURL}}{{end}}`)
	if err != nil {
		b.Fatal(err)
	}
	data := decoded(b, string(r.Body))
	b.Run("template", func(b *testing.B) {
		for b.Loop() {
			if _, err := parsed.Run(data, r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
