package v1_test

import (
	"context"
	"strings"
	"testing"

	"stanzahook/httpapi/v1"
)

func TestCheck(t *testing.T) {
	var verdict v1.Verdict
	h := serve(v1.Options{Check: func(_ context.Context, about v1.CheckFor) []v1.Check {
		return []v1.Check{{What: "link", Subject: about.User.String(), Verdict: v1.CheckOK, Found: "<up>"}, {What: "store", Verdict: verdict, Found: "f", Advice: new("do")}}
	}})
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
		w := ask(h, "admin", "POST", "/v1/check", c.body)
		if c.status == 200 {
			equalJSON(t, w, c.answer)
		} else {
			isProblem(t, w, c.status, c.answer)
		}
	}
	isProblem(t, ask(h, "sender", "POST", "/v1/check", ""), 403, `"admin"`)
}
