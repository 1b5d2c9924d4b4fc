package v1_test

import (
	"context"
	"crypto/sha256"
	"net/http/httptest"
	"strings"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi/conform"
	"stanzahook/httpapi/v1"
)

func TestCheck(t *testing.T) {
	var verdict v1.Verdict
	s := httpapi.New(httpapi.Options{NoAuth: true}, v1.New(v1.Options{Check: func(_ context.Context, about v1.CheckFor) []v1.Check {
		advice := "do"
		return []v1.Check{{What: "link", Subject: about.User.String(), Verdict: v1.CheckOK, Found: "<up>"}, {What: "store", Verdict: verdict, Found: "f", Advice: &advice}}
	}}))
	for _, c := range []struct {
		body    string
		verdict v1.Verdict
		status  int
		answer  string
	}{
		{`{"user":"Juliet@example.com"}`, v1.CheckFail, 200, `{"ok":false,"checks":[{"what":"link","subject":"juliet@example.com","verdict":"ok","found":"<up>","advice":null},{"what":"store","subject":"","verdict":"fail","found":"f","advice":"do"}]}`},
		{"", v1.CheckWarn, 200, `{"ok":true,"checks":[{"what":"link","subject":"","verdict":"ok","found":"<up>","advice":null},{"what":"store","subject":"","verdict":"warn","found":"f","advice":"do"}]}`},
		{`{"user":"example.com"}`, "", 400, "user: "},
		{`{"config":"abcd"}`, "", 400, "config: "},
		{`{"config":"` + strings.Repeat("0g", 32) + `"}`, "", 400, "config: "},
		{`{"usr":"x"}`, "", 400, "usr"},
	} {
		verdict = c.verdict
		w := httptest.NewRecorder()
		conform.Must(s.Handler()).ServeHTTP(w, httptest.NewRequest("POST", "http://localhost/v1/check", strings.NewReader(c.body)))
		if w.Code != c.status || c.status != 200 && !strings.Contains(w.Body.String(), c.answer) {
			t.Errorf("%s: %d %s", c.body, w.Code, w.Body)
		}
		if c.status == 200 {
			equalJSON(t, w, c.answer)
		}
	}
	sender := httpapi.Token{Name: "sender", Hash: sha256.Sum256([]byte("t")), Scopes: []string{"send"}}
	s = httpapi.New(httpapi.Options{Tokens: []httpapi.Token{sender}}, v1.New(v1.Options{Check: func(context.Context, v1.CheckFor) []v1.Check { return nil }}))
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "http://localhost/v1/check", nil)
	r.Header.Set("Authorization", "Bearer t")
	if conform.Must(s.Handler()).ServeHTTP(w, r); w.Code != 403 {
		t.Errorf("without the scope admin: %d %s", w.Code, w.Body)
	}
}
