package command_test

import (
	"strings"
	"testing"

	"stanzahook/pkg/command"
)

// The lines of a chat, and what they lead to.
func TestChat(t *testing.T) {
	c := deploy(t)
	quiet := &command.Command{Node: "quiet", Name: "Quiet"}
	all := []*command.Command{c, quiet}
	s, alice := command.NewSessions(), party("alice@example.com/cli")
	say := func(text string) command.Line { t.Helper(); return s.Say(now(), all, alice, text, true) }
	for text, want := range map[string]string{
		"/deploy env=prod dry=no":     `{"env":"prod","dry":false}`,
		" /Deploy  env=PROD":          `{"env":"prod","dry":true}`,
		`/deploy env="prod" dry="no"`: `{"env":"prod","dry":false}`,
	} {
		if l := say(text); l.Submit == nil || values(l.Submit) != want || l.Submit.Action != "execute" {
			t.Errorf("%s: %+v", text, l)
		}
	}
	for text, want := range map[string]string{
		"/deploy prod":                   `"prod" is not name=value`,
		"/deploy env=moon":               `Environment: "moon" is none of staging, prod`,
		"/deploy region=eu":              `"region" is not known; /deploy takes env, dry`,
		"/deploy env=prod env=prod":      "env is given twice",
		`/deploy env="prod`:              "the value of env has no end",
		"/deploy env=prod dry=perhaps":   `dry: "perhaps" is not yes or no`,
		"/help":                          "Commands:\n/deploy env=… [dry=…] - Deploy",
		"/deploy env=moon dry=no and so": `"and" is not name=value`,
	} {
		if l := say(text); !l.Taken || l.Submit != nil || !strings.HasPrefix(l.Text, want) {
			t.Errorf("%s: %+v", text, l)
		}
	}
	for _, text := range []string{"hello", "/deployment", "deploy", "/cancel", "yes", ""} {
		if l := say(text); l.Taken {
			t.Errorf("%q is taken: %+v", text, l)
		}
	}
	if l := s.Say(now(), []*command.Command{quiet}, alice, "/help", true); l.Taken {
		t.Errorf("%+v", l)
	}

	if l := say("/deploy dry=no"); l.Text != "Environment?\n- staging\n- prod\n(/cancel ends this)" {
		t.Errorf("%q", l.Text)
	}
	if l := s.Say(now(), all, party("bob@example.com/cli"), "prod", true); l.Taken {
		t.Error("the answer of another person is taken")
	}
	if l := say("moon"); l.Text != "Environment: \"moon\" is none of staging, prod\nEnvironment?\n- staging\n- prod" {
		t.Errorf("%q", l.Text)
	}
	l := say("Prod")
	if l.Submit == nil || values(l.Submit) != `{"env":"prod","dry":false}` {
		t.Fatalf("%+v", l)
	}
	if l := say("are you there?"); l.Taken {
		t.Error("a line is taken while nothing is asked")
	}
	step := s.Answer(now(), l.Submit, answer(t, c, `{"form":"sure","text":"Careful."}`))
	if got := s.TextFor(now(), l.Submit, step); got != "Careful.\nSure?\nsure? (yes or no)" {
		t.Errorf("%q", got)
	}
	l = say("yes")
	if l.Submit == nil || l.Submit.Step != 1 || values(l.Submit) != `{"env":"prod","dry":false,"sure":true}` {
		t.Fatalf("%+v", l)
	}
	if got := s.TextFor(now(), l.Submit, s.Answer(now(), l.Submit, answer(t, c, `{"result":{"columns":["a","b"],"rows":[[1,2]]}}`))); got != "a | b\n1 | 2" {
		t.Errorf("%q", got)
	}
	say("/deploy")
	if l := say("/cancel"); l.Text != "Canceled." {
		t.Errorf("%+v", l)
	}
	say("/deploy")
	if l := s.Say(now().Add(command.SessionTime), all, alice, "prod", true); l.Taken {
		t.Error("an answer after ten minutes is taken")
	}
	say("/deploy")
	if l := s.Say(now(), nil, alice, "prod", true); l.Taken {
		t.Error("the answer of who may not run it any more is taken")
	}
}

// Where others read along nothing is asked, and no other line is taken.
func TestChatInPublic(t *testing.T) {
	c := deploy(t)
	all := []*command.Command{c}
	s, alice := command.NewSessions(), party("ops@rooms.example.com/alice")
	if l := s.Say(now(), all, alice, "/deploy", false); l.Text != "Environment: is missing\nWrite /deploy env=… [dry=…]" {
		t.Errorf("%+v", l)
	}
	if l := s.Say(now(), all, alice, "prod", false); l.Taken {
		t.Errorf("%+v", l)
	}
	l := s.Say(now(), all, alice, "/deploy env=prod", false)
	if l.Submit == nil {
		t.Fatalf("%+v", l)
	}
	step := s.Answer(now(), l.Submit, answer(t, c, `{"form":"sure"}`))
	if got := s.TextFor(now(), l.Submit, step); got != "Sure?\nThis needs more than one step: write to me directly." {
		t.Errorf("%q", got)
	}
	if n, _ := s.Count(now()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// A later form without anything to ask is not sent by itself.
func TestChatConfirms(t *testing.T) {
	c := deploy(t)
	s, alice := command.NewSessions(), party("alice@example.com/cli")
	say := func(text string) command.Line { return s.Say(now(), []*command.Command{c}, alice, text, true) }
	l := say("/deploy env=prod")
	step := s.Answer(now(), l.Submit, answer(t, c, `{"form":{"title":"Really","fields":[{"type":"fixed","label":"All of it."},{"name":"n","type":"number","value":3}]}}`))
	if got := s.TextFor(now(), l.Submit, step); got != "Really\nAll of it.\nGo on? (yes or no)" {
		t.Errorf("%q", got)
	}
	if l := say("perhaps"); l.Text != "Go on? (yes or no)" {
		t.Errorf("%+v", l)
	}
	if l := say("yes"); l.Submit == nil || values(l.Submit) != `{"env":"prod","dry":true,"n":3}` {
		t.Errorf("%+v", l)
	}
}
