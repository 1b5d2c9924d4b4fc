package dev

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stanzahook/cmd/internal/terminal"
	"stanzahook/pkg/jid"
)

// word is a command at the prompt of "stanzahook dev".
type word struct {
	word, arg, help string
	do              func(s *session, ctx context.Context, arg string) error
}

// words are the commands at the prompt.
func words() []word {
	return []word{
		{"/as", "NAME", "write as another user", (*session).as},
		{"/to", "NAME", "write to another address of the bot, outside of rooms", (*session).writeTo},
		{"/room", "NAME", "write in a room: the bot gets type groupchat from NAME/USER, and what it answers in the room comes back to it", (*session).enter},
		{"/say", "TEXT", "send a text that begins with / or with #", func(s *session, _ context.Context, arg string) error { return s.say(arg) }},
		{"/stop-bot", "", "see what happens while the bot is down: nobody listens at its address", (*session).stopBot},
		{"/start-bot", "", "the bot is there again; what has waited is delivered", (*session).startBot},
		{"/show", "", "the last request and the bot's answer", (*session).show},
		{"/help", "", "these commands", func(s *session, _ context.Context, _ string) error {
			s.screen.Print(terminal.Plain, Help(""))
			return nil
		}},
	}
}

// Help describes the commands, in indented lines.
func Help(indent string) string {
	var b strings.Builder
	for _, w := range words() {
		text := w.help
		for n := 0; text != ""; n++ {
			line := text
			if len(line) > 65 {
				line = line[:strings.LastIndex(line[:65], " ")]
			}
			text = strings.TrimSpace(text[len(line):])
			head := w.word + " " + w.arg
			if n > 0 {
				head = ""
			}
			fmt.Fprintf(&b, "%s%-12s  %s\n", indent, head, line)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// wordOf returns the command of a line, with its argument; nil: the line is a message. It fails
// for an unknown command, or a wrong argument.
func wordOf(line string) (*word, string, error) {
	if !strings.HasPrefix(line, "/") {
		return nil, "", nil
	}
	word, arg, _ := strings.Cut(line, " ")
	arg = strings.TrimSpace(arg)
	var known []string
	for _, w := range words() {
		known = append(known, w.word)
		switch {
		case w.word != word:
		case (w.arg == "") != (arg == ""):
			return nil, "", errors.New("write " + strings.TrimSpace(w.word+" "+w.arg))
		case w.arg == "NAME":
			name, err := localpart(arg)
			if err != nil {
				return nil, "", fmt.Errorf("%s: %w", word, err)
			}
			return &w, name, nil
		default:
			return &w, arg, nil
		}
	}
	return nil, "", fmt.Errorf("%s is not known; there are %s; a message that begins with / is sent with /say", word, strings.Join(known, ", "))
}

// localpart returns a name in its canonical form.
func localpart(name string) (string, error) {
	j, err := jid.Parse(name + "@" + userHost)
	if err != nil || j.Domain() != userHost || !j.IsBare() {
		return "", fmt.Errorf("%q is no NAME: write what stands before the @ of an address", name)
	}
	return j.Local(), nil
}

// do does what a line says.
func (s *session) do(ctx context.Context, line string) error {
	w, arg, err := wordOf(line)
	switch {
	case err != nil:
		return err
	case w == nil:
		return s.say(line)
	}
	return w.do(s, ctx, arg)
}

func (s *session) as(_ context.Context, name string) error {
	s.user = name
	return nil
}

func (s *session) writeTo(_ context.Context, name string) error {
	s.to, s.room = name, ""
	return nil
}

func (s *session) enter(_ context.Context, name string) error {
	s.room = name
	return nil
}

func (s *session) stopBot(ctx context.Context, _ string) error {
	if err := s.bridge.setDown(ctx, true); err != nil {
		return err
	}
	s.screen.Print(terminal.Dim, "  the bot is stopped: requests go to "+nobody+", where nobody listens; /start-bot ends that")
	return nil
}

func (s *session) startBot(ctx context.Context, _ string) error {
	if err := s.bridge.setDown(ctx, false); err != nil {
		return err
	}
	s.screen.Print(terminal.Dim, "  requests go to the bot at "+s.options.Bot+" again")
	return nil
}
