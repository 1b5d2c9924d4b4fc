package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stanzahook/pkg/form"
)

// chat is a conversation in which questions are asked. In a room, who takes the nick of somebody
// who has gone has the same address, and is another person.
type chat struct{ from, real, bot string }

func chatOf(p Party) chat { return chat{p.From.String(), p.Real.String(), p.Bot.String()} }

// talk is a run whose fields are asked one by one.
type talk struct {
	chat
	asking []string // the fields that are still asked; the first one now. None: whether to go on
	given  form.Values
}

// Words of a chat that are not those of a command.
const (
	Help       = "/help"
	cancelWord = "/cancel"
)

// Line is what a line of a chat leads to: a text to say, or a Submit, whose answer TextFor
// reads. Taken is false for a line that is none of ours: it goes its normal way.
type Line struct {
	Taken   bool
	Text    string
	Submit  *Submit
	Command *Command // that the line is about; nil: none, or several
	Fault   *Fault
}

// Say reads a line that somebody writes to a bot. The commands are those that the person may
// run with it. Where ask is false (others read along), nothing is asked, and no line but those
// that begin with the word of a command is taken.
func (s *Sessions) Say(now time.Time, commands []*Command, p Party, text string, ask bool) Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	word = strings.ToLower(word)
	var x *session
	if ask {
		x = s.chats[chatOf(p)]
	}
	if c := ofWord(commands, word); c != nil {
		if x != nil {
			s.remove(x)
		}
		return s.start(now, c, p, rest, ask)
	}
	if word == Help && slices.ContainsFunc(commands, func(c *Command) bool { return c.Chat != "" }) {
		return Line{Taken: true, Text: help(commands)}
	}
	if x == nil || !slices.ContainsFunc(commands, func(c *Command) bool { return c.Node == x.command.Node }) {
		return Line{}
	}
	switch {
	case x.asked != nil: // the program is being asked, and no question is open
		return Line{}
	case strings.ToLower(strings.TrimSpace(text)) == cancelWord:
		s.remove(x)
		return Line{Taken: true, Text: "Canceled.", Command: x.command}
	}
	return s.hear(now, x, text)
}

func ofWord(commands []*Command, word string) *Command {
	for _, c := range commands {
		if c.Chat != "" && strings.ToLower(c.Chat) == word {
			return c
		}
	}
	return nil
}

// IsWord reports whether a text begins with the word of one of the commands.
func IsWord(commands []*Command, text string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return ofWord(commands, strings.ToLower(word)) != nil
}

func help(commands []*Command) string {
	lines := []string{"Commands:"}
	for _, c := range commands {
		if c.Chat != "" {
			lines = append(lines, c.usage()+" - "+c.Name)
		}
	}
	return strings.Join(lines, "\n")
}

// usage returns a command as it is written; what may be left out is in brackets.
func (c *Command) usage() string {
	words := []string{c.Chat}
	for _, name := range c.names() {
		f := c.Form.Field(name)
		word := name + "=…"
		if !f.Required || len(f.Value) > 0 {
			word = "[" + word + "]"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// names are those of the fields that a line may set.
func (c *Command) names() (names []string) {
	if c.Form == nil {
		return nil
	}
	for i := range c.Form.Fields {
		if f := &c.Form.Fields[i]; f.Type != form.Fixed && f.Type != form.Hidden {
			names = append(names, f.Name)
		}
	}
	return names
}

// start begins a run by a line.
func (s *Sessions) start(now time.Time, c *Command, p Party, rest string, ask bool) Line {
	given, wrong := c.read(rest)
	if wrong != "" {
		return Line{Taken: true, Text: wrong + "\nWrite " + c.usage(), Command: c}
	}
	x := s.begin(now, c, p)
	first := x.pages[0].form
	for name, texts := range given {
		if _, why := first.Only(name).Validate(form.Values{name: texts}); len(why) > 0 {
			s.remove(x)
			return Line{Taken: true, Text: problems(first, why) + "\nWrite " + c.usage(), Command: c}
		}
	}
	missing := first.Missing(given)
	if len(missing) > 0 && !ask {
		s.remove(x)
		return Line{Taken: true, Text: first.Field(missing[0]).Shown() + ": is missing\nWrite " + c.usage(), Command: c}
	}
	x.talk = &talk{chat: chatOf(p), asking: missing, given: given}
	if ask {
		s.chats[x.talk.chat] = x
	}
	if len(missing) == 0 {
		return s.send(now, x)
	}
	s.touch(now, x)
	return Line{Taken: true, Text: first.Field(missing[0]).Question() + "\n(" + cancelWord + " ends this)", Command: c}
}

// read reads the words behind the command: env=prod note="two words".
func (c *Command) read(rest string) (given form.Values, wrong string) {
	given = make(form.Values)
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		name, after, found := strings.Cut(rest, "=")
		var value string
		switch {
		case !found || strings.ContainsAny(name, " \n\""):
			word, _, _ := strings.Cut(rest, " ")
			return nil, fmt.Sprintf("%.40q is not name=value", word)
		case strings.HasPrefix(after, `"`):
			value, rest, found = strings.Cut(after[1:], `"`)
			if !found {
				return nil, fmt.Sprintf("the value of %.40s has no end: a \" is missing", name)
			}
		default:
			end := strings.IndexAny(after, " \n\t")
			if end < 0 {
				end = len(after)
			}
			value, rest = after[:end], after[end:]
		}
		if !slices.Contains(c.names(), name) {
			if len(c.names()) == 0 {
				return nil, c.Chat + " takes no values"
			}
			return nil, fmt.Sprintf("%.40q is not known; %s takes %s", name, c.Chat, strings.Join(c.names(), ", "))
		}
		if given[name] != nil {
			return nil, fmt.Sprintf("%s is given twice", name)
		}
		given[name] = c.Form.Field(name).Answer(value)
	}
	return given, ""
}

// hear reads the answer to the question that is open.
func (s *Sessions) hear(now time.Time, x *session, text string) Line {
	f, t := x.pages[x.at].form, x.talk
	if len(t.asking) == 0 { // whether to go on
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "yes", "y":
			return s.send(now, x)
		case "no", "n":
			s.remove(x)
			return Line{Taken: true, Text: "Canceled.", Command: x.command}
		}
		return Line{Taken: true, Text: goOn, Command: x.command}
	}
	name := t.asking[0]
	texts := f.Field(name).Answer(text)
	if _, wrong := f.Only(name).Validate(form.Values{name: texts}); len(wrong) > 0 {
		return Line{Taken: true, Text: problems(f, wrong) + "\n" + f.Field(name).Question(), Command: x.command}
	}
	t.given[name], t.asking = texts, t.asking[1:]
	if len(t.asking) == 0 {
		return s.send(now, x)
	}
	s.touch(now, x)
	return Line{Taken: true, Text: f.Field(t.asking[0]).Question(), Command: x.command}
}

const goOn = "Go on? (yes or no)"

// send submits what was given.
func (s *Sessions) send(now time.Time, x *session) Line {
	step := s.submit(now, x, Request{Session: x.id, Action: Execute, Values: x.talk.given})
	if step.Submit == nil { // the values are too long together
		s.remove(x)
		return Line{Taken: true, Text: step.Reply.Note.Text, Command: x.command}
	}
	return Line{Taken: true, Submit: step.Submit, Command: x.command}
}

// TextFor returns what is said in the chat when the answer to a Submit of Say led to a step.
func (s *Sessions) TextFor(now time.Time, q *Submit, step Step) string {
	if step.Fault != nil {
		return step.Fault.Err.Text
	}
	said := step.Reply.Lines()
	if step.Reply.Form == nil {
		return said
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x := q.x
	if s.byID[x.id] != x || x.talk == nil {
		return said
	}
	if s.chats[x.talk.chat] != x { // nobody asks here
		s.remove(x)
		return said + "\nThis needs more than one step: write to me directly."
	}
	f := step.Reply.Form
	x.talk.given, x.talk.asking = make(form.Values), open(f)
	s.touch(now, x)
	question := goOn
	if len(x.talk.asking) > 0 {
		question = f.Field(x.talk.asking[0]).Question()
	}
	return strings.TrimPrefix(said+"\n"+question, "\n")
}

// open are the fields of a later step that are asked: those without a value that are
// required, or are chosen from a few.
func open(f *form.Form) (names []string) {
	for i := range f.Fields {
		x := &f.Fields[i]
		choice := x.Type == form.Boolean || x.Type == form.List
		if len(x.Value) == 0 && x.Type != form.Fixed && x.Type != form.Hidden && (x.Required || choice) {
			names = append(names, x.Name)
		}
	}
	return names
}

// EndChat ends a run of a chat whose program has not answered.
func (s *Sessions) EndChat(q *Submit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(q.x)
}
