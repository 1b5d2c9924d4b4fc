package hook_test

import (
	"errors"
	"net/http"
	"testing"
	"time"
	"unicode/utf8"

	"stanzahook/pkg/hook"
)

// Whatever is sent: no panic, an error with a reason or well-formed texts within their
// bounds, in bounded time.
func FuzzRead(f *testing.F) {
	for i, name := range hook.Adapters() {
		r := hook.Sample(name)
		f.Add(uint8(i), r.Header.Get("Content-Type"), "push", "", r.Body)
	}
	f.Add(uint8(6), "application/x-www-form-urlencoded", "", "", []byte("payload=%7B%22text%22%3A%22x%22%7D"))
	f.Add(uint8(5), "multipart/form-data; boundary=b", "", "", []byte("--b\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{}\r\n--b--\r\n"))
	f.Add(uint8(9), "text/plain", "a, b; view, x, y", "topic/x", []byte("text"))
	var hooks []*hook.Hook
	for _, name := range hook.Adapters() {
		for _, split := range []bool{false, name == "alertmanager" || name == "grafana"} {
			h, err := hook.New(hook.Options{Adapter: name, Split: split})
			if err != nil {
				f.Fatal(err)
			}
			hooks = append(hooks, h)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, media, word, path string, body []byte) {
		i := int(which) % len(hook.Adapters())
		for _, h := range hooks[2*i : 2*i+2] {
			r := &hook.Request{Method: http.MethodPost, Path: path, Header: http.Header{}, Body: body, Time: now}
			for _, name := range []string{"X-Github-Event", "X-Gitea-Event", "Title", "Actions", "Tags", "Priority"} {
				r.Header.Set(name, word)
			}
			r.Header.Set("Content-Type", media)
			began := time.Now()
			n, err := h.Read(r)
			if err != nil && !errors.Is(err, hook.ErrPayload) && !errors.Is(err, hook.ErrNoText) {
				t.Errorf("error without a reason: %v", err)
			}
			for _, text := range n.Texts {
				if !utf8.ValidString(text.Body) || text.Body == "" || utf8.RuneCountInString(text.Body) > hook.DefaultChars {
					t.Errorf("not well-formed: %q", text.Body)
				}
				for _, c := range text.Body {
					if c < ' ' && c != '\n' && c != '\t' || c == 0xfffe || c == 0xffff {
						t.Errorf("control character in %q", text.Body)
					}
				}
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		}
	})
}

// Whatever a template is: it is refused, or ends in time and within its size.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{
		`{{range .alerts}}{{.labels.alertname | upper}}{{end}}`, `{{range 5}}{{end}}`, `{{with $x := .a}}{{$x.b.c}}{{else}}{{end}}`, `{{define "a"}}{{template "b" .}}{{end}}{{define "b"}}{{end}}{{template "a"}}`,
		`{{printf "%v %q %x" . .a 5}}`, `{{(index .a 0).b | default "x" | json}}`, `{{range $k, $v := .}}{{continue}}{{end}}`, `{{if and (eq .a 1) (not .b)}}{{/* c */}}{{- "x" -}}{{end}}`, `{{num .a}}{{date "2006" .b}}{{duration .c}}{{ago 5}}`,
		`{{block "x" .}}{{end}}`, `{{$x := 1}}{{$x = print $x $x}}`, `{{nil}}`, `{{. | len | print}}`,
	} {
		f.Add(text, `{"a":[{"b":1}],"alerts":[{"labels":{"alertname":"x"}}],"c":"d"}`)
	}
	f.Fuzz(func(t *testing.T, text, payload string) {
		parsed, err := hook.ParseTemplate("template", text)
		if err != nil {
			return
		}
		data, err := hook.Decode([]byte(payload))
		if err != nil {
			data = payload
		}
		began := time.Now()
		out, _ := parsed.Run(data, post(payload))
		if took := time.Since(began); took > 3*time.Second || len(out) > hook.MaxText {
			t.Errorf("%v, %d bytes", took, len(out))
		}
	})
}
