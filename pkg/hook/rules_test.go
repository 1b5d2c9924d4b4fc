package hook_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"stanzahook/pkg/hook"
)

func TestSlacktext(t *testing.T) {
	for in, want := range map[string]string{
		"<https://u|t>": "t (https://u)", "<https://u>": "https://u", "<https://u|https://u>": "https://u", "<!here> <!channel> <!everyone>": "@here @channel @everyone",
		"<@U1> <@U1|bob> <#C1|general>": "@U1 @bob #general", "&lt;a&gt; &amp;amp; &quot;": "<a> &amp; &quot;", "*b* _i_ ~s~ `c`": "*b* _i_ ~s~ `c`",
		"<mailto:a@b.c|a@b.c>": "a@b.c", "<!date^1392734382^{date}|Feb 18>": "Feb 18", "<!subteam^S1|@ops>": "@ops", "a < b <https://u>": "a < b https://u", "<b>": "<b>", "<": "<",
		"<https://u?a=1&amp;b=2|x &lt; y>": "x < y (https://u?a=1&b=2)", ":white_check_mark: ok :nope:": "✅ ok :nope:", "": "",
	} {
		if got := hook.Slacktext(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestMdtext(t *testing.T) {
	for in, want := range map[string]string{
		"**b** __c__ ~~d~~ *e* _f_": "*b* *c* ~d~ *e* _f_", "[t](https://u)": "t (https://u)", "![alt](https://u/i.png)": "https://u/i.png", "[![a](https://i)](https://u)": "https://i (https://u)",
		"[a](https://en.example.org/x_(y))": "a (https://en.example.org/x_(y))", `[a](https://u "title")`: "a (https://u)", "<https://u>": "https://u", "a<br>b<b>c</b><!-- no -->": "a\nbc",
		"`**x**` **y**": "`**x**` *y*", "```\n[a](b)\n```\n:tada::rocket:": "```\n[a](b)\n```\n🎉🚀", "http://h:100:x 12:30:45": "http://h:100:x 12:30:45", "a < b > c": "a < b > c",
		"<@123> <#9> <:blob:77>": "@123 #9 :blob:", "`open": "`open", "[[not]](": "[[not]](",
	} {
		if got := hook.Mdtext(in); got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

// Of a text that is longer than any body, only the first part is read.
func TestMarkupIsBounded(t *testing.T) {
	for name, make := range map[string]func(string) string{"slacktext": hook.Slacktext, "mdtext": hook.Mdtext} {
		for _, text := range []string{strings.Repeat("<", 1<<20), strings.Repeat("<", 1<<20-1) + ">", strings.Repeat("ä", 1<<19), "x" + strings.Repeat("ä", 1<<19)} {
			got := make(text)
			if len(got) > hook.MaxMarkup || len(got) < hook.MaxMarkup-1 || !utf8.ValidString(got) || !strings.HasPrefix(text, got) {
				t.Errorf("%s of %.5s…: %d bytes", name, text, len(got))
			}
		}
	}
}
