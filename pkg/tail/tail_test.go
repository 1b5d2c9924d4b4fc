package tail_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/tail"
)

// change is a change of a delivery with a number.
func change(n int) *tail.Delivery {
	return &tail.Delivery{ID: fmt.Sprintf("evt_%d", n), Endpoint: "echo", State: "queued", Type: "message.chat", From: "u@example.com/r", To: "bot.example.com"}
}

func filter(t testing.TB, kinds, endpoint, jid string) tail.Filter {
	t.Helper()
	f, err := tail.ParseFilter(kinds, endpoint, jid)
	require.NoError(t, err)
	return f
}

// reading is a reader, and what it got.
type reading struct {
	*tail.Reader
	t    testing.TB
	got  []string // the ids of deliveries
	last string   // the last id of a frame
	lost int
	gaps int
}

func read(t testing.TB, all *tail.Tail, o tail.Opening) *reading {
	t.Helper()
	r, err := all.Open(o)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return &reading{Reader: r, t: t}
}

var frameParts = regexp.MustCompile(`^id: (\d+)\nevent: (\w+)\ndata: (\{[^\n]*\})$`)

// next reads what there is, and reports whether something came within a time.
func (r *reading) next(wait time.Duration) bool {
	r.t.Helper()
	page, err := r.Next(r.t.Context(), wait)
	require.NoError(r.t, err)
	for frame := range strings.SplitSeq(strings.TrimSuffix(string(page), "\n\n"), "\n\n") {
		if frame == "" {
			return false
		}
		m := frameParts.FindStringSubmatch(frame)
		if m == nil {
			r.t.Fatalf("not a frame: %q", frame)
		}
		if a, b := number(r.t, m[1]), number(r.t, r.last); m[2] != "gap" && a <= b {
			r.t.Fatalf("the id %d comes after %d", a, b)
		}
		r.last = m[1]
		if m[2] == "gap" {
			r.gaps++
			r.lost += number(r.t, strings.Trim(m[3], `{}"lost:`))
			continue
		}
		_, id, _ := strings.Cut(m[3], `"id":"`)
		id, _, _ = strings.Cut(id, `"`)
		r.got = append(r.got, id)
	}
	return true
}

func number(t testing.TB, text string) int {
	t.Helper()
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// until reads until a delivery with this number has come.
func (r *reading) until(n int) {
	r.t.Helper()
	for want := fmt.Sprintf("evt_%d", n); len(r.got) == 0 || r.got[len(r.got)-1] != want; {
		if !r.next(time.Minute) {
			r.t.Fatalf("%s did not come; got %d, %d lost", want, len(r.got), r.lost)
		}
	}
}

// Every kind of event, as it is shown to an admin and to a reader.
func TestFrames(t *testing.T) {
	all := tail.New(func(reason string) string { return strings.ReplaceAll(reason, "secret", "…") })
	admin, reader := read(t, all, tail.Opening{}), read(t, all, tail.Opening{Limited: true})
	all.Delivery(&tail.Delivery{ID: "evt_1", Endpoint: "echo", State: "queued", Type: "message.chat", From: "u@example.com/r", To: "bot.example.com"})
	all.Delivery(&tail.Delivery{ID: "evt_1", State: "dead", Type: "message.chat", From: "é<@example.com", To: "b", N: 2, Status: 422, Took: 1500 * time.Microsecond, Error: "secret \"x\"\n", Note: "a secret", Reason: "secret"})
	all.Delivery(&tail.Delivery{ID: "evt_2", State: "retrying", N: 1, Error: "refused", Reason: strings.Repeat("é", 1000)})
	all.Link(tail.Link{Component: "bot.example.com", State: "up"})
	all.Endpoint(tail.Endpoint{Endpoint: "echo", State: "failing", Reason: "secret"})
	all.Roster(tail.Roster{User: "u@example.com", Result: "applied", Detail: "added 1"})
	all.Outbox(tail.Outbox{Component: "bot.example.com", Count: 3, Bytes: 900})
	all.Room(tail.Room{Room: "ops@rooms.example.com", From: "echo@bot.example.com", State: "refused", Condition: "forbidden"})
	all.Hook(tail.Hook{Hook: "alerts", Adapter: "alertmanager", Result: "sent", Messages: 2})
	all.Command(tail.Command{Command: "deploy", Endpoint: "ops", From: "u@example.com", Bot: "echo@bot.example.com", Room: "ops@rooms.example.com", By: "chat", Result: "failed", Step: 1, Took: time.Millisecond, Reason: "secret"})
	all.Command(tail.Command{Command: "now", From: "u@example.com", Bot: "echo@bot.example.com", By: "client", Result: "done"})
	all.Request(tail.Request{Token: "ops", Method: "POST", Route: "/v1/messages", Status: 202, Took: 2 * time.Millisecond})
	all.Request(tail.Request{Method: "GET", Route: "none", Status: 404})
	const want = `delivery {"id":"evt_1","endpoint":"echo","state":"queued","type":"message.chat","from":"u@example.com/r","to":"bot.example.com","attempt":null,"reason":null}
delivery {"id":"evt_1","endpoint":null,"state":"dead","type":"message.chat","from":"é\u003c@example.com","to":"b","attempt":{"n":2,"status":422,"duration_ms":1.5,"error":"secret \"x\"\n","note":"a secret"},"reason":"secret"}
delivery {"id":"evt_2","endpoint":null,"state":"retrying","type":"","from":"","to":"","attempt":{"n":1,"status":null,"duration_ms":0,"error":"refused","note":null},"reason":"LONG"}
link {"component":"bot.example.com","state":"up","reason":null}
endpoint {"endpoint":"echo","state":"failing","reason":"secret"}
roster {"user":"u@example.com","result":"applied","detail":"added 1"}
outbox {"component":"bot.example.com","count":3,"bytes":900}
room {"room":"ops@rooms.example.com","from":"echo@bot.example.com","state":"refused","condition":"forbidden"}
hook {"hook":"alerts","adapter":"alertmanager","result":"sent","messages":2}
command {"command":"deploy","from":"u@example.com","bot":"echo@bot.example.com","room":"ops@rooms.example.com","by":"chat","step":1,"endpoint":"ops","result":"failed","ms":1,"reason":"secret"}
command {"command":"now","from":"u@example.com","bot":"echo@bot.example.com","room":null,"by":"client","step":0,"endpoint":null,"result":"done","ms":0,"reason":null}
http {"token":"ops","method":"POST","route":"/v1/messages","status":202,"ms":2}
http {"token":null,"method":"GET","route":"none","status":404,"ms":0}
`
	frame := regexp.MustCompile(`id: \d+\nevent: (\w+)\ndata: \{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",(.*)\n\n`)
	for name, c := range map[string]struct {
		r    *reading
		want string
	}{"admin": {admin, want}, "reader": {reader, strings.ReplaceAll(want, "secret", "…")}} {
		page, err := c.r.Next(t.Context(), time.Minute)
		require.NoError(t, err)
		got := frame.ReplaceAllString(string(page), "$1 {$2\n")
		got = strings.Replace(got, strings.Repeat("é", 512)+"…", "LONG", 1)
		if got != c.want {
			t.Errorf("%s got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// A new reader gets what is new. One with an id goes on behind it; if the id is too old,
// or of an earlier process, there is a gap, and then all that is kept.
func TestResume(t *testing.T) {
	all := tail.New(nil)
	begin := read(t, all, tail.Opening{})
	for n := range 100 {
		all.Delivery(change(n))
	}
	begin.until(99)
	first := number(t, begin.last) - 99
	at := func(n int) string { return strconv.Itoa(first + n) }
	if begin.gaps != 0 || len(begin.got) != 100 {
		t.Errorf("%d of 100, %d gaps", len(begin.got), begin.gaps)
	}
	if r := read(t, all, tail.Opening{}); r.next(0) {
		t.Errorf("a new reader got %v", r.got)
	}
	if r := read(t, all, tail.Opening{Last: at(99)}); r.next(0) {
		t.Errorf("one that has seen everything got %v", r.got)
	}
	r := read(t, all, tail.Opening{Last: at(9)})
	if r.until(99); len(r.got) != 90 || r.gaps != 0 {
		t.Errorf("behind the tenth: %d of 90, %d gaps", len(r.got), r.gaps)
	}
	for _, earlier := range []string{"0", "17", at(-2), at(100), "9007199254740993"} { // the clock may have been set back
		r := read(t, all, tail.Opening{Last: earlier})
		if r.until(99); len(r.got) != 100 || r.gaps != 1 || r.lost != 0 {
			t.Errorf("%s, of an earlier process: %d of 100, %d gaps, %d lost", earlier, len(r.got), r.gaps, r.lost)
		}
	}
	for n := 100; n < 1500; n++ {
		all.Delivery(change(n))
	}
	for last, lost := range map[int]int{9: 490, 499: 0, 498: 1} {
		r := read(t, all, tail.Opening{Last: at(last)})
		if r.until(1499); len(r.got) != 1000 || r.lost != lost || r.gaps != min(lost, 1) {
			t.Errorf("behind %d: %d of 1000, %d lost, want %d, %d gaps", last, len(r.got), r.lost, lost, r.gaps)
		}
	}
	for n := 1500; n < 5000; n++ {
		all.Delivery(change(n))
	}
	r = read(t, all, tail.Opening{Last: at(9)})
	if r.until(4999); len(r.got) != 1000 || r.lost != 3990 || r.gaps != 1 {
		t.Errorf("much too old: %d of 1000, %d lost, want 3990", len(r.got), r.lost)
	}
	for _, bad := range []string{"evt_1", "-1", "1.5", " 1", "99999999999999999999"} {
		if _, err := all.Open(tail.Opening{Last: bad}); err == nil || !strings.HasPrefix(err.Error(), "Last-Event-ID: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A gap counts what the filter would have shown, for a reader that reads slowly and for
// one that comes back; what the filter does not want is no gap.
func TestGapCountsByTheFilter(t *testing.T) {
	all := tail.New(nil)
	probe := read(t, all, tail.Opening{})
	all.Delivery(change(0))
	probe.until(0)
	slow := read(t, all, tail.Opening{Filter: filter(t, "delivery", "rare", "")})
	none := read(t, all, tail.Opening{Filter: filter(t, "link", "", "")})
	every := read(t, all, tail.Opening{})
	const n = 3000
	for i := 1; i <= n; i++ {
		d := change(i)
		if i%10 == 0 {
			d.Endpoint = "rare"
		}
		all.Delivery(d)
	}
	back := read(t, all, tail.Opening{Filter: filter(t, "", "rare", ""), Last: probe.last})
	slow.until(n)
	every.until(n)
	back.until(n)
	if none.next(0) || none.gaps != 0 {
		t.Errorf("one that wants none got %v, %d lost", none.got, none.lost)
	}
	if slow.lost != 200 || len(slow.got) != 100 || slow.gaps != 1 {
		t.Errorf("the slow one: %d lost, want 200; got %d, want 100; %d gaps", slow.lost, len(slow.got), slow.gaps)
	}
	if every.lost != 2000 || len(every.got) != 1000 {
		t.Errorf("the one without a filter: %d lost, want 2000; got %d", every.lost, len(every.got))
	}
	// Of the oldest 952 nothing is known any more; they all count.
	if len(back.got) != 100 || back.lost != 952+105 {
		t.Errorf("the one that came back: %d lost, want %d; got %d", back.lost, 952+105, len(back.got))
	}
	if c := all.Counts(); c.Lost != uint64(slow.lost+every.lost+back.lost) || c.Events != n+1 || c.Readers != 5 {
		t.Errorf("%+v", c)
	}
}

// Readers at full load: each gets some, in order, and knows how many it has lost; all
// together get 4,000 a second behind their first 5,000 each.
func TestFullLoad(t *testing.T) {
	all := tail.New(nil)
	var readers []*reading
	for _, f := range []tail.Filter{{}, {}, filter(t, "delivery", "", "u@example.com")} {
		readers = append(readers, read(t, all, tail.Opening{Filter: f}))
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for _, r := range readers {
		wg.Go(func() {
			for ctx.Err() == nil {
				r.next(time.Second)
			}
		})
	}
	n := 0
	for ; ctx.Err() == nil; n++ {
		all.Delivery(change(n))
	}
	wg.Wait()
	all.Delivery(change(n))
	for _, r := range readers {
		r.until(n)
		if len(r.got)+r.lost != n+1 {
			t.Errorf("%d shown, %d lost, of %d", len(r.got), r.lost, n+1)
		}
		if most := 5000 + int(4000/3*time.Since(began).Seconds()) + 1; len(r.got) > most || len(r.got) < min(1000, n) {
			t.Errorf("%d shown, at most %d should be", len(r.got), most)
		}
	}
}

// While many add, many read, and some come and go; the race detector looks on.
func TestReadersComeAndGo(t *testing.T) {
	all := tail.New(nil)
	stop := make(chan struct{})
	var adding, reading sync.WaitGroup
	for range 2 {
		adding.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				all.Delivery(change(n))
				all.Request(tail.Request{Token: "t", Method: "GET", Route: "/", Status: 200})
			}
		})
	}
	for i := range 8 {
		f := filter(t, []string{"", "http", "delivery"}[i%3], "", "")
		reading.Go(func() {
			for range 2 {
				r, err := all.Open(tail.Opening{Filter: f, Limited: i%2 == 0, Last: "1"})
				if err != nil {
					t.Error(err)
					return
				}
				for range 2 {
					if page, err := r.Next(t.Context(), time.Minute); len(page) == 0 || err != nil {
						t.Errorf("%d bytes, %v", len(page), err)
					}
				}
				r.Close()
			}
		})
	}
	reading.Wait()
	close(stop)
	adding.Wait()
	if c := all.Counts(); c.Readers != 0 {
		t.Errorf("%+v", c)
	}
}

// There are 32 places: 16 for a token, 28 for those that are no admins.
func TestPlaces(t *testing.T) {
	all := tail.New(nil)
	open := func(caller string, admin bool, n int) (readers []*tail.Reader, err error) {
		for range n {
			r, err := all.Open(tail.Opening{Caller: caller, Admin: admin})
			if err != nil {
				return readers, err
			}
			readers = append(readers, r)
		}
		return readers, nil
	}
	a, err := open("a", false, 17)
	if len(a) != 16 || !errors.Is(err, tail.ErrShare) {
		t.Fatalf("one token has %d places: %v", len(a), err)
	}
	b, err := open("b", false, 16)
	if len(b) != 12 || !errors.Is(err, tail.ErrFull) {
		t.Fatalf("the second token has %d places: %v", len(b), err)
	}
	c, err := open("c", true, 16)
	if len(c) != 4 || !errors.Is(err, tail.ErrFull) {
		t.Fatalf("an admin has %d places: %v", len(c), err)
	}
	if n := all.Counts(); n.Readers != 32 || n.Refused != 3 {
		t.Errorf("%+v", n)
	}
	a[0].Close()
	if _, err := open("a", false, 1); !errors.Is(err, tail.ErrFull) {
		t.Errorf("a place for admins was given away: %v", err)
	}
	if c, err = open("c", true, 1); len(c) != 1 {
		t.Errorf("a free place is not given: %v", err)
	}
	anonymous, err := tail.New(nil), error(nil)
	for n := 0; ; n++ {
		if _, err = anonymous.Open(tail.Opening{Admin: true}); err != nil {
			if n != 32 {
				t.Errorf("without tokens there are %d places: %v", n, err)
			}
			break
		}
	}
}

// Closing ends those that wait, and lets nobody begin.
func TestClose(t *testing.T) {
	all := tail.New(nil)
	r := read(t, all, tail.Opening{})
	time.AfterFunc(5*time.Millisecond, all.Close)
	if _, err := r.Next(t.Context(), time.Minute); !errors.Is(err, gateway.ErrStopping) {
		t.Error(err)
	}
	if _, err := all.Open(tail.Opening{}); !errors.Is(err, gateway.ErrStopping) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	other := read(t, tail.New(nil), tail.Opening{})
	time.AfterFunc(5*time.Millisecond, cancel)
	if page, err := other.Next(ctx, time.Minute); len(page) > 0 || err != nil {
		t.Errorf("%q %v", page, err)
	}
}
