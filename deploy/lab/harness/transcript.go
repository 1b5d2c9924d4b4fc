//go:build linux

package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
)

// Transcript is what several parties and a server have said to each other, step by step.
//
// Servers pass on what they get when they like to. So a step has the lines of one party and
// direction after those of another, each in their order: what people send, what programs send,
// what comes to the component and goes from it (what was first is first), what programs get,
// what people get.
//
// What differs from run to run has a name: ID1, SLOT1, TIME.
type Transcript struct {
	t      *testing.T
	people []string
	keep   func(stanza string) bool
	mu     sync.Mutex
	offers map[string]int // how many answers to what they offer have come from whom, that nobody has waited for
	steps  []step
	beside int // how many of the last steps go on side by side; 0: one
}

type step struct {
	name  string
	first string              // of the two ways of the component
	lines map[string][]string // by way
}

// ways are those of a step, in order.
func (s *step) ways(people []string) (ways []string) {
	for _, who := range people {
		ways = append(ways, who+" >")
	}
	ways = append(ways, "program >", "component <", "component >", "program <")
	if n := len(people); s.first == ways[n+2] {
		ways[n+1], ways[n+2] = ways[n+2], ways[n+1]
	}
	for _, who := range people {
		ways = append(ways, who+" <")
	}
	return ways
}

// Between keeps the stanzas that have one of the addresses in them, without rosters, what a room
// itself says to a bot, and what it gives back to the one that has said it: these come when
// another step has begun, perhaps.
func Between(bot, room, nick string, addresses ...string) func(stanza string) bool {
	return func(s string) bool {
		s = strings.ReplaceAll(s, `"`, "'")
		if strings.Contains(s, "jabber:iq:roster") || room != "" && (strings.Contains(s, " from='"+room+"'") || strings.Contains(s, " to='"+room+"'") && strings.HasPrefix(s, "<iq ") ||
			strings.Contains(s, " from='"+room+"/"+nick+"'") && strings.Contains(s, " to='"+bot+"/")) {
			return false
		}
		return slices.ContainsFunc(addresses, func(a string) bool { return strings.Contains(s, a) })
	}
}

// NewTranscript begins a transcript of these people and one component. keep chooses the
// stanzas; nothing is kept before the first step.
func NewTranscript(t *testing.T, keep func(stanza string) bool, people ...string) *Transcript {
	return &Transcript{t: t, people: people, keep: keep, offers: make(map[string]int)}
}

// Through returns the address of a relay to a server, through which one party ("component", or
// one of the people) speaks with it over one connection.
func (x *Transcript) Through(who, server string) *Relay {
	r := NewRelay(x.t, server)
	ways := map[Direction]*splitter{ToServer: {}, ToClient: {}}
	r.Edit(func(d Direction, piece []byte) []byte {
		way := who + " >"
		if d == ToClient {
			way = who + " <"
		}
		for _, s := range ways[d].add(piece) {
			x.note(way, s)
			if x.keep(s) {
				x.add(way, canonical(s))
			}
		}
		return piece
	})
	return r
}

var offerOf = regexp.MustCompile(`^<iq [^>]*\bfrom=['"]([^'"]*)['"]`)

// note counts what says what somebody offers, to the component.
func (x *Transcript) note(way, stanza string) {
	if m := offerOf.FindStringSubmatch(stanza); way == "component <" && m != nil && strings.Contains(stanza, "http://jabber.org/protocol/disco#info") && strings.Contains(stanza, "<identity") {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.offers[m[1]]++
	}
}

// Knows waits until a room that the component has joined has answered what it offers (XEP-0030), once for
// each join: which of its ids count is known from then on, to what comes behind the answer.
func (x *Transcript) Knows(room string) {
	x.t.Helper()
	Eventually(x.t, "the answer of "+room, func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.offers[room] == 0 {
			return false
		}
		x.offers[room]--
		return true
	})
}

// Step begins a step. Without a name nothing is kept until the next one.
func (x *Transcript) Step(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.steps, x.beside = append(x.steps, step{name: name, lines: make(map[string][]string)}), 0
}

// Beside begins several steps that go on side by side, until the next one begins: each has the lines
// with its name in them, and of other lines there is none.
func (x *Transcript) Beside(names ...string) {
	for _, name := range names {
		x.Step(name)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.beside = len(names)
}

func (x *Transcript) add(way, line string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.steps) == 0 || x.steps[len(x.steps)-1].name == "" {
		return
	}
	open := x.steps[len(x.steps)-max(x.beside, 1):]
	i := slices.IndexFunc(open, func(s step) bool { return x.beside == 0 || strings.Contains(line, s.name) })
	if i < 0 {
		return
	}
	s := &open[i]
	if s.first == "" && strings.HasPrefix(way, "component ") {
		s.first = way
	}
	s.lines[way] = append(s.lines[way], line)
}

// Call is [Program.Call] with token-all, as lines of the transcript.
func (x *Transcript) Call(p *Program, method, path, media, body string) Reply {
	x.t.Helper()
	return x.CallBy(p, "token-all", method, path, media, body)
}

// CallBy is Call with another token.
func (x *Transcript) CallBy(p *Program, token, method, path, media, body string) Reply {
	x.t.Helper()
	x.Sent(strings.Join(strings.Fields(strings.Join([]string{method, path, media, shown(body)}, " ")), " "))
	r, err := p.Call(method, path, token, media, body)
	require.NoError(x.t, err)
	x.Got(fmt.Sprint(r.Status, " ", r.Body))
	return r
}

// Sent is something that a program sent.
func (x *Transcript) Sent(text string) { x.add("program >", shown(text)) }

// Got is something that a program got.
func (x *Transcript) Got(text string) { x.add("program <", shown(text)) }

// shown is a text in one line that is not too long.
func shown(text string) string {
	if len(text) > 2000 {
		return fmt.Sprintf("(%d bytes)", len(text))
	}
	return strings.NewReplacer("\r\n", `\r\n`, "\n", `\n`).Replace(strings.TrimSpace(text))
}

// Compare compares the transcript with testdata/NAME.SERVER.transcript, or writes that file.
// Servers of another release (PROSODY_ROOT, EJABBERD_ROOT) have a file of their own,
// NAME.SERVER-newer.transcript, only where something else is said.
func (x *Transcript) Compare(name string, kind lab.Kind, update bool) {
	x.t.Helper()
	base := filepath.Join("testdata", name+"."+string(kind))
	file, got := base+".transcript", x.text()
	if os.Getenv(strings.ToUpper(string(kind))+"_ROOT") != "" {
		newer := base + "-newer.transcript"
		if said, err := os.ReadFile(file); update && err == nil && got == string(said) {
			_ = os.Remove(newer) // it may be missing
			return
		}
		if _, err := os.Stat(newer); update || err == nil {
			file = newer
		}
	}
	if update {
		require.NoError(x.t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(x.t, err)
	if got != string(want) {
		x.t.Errorf("%s is not what was said; if that is right, run the test with -update:\n%s", file, difference(string(want), got))
	}
}

// difference is the first line that differs.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, strings.Join(w[min(i, len(w)):min(i+3, len(w))], "\n     "), strings.Join(g[min(i, len(g)):min(i+3, len(g))], "\n     "))
		}
	}
	return ""
}

func (x *Transcript) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	var b strings.Builder
	for _, s := range x.steps {
		if s.name == "" {
			continue
		}
		fmt.Fprintf(&b, "\n# %s\n", s.name)
		for _, way := range s.ways(x.people) {
			for _, line := range s.lines[way] {
				fmt.Fprintf(&b, "%s %s\n", way, line)
			}
		}
	}
	return named(strings.TrimPrefix(b.String(), "\n"))
}

// differing is what differs from run to run: the first group of an expression is what gets a
// name, with a number if it has more than one.
var differing = []struct {
	name     string
	numbered bool
	*regexp.Regexp
}{
	{"ID", true, regexp.MustCompile(`\bid='([^']*)'`)},
	{"ID", true, regexp.MustCompile(`"(?:id|ref|thread|stanza_id|origin_id|message_id)":"([^"]*)"`)},
	{"ID", true, regexp.MustCompile(`"(?:ref_of|reply_to|displayed|receipt|replace|occupant_id|attach_to)":"([^":]*)"`)}, // no times
	{"ID", true, regexp.MustCompile(`/v1/messages/([\w-]+)`)},
	{"ID", true, regexp.MustCompile(`\br1_[\w-]+`)}, // a ref, wherever it is
	{"N", false, regexp.MustCompile(`"id":(\d+)`)},  // of JSON-RPC
	{"SESSION", true, regexp.MustCompile(`\bsessionid='([^']*)'`)},
	{"SESSION", true, regexp.MustCompile(`"session":"([^"]*)"`)},
	{"CURSOR", true, regexp.MustCompile(`"(?:cursor|next)":"([^"]+)"`)},
	{"REQUEST", true, regexp.MustCompile(`"request_id":"([^"]*)"`)},
	{"PORT", false, regexp.MustCompile(`\b(?:127|10)\.0\.0\.1:(\d+)`)},
	{"SLOT", true, regexp.MustCompile(`/(?:file_share|upload|nowhere)/([\w-]{20,}(?:/[\w-]{20,})?)/`)},
	{"TOKEN", false, regexp.MustCompile(`Bearer ([\w.-]{20,})`)},
	{"TIME", false, regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:[\d.]+Z`)},
	{"VER", false, regexp.MustCompile(`node='http://slixmpp[^']*' ver='([^']*)'`)},
	{"IMAGE", false, regexp.MustCompile(`>([A-Za-z0-9+/]{60,}=*)<`)},
	{"IMAGE", false, regexp.MustCompile(`"avatar":"([A-Za-z0-9+/]{60,}=*)"`)},
}

// known are ids that say something: those of avatars, and the ones of the tests themselves.
var known = regexp.MustCompile(`^([0-9a-f]{40}|[a-z]{1,8}(-\d+)?|)$`)

func named(text string) string {
	names, count := make(map[string]string), make(map[string]int)
	for _, d := range differing {
		text = replaced(d.Regexp, text, func(found string) string {
			if d.name == "ID" && known.MatchString(found) {
				return found
			}
			if !d.numbered {
				return d.name
			}
			if names[found] == "" {
				count[d.name]++
				names[found] = fmt.Sprint(d.name, count[d.name])
			}
			return names[found]
		})
	}
	return text
}

// replaced replaces the first group of an expression, or all of it if it has none.
func replaced(r *regexp.Regexp, text string, by func(found string) string) string {
	var b strings.Builder
	at := 0
	for _, m := range r.FindAllStringSubmatchIndex(text, -1) {
		from, to := m[0], m[1]
		if len(m) > 2 {
			from, to = m[2], m[3]
		}
		b.WriteString(text[at:from])
		b.WriteString(by(text[from:to]))
		at = to
	}
	return b.String() + text[at:]
}

// splitter cuts a stream (RFC 6120 section 4) into its stanzas.
type splitter struct {
	text  []byte
	at    int // what is before was looked at
	depth int
}

// add returns the stanzas that end in the next piece of the stream.
func (s *splitter) add(piece []byte) (whole []string) {
	s.text = append(s.text, piece...)
	for {
		open := slices.Index(s.text[s.at:], '<')
		if open < 0 {
			return whole
		}
		end := tagEnd(s.text[s.at+open:])
		if end < 0 {
			return whole
		}
		tag := s.text[s.at+open : s.at+open+end]
		s.at += open + end
		switch {
		case tag[1] == '?', strings.HasPrefix(string(tag), "<stream:stream"), s.depth == 0 && tag[1] == '/':
			s.text, s.at = s.text[s.at:], 0
			continue
		case tag[1] == '/':
			s.depth--
		case tag[len(tag)-2] != '/':
			s.depth++
		}
		if s.depth == 0 {
			whole = append(whole, strings.TrimSpace(string(s.text[:s.at])))
			s.text, s.at = s.text[s.at:], 0
		}
	}
}

// tagEnd returns where the tag at the beginning of a text ends; -1 if it does not.
func tagEnd(text []byte) int {
	quote := byte(0)
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return -1
}

var (
	tagOf       = regexp.MustCompile(`<([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:'[^']*'|"[^"]*"))*)\s*(/?)>`)
	attributeOf = regexp.MustCompile(`([\w:.-]+)\s*=\s*(?:'([^']*)'|"([^"]*)")`)
	statuses    = regexp.MustCompile(`(?:<status code='\d+'/>)+`)
	emptyTag    = regexp.MustCompile(`<([\w:.-]+)([^<>]*)></([\w:.-]+)>`)
)

// canonical returns a stanza in one form: servers order attributes, and the codes of rooms, as they
// like, from run to run.
func canonical(stanza string) string {
	stanza = tagOf.ReplaceAllStringFunc(stanza, func(tag string) string {
		m := tagOf.FindStringSubmatch(tag)
		var all []string
		for _, a := range attributeOf.FindAllStringSubmatch(m[2], -1) {
			all = append(all, a[1]+"='"+a[2]+strings.ReplaceAll(a[3], "'", "&apos;")+"'")
		}
		slices.Sort(all)
		return "<" + strings.Join(append([]string{m[1]}, all...), " ") + m[3] + ">"
	})
	stanza = emptyTag.ReplaceAllStringFunc(stanza, func(tags string) string {
		if m := emptyTag.FindStringSubmatch(tags); m[1] == m[3] && !strings.HasSuffix(m[2], "/") {
			return "<" + m[1] + m[2] + "/>"
		}
		return tags
	})
	stanza = statuses.ReplaceAllStringFunc(stanza, func(codes string) string {
		all := strings.SplitAfter(codes, "/>")
		slices.Sort(all)
		return strings.Join(all, "")
	})
	return strings.ReplaceAll(stanza, "\n", "&#10;")
}
