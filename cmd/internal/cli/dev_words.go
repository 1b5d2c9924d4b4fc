package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"stanzahook/pkg/jid"
)

// devWord is a command at the prompt of "stanzahook dev".
type devWord struct {
	word, arg, help string
	do              func(s *devSession, ctx context.Context, arg string) error
}

// devWords are the commands at the prompt.
func devWords() []devWord {
	return []devWord{
		{"/as", "NAME", "write as another user", (*devSession).as},
		{"/to", "NAME", "write to another address of the bot, outside of rooms", (*devSession).writeTo},
		{"/room", "NAME", "write in a room: the bot gets type groupchat from NAME/USER, and what it answers in the room comes back to it", (*devSession).enter},
		{"/say", "TEXT", "send a text that begins with / or with #", func(s *devSession, _ context.Context, arg string) error { return s.say(arg) }},
		{"/stop-bot", "", "see what happens while the bot is down: nobody listens at its address", (*devSession).stopBot},
		{"/start-bot", "", "the bot is there again; what has waited is delivered", (*devSession).startBot},
		{"/show", "", "the last request and the bot's answer", (*devSession).show},
		{"/help", "", "these commands", func(s *devSession, _ context.Context, _ string) error { s.screen.print(plain, devHelp("")); return nil }},
	}
}

// devHelp describes the commands, in indented lines.
func devHelp(indent string) string {
	var b strings.Builder
	for _, w := range devWords() {
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

// devWordOf returns the command of a line, with its argument; nil: the line is a message. It fails
// for an unknown command, or a wrong argument.
func devWordOf(line string) (*devWord, string, error) {
	if !strings.HasPrefix(line, "/") {
		return nil, "", nil
	}
	word, arg, _ := strings.Cut(line, " ")
	arg = strings.TrimSpace(arg)
	var known []string
	for _, w := range devWords() {
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
	j, err := jid.Parse(name + "@" + devHost)
	if err != nil || j.Domain() != devHost || !j.IsBare() {
		return "", fmt.Errorf("%q is no NAME: write what stands before the @ of an address", name)
	}
	return j.Local(), nil
}

// do does what a line says.
func (s *devSession) do(ctx context.Context, line string) error {
	w, arg, err := devWordOf(line)
	switch {
	case err != nil:
		return err
	case w == nil:
		return s.say(line)
	}
	return w.do(s, ctx, arg)
}

func (s *devSession) as(_ context.Context, name string) error {
	s.user = name
	return nil
}

func (s *devSession) writeTo(_ context.Context, name string) error {
	s.to, s.room = name, ""
	return nil
}

func (s *devSession) enter(_ context.Context, name string) error {
	s.room = name
	return nil
}

func (s *devSession) stopBot(ctx context.Context, _ string) error {
	if err := s.bridge.setDown(ctx, true); err != nil {
		return err
	}
	s.screen.print(dim, "  the bot is stopped: requests go to "+nobody+", where nobody listens; /start-bot ends that")
	return nil
}

func (s *devSession) startBot(ctx context.Context, _ string) error {
	if err := s.bridge.setDown(ctx, false); err != nil {
		return err
	}
	s.screen.print(dim, "  requests go to the bot at "+s.options.bot+" again")
	return nil
}
