//go:build linux

package load

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// Crowd are the users of the in-process server who write to one address; with "#" in it,
// the number of the user stands there. Each of them is a conversation.
type Crowd struct {
	Srv      *componenttest.Server
	to, name string // of the users: name0, name1, …
	Bot      *tally

	Next []int     // by user
	Sent []sending // all, in order
	Gone int       // of these, those that nobody waits for

	refused func() int // of these, those that were refused with an error; nil: none is
}

// lull is after how long without a message at the bot those are looked for that were refused: at full
// load the program refuses what comes while the disk has not taken 8192 events, which takes half a second.
const lull = 2 * time.Second

type sending struct {
	Text string
	At   time.Time
}

func NewCrowd(srv *componenttest.Server, bot *tally, name, to string, users int) *Crowd {
	return &Crowd{Srv: srv, Bot: bot, name: name, to: to, Next: make([]int, users)}
}

func (c *Crowd) User(i int) string { return c.name + strconv.Itoa(i) }

// SentBy counts the messages of one user; none if it is not one of these.
func (c *Crowd) SentBy(user string) int {
	i, err := strconv.Atoi(strings.TrimPrefix(user, c.name))
	if err != nil || !strings.HasPrefix(user, c.name) {
		return 0
	}
	return c.Next[i]
}

var stanzaPadding = strings.Repeat("x", 200)

// accepted counts the messages of this crowd that were accepted.
func (c *Crowd) accepted() int {
	c.Bot.Mu.Lock()
	defer c.Bot.Mu.Unlock()
	return c.Bot.count[c.name]
}

// Put sends the next message of a user.
func (c *Crowd) Put(i int) error {
	text := NumberedText(c.User(i), c.Next[i])
	at := time.Now()
	err := c.Srv.TrySend("<message type='chat' id='" + text + "' from='" + c.User(i) + "@example.com/r' to='" + strings.Replace(c.to, "#", strconv.Itoa(i), 1) + "'><body>" + text + "</body><pad xmlns='urn:example:pad'>" + stanzaPadding + "</pad></message>")
	if err == nil {
		c.Next[i]++
		c.Sent = append(c.Sent, sending{text, at})
	}
	return err
}

// Run sends n messages (0: without end), the users taking turns, as fast as the
// bot takes them: at most window are on the way. It ends early with the
// connection, or with ctx.
func (c *Crowd) Run(ctx context.Context, n, window int) {
	for k := 0; (n == 0 || k < n) && ctx.Err() == nil; k++ {
		for len(c.Sent)-c.accepted()-c.Gone >= window {
			select {
			case <-c.Bot.moved:
			case <-time.After(lull):
				if c.refused != nil {
					c.Gone = c.refused()
				}
			case <-ctx.Done():
				return
			}
		}
		if c.Put(len(c.Sent)%len(c.Next)) != nil {
			return
		}
	}
}

// Pace sends n messages and returns how many of them the bot accepted, or were refused, in a second.
func (c *Crowd) Pace(t testing.TB, n int) float64 {
	t.Helper()
	c.refused = func() int { return c.Refused(t) }
	defer func() { c.refused = nil }()
	goal, gone := c.accepted()+n, c.Gone
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c.Run(ctx, n, 200)
	for c.accepted() < goal-(c.Gone-gone) {
		select {
		case <-c.Bot.moved:
		case <-time.After(lull):
			c.Gone = c.refused()
		case <-ctx.Done():
			t.Fatalf("%d of %d messages to %s were accepted", c.accepted()-goal+n, n, c.to)
		}
	}
	return float64(n) / time.Since(began).Seconds()
}

// Refused counts the messages that were refused with an error.
func (c *Crowd) Refused(t testing.TB) int {
	t.Helper()
	n := 0
	for text := range ErrorsSent(t, c.Srv) {
		if user, _, ok := ReadNumbered(text); ok && c.SentBy(user) > 0 {
			n++
		}
	}
	return n
}

// Heap sends messages that the bot does not accept now. Whenever it has sent a
// few, it waits for one to another bot to arrive, so that the program's reader
// has read them.
func (c *Crowd) Heap(t testing.TB, n int, other *Crowd) {
	t.Helper()
	for k := range n {
		if err := c.Put(k % len(c.Next)); err != nil {
			t.Fatal(err)
		}
		if k%250 == 249 {
			other.Pace(t, 1)
		}
	}
}

// ErrorsSent returns the texts of the messages that were answered with an error.
func ErrorsSent(t testing.TB, srv *componenttest.Server) map[string]bool {
	t.Helper()
	all := make(map[string]bool)
	for _, s := range srv.Received() {
		if s.Kind != stanza.Message || s.Type != "error" {
			continue
		}
		all[s.ID] = true
		if e, ok := s.StanzaError(); !ok || e.Type != stanza.Wait || e.Condition != stanza.ResourceConstraint {
			t.Errorf("an error nobody should get: %s", s.XML())
		}
	}
	return all
}

// QueueEndpoint is an endpoint of the tests of the queue.
type QueueEndpoint struct {
	Name, To string // the address that it gets messages for
	Bot      *tally
	Timeout  string   // default: 15s
	Schedule []string // default: the product's
	Batch    int      // 0: each event alone
}

// ManySteps is a schedule by which nothing is given up while a test runs,
// though others of its endpoint succeed.
var ManySteps = slices.Repeat([]string{"300ms"}, 500)

// QueueConfig writes a configuration with one component.
func QueueConfig(t testing.TB, server, domain, secret, storeDir string, endpoints ...QueueEndpoint) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "components: [{domain: %q, server: %q, secret: %q}]\nendpoints:\n", domain, server, secret)
	for _, e := range endpoints {
		fmt.Fprintf(&b, "  - {name: %s, url: %q, match: {to: %q}", e.Name, e.Bot.URL(), e.To)
		if e.Timeout != "" {
			fmt.Fprintf(&b, ", timeout: %s", e.Timeout)
		}
		if e.Batch > 0 {
			fmt.Fprintf(&b, ", batch: %d", e.Batch)
		}
		if len(e.Schedule) > 0 {
			fmt.Fprintf(&b, ", retry: {schedule: [%s]}", strings.Join(e.Schedule, ", "))
		}
		b.WriteString("}\n")
	}
	fmt.Fprintf(&b, "http: {listen: \"127.0.0.1:0\", insecure_no_auth: true}\nstore: {dir: %q}\ndrain: 10s\n", storeDir)
	file := harness.WriteConfig(t, t.TempDir(), b.String())
	return file
}

// AwaitAccepted waits until n messages are accepted, or have what else is counted;
// however long that takes, as long as it goes on.
func AwaitAccepted(t testing.TB, count func() int, n int) {
	t.Helper()
	for before := count(); before < n; before = count() {
		// The pause of an open breaker is in it.
		harness.Await(t, fmt.Sprintf("more than %d of %d messages are accepted or answered", before, n), 90*time.Second, func() bool { return count() > before })
	}
}

// OpenStore opens the store of a program that has ended.
func OpenStore(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{
		Dir: dir, Sync: store.SyncInterval, MaxBytes: 4 << 30, MaxStanzaBytes: 256 << 10, OutboxBytes: 256 << 20, OutboxCount: 100_000,
		LogKeep: 24 * time.Hour, LogCount: 100_000, DeadKeep: 14 * 24 * time.Hour, DeadBytes: 1 << 30, Log: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// StoredEvents returns what the queues in a directory hold: the ids of the events, by
// the ids of their stanzas.
func StoredEvents(t testing.TB, dir string, endpoints ...string) map[string]string {
	t.Helper()
	s := OpenStore(t, dir)
	defer s.Close()
	held := make(map[string]string)
	for _, name := range endpoints {
		q, err := s.Queues().Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for conversation, n := range q.Backlog() {
			list, err := q.Read(t.Context(), conversation, 0, n)
			if err != nil || len(list) != n {
				t.Fatalf("%d of %d events of a conversation can be read: %v", len(list), n, err)
			}
			last := -1
			for _, r := range list {
				x, err := stanza.Parse(r.Stanza, stanza.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				if _, n, ok := ReadNumbered(x.ID); !ok || n <= last {
					t.Fatalf("%s is stored behind number %d", x.ID, last)
				} else {
					last = n
				}
				held[x.ID] = r.ID
			}
		}
	}
	return held
}

// Rounded is for the log.
func Rounded(values []float64) []int {
	var list []int
	for _, v := range values {
		list = append(list, int(v))
	}
	return list
}
