package webhook

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/signature"
	"stanzahook/pkg/stanza"
)

// batchOf returns messages of one conversation: evt_1, evt_2, …
func batchOf(t testing.TB, n int) []*Event {
	t.Helper()
	var all []*Event
	for i := range n {
		ev := eventOf(t, fmt.Sprintf(`<message type='chat' id='m%d' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body></message>`, i+1))
		ev.ID = fmt.Sprintf("evt_%d", i+1)
		all = append(all, ev)
	}
	return all
}

// batchBot answers each request with an HTTP response, and notes what it was asked.
type batchBot struct {
	*httptest.Server
	status int
	typ    string
	answer string
	after  string
	asked  [][]string // the ids of each request
	ids    []string   // webhook-id of each
	bodies []string
	head   http.Header // of the last
}

func newBatchBot(t testing.TB, status int, contentType, answer string) *batchBot {
	b := &batchBot{status: status, typ: contentType, answer: answer}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var events []struct{ ID string }
		if err := json.Unmarshal(body, &events); err != nil {
			t.Errorf("no array: %s", body)
		}
		var ids []string
		for _, ev := range events {
			ids = append(ids, ev.ID)
		}
		b.asked, b.bodies = append(b.asked, ids), append(b.bodies, string(body))
		b.ids, b.head = append(b.ids, r.Header.Get("Webhook-Id")), r.Header
		if b.after != "" {
			w.Header().Set("Retry-After", b.after)
		}
		w.Header()["Content-Type"] = []string{b.typ}
		if b.typ == "" {
			w.Header()["Content-Type"] = nil
		}
		w.WriteHeader(b.status)
		_, _ = io.WriteString(w, b.answer)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *batchBot) client(t testing.TB, batch int) *Client {
	t.Helper()
	return client(t, &Endpoint{Name: "echo", URL: b.URL, Batch: batch, Queued: true, Timeout: 10 * time.Second})
}

// said is a verdict in a word, its replies and its reason.
func said(v *Verdict) string {
	parts := []string{v.Outcome.String()}
	for _, s := range v.Replies {
		body, _ := s.Body()
		parts = append(parts, fmt.Sprintf("%s:%s", s.ID, body))
	}
	if v.Reason != "" {
		parts = append(parts, "("+v.Reason+")")
	}
	return strings.Join(parts, " ")
}

func TestBatchAnswers(t *testing.T) {
	const none, unread, short = "done", "refused (invalid reply: ", "behind (not answered: the answer has %d elements for 3 events)"
	const after = "behind (not answered: an event before it failed)"
	same := func(s string) []string { return []string{s, s, s} }
	for _, test := range []struct {
		name      string
		status    int
		typ, body string
		want      []string // of the three; the beginnings
	}{
		{"an answer each", 200, mediaJSON, `[{"body":"a"}, "b", ["c", {"body":"d"}]]`, []string{"done evt_1-1:a", "done evt_2-1:b", "done evt_3-1:c evt_3-2:d"}},
		{"no replies", 200, mediaJSON, ` [null, {}, ""] `, same(none)},
		{"an empty body", 200, mediaJSON, "", same(none)},
		{"null", 200, mediaJSON, "null", same(none)},
		{"202", 202, mediaJSON, `["a"]`, same(none)},
		{"204", 204, "", "", same(none)},
		{"text/html", 200, "text/html", "<p>hi", same(none)},
		{"a media type of JSON", 201, "application/vnd.bot+json; charset=utf-8", `["a",null,null]`, []string{"done evt_1-1:a", none, none}},
		{"another charset", 200, "application/json; charset=iso-8859-1", "[\"\xe9\",\"\x01b\",null]", []string{"done evt_1-1:é", "done evt_2-1:\uFFFDb", none}},
		{"control characters", 200, mediaJSON, `["\u0001a",null,null]`, []string{"done evt_1-1:\uFFFDa", none, none}},
		{"one element cannot be read", 200, mediaJSON, `["a",{"kind":"nothing"},"c"]`, []string{"done evt_1-1:a", unread, "done evt_3-1:c"}},
		{"an object", 200, mediaJSON, `{"body":"a"}`, same(unread + "JSON: an array with an answer for each event is expected")},
		{"no JSON", 200, mediaJSON, `[1,`, same(unread)},
		{"a text", 200, mediaText, `hello`, same(unread + "a JSON array with an answer for each event is expected, not text/plain")},
		{"XML", 200, mediaXMPP, `<message/>`, same(unread + "a JSON array with an answer for each event is expected, not application/xmpp+xml")},
		{"more than events", 200, mediaJSON, `[1,2,3,4]`, same(unread + "JSON: an array with an answer for each event is expected; 4 came for 3 events")},
		{"fewer than events", 200, mediaJSON, `["a"]`, []string{"done evt_1-1:a", fmt.Sprintf(short, 1), fmt.Sprintf(short, 1)}},
		{"an empty array", 200, mediaJSON, `[]`, []string{"again (the answer is an empty array", after, after}},
		{"too long", 200, mediaJSON, strings.Repeat(" ", maxAnswer+1), same(unread + "the answer is longer than 1 MiB")},
		{"one is refused", 200, mediaJSON, `["a",{"status":422},"c"]`, []string{"done evt_1-1:a", "refused (HTTP 422)", "done evt_3-1:c"}},
		{"one failed", 200, mediaJSON, `["a",{"status":500},"c"]`, []string{"done evt_1-1:a", "again (HTTP 500)", after}},
		{"the first failed", 200, mediaJSON, `[{"status":503,"retry_after":7}]`, []string{"again (HTTP 503)", after, after}},
		{"a status of success", 200, mediaJSON, `[{"status":200,"ok":true},{"status":"ok"},{"status":204}]`, same(none)},
		{"another status", 500, mediaText, "broken", []string{"again (HTTP 500)", after, after}},
		{"about one of them", 422, mediaText, "bad", same("behind (HTTP 422 for a request with 3 events; each is sent alone now)")},
		{"410", 410, "", "", []string{"again (HTTP 410)", after, after}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBatchBot(t, test.status, test.typ, test.body)
			got := b.client(t, 5).PostBatch(t.Context(), batchOf(t, 3))
			if len(got) != 3 {
				t.Fatalf("%d verdicts", len(got))
			}
			for i := range got {
				if s := said(&got[i]); !strings.HasPrefix(s, test.want[i]) || test.want[i] == none && s != none {
					t.Errorf("event %d: %s\nwant %s", i+1, s, test.want[i])
				}
				if got[i].Outcome == Refused && got[i].Err == nil || got[i].Outcome == Again && got[i].Err == nil {
					t.Errorf("event %d: no error for the sender", i+1)
				}
			}
			if want := [][]string{{"evt_1", "evt_2", "evt_3"}}; !reflect.DeepEqual(b.asked, want) || b.ids[0] != "evt_1" {
				t.Errorf("asked %q with webhook-id %q", b.asked, b.ids)
			}
		})
	}
}

// What failed counts against the same as it would alone; an element is never the
// endpoint's fault, and does not disable it.
func TestBatchFaults(t *testing.T) {
	for _, test := range []struct {
		status       int
		after        string
		body         string
		at           int // of the verdict
		fault        Fault
		wait         time.Duration
		disable      bool
		statusOfThis int
	}{
		{500, "", "", 0, OfSender, 0, false, 500},
		{503, "9", "", 0, OfEndpoint, 9 * time.Second, false, 503},
		{429, "9", "", 0, OfSender, 9 * time.Second, false, 429},
		{410, "", "", 0, OfSender, 0, true, 410},
		{200, "9", `[null,{"status":503}]`, 1, OfSender, 0, false, 503},
		{200, "", `[null,{"status":503,"retry_after":"7"}]`, 1, OfSender, 7 * time.Second, false, 503},
		{200, "", `[null,{"status":410}]`, 1, OfSender, 0, false, 410},
		{200, "", `[null,{"status":413}]`, 1, OfMessage, 0, false, 413},
		{200, "", `[]`, 0, OfSender, 0, false, 200},
	} {
		b := newBatchBot(t, test.status, mediaJSON, test.body)
		b.after = test.after
		v := b.client(t, 2).PostBatch(t.Context(), batchOf(t, 2))[test.at]
		if v.Fault != test.fault || v.After != test.wait || v.Disable != test.disable || v.Status != test.statusOfThis || v.ContentType != mediaJSON {
			t.Errorf("%d %s: fault %d, after %v, disable %v, status %d, %s", test.status, test.body, v.Fault, v.After, v.Disable, v.Status, v.ContentType)
		}
	}
	r := client(t, &Endpoint{URL: "http://127.0.0.1:1/", Batch: 2, Timeout: time.Second})
	if all := r.PostBatch(t.Context(), batchOf(t, 2)); len(all) != 2 || all[0].Outcome != Again || all[0].Fault != OfEndpoint || all[1].Outcome != Behind {
		t.Errorf("nobody listens: %+v", all)
	}
}

// An event alone is an array of one, and what it means is what it means in a batch;
// its refusal is final.
func TestBatchOfOne(t *testing.T) {
	b := newBatchBot(t, 200, mediaJSON, `["a"]`)
	c := b.client(t, 2)
	v := c.Post(t.Context(), batchOf(t, 1)[0])
	if said(&v) != "done evt_1-1:a" || b.bodies[0][:8] != `[{"id":"` {
		t.Errorf("%s for %s", said(&v), b.bodies[0])
	}
	b.status, b.answer = 422, ""
	if v = c.Post(t.Context(), batchOf(t, 1)[0]); v.Outcome != Refused || v.Fault != OfMessage {
		t.Errorf("%s, fault %d", said(&v), v.Fault)
	}
	iq := eventOf(t, `<iq type='get' id='q' from='u@example.com/r' to='bot.example.com'><x xmlns='urn:x'/></iq>`)
	b.status, b.answer = 200, `[{"xml":"<y xmlns='urn:y'/>"}]`
	if v = c.Post(t.Context(), iq); v.Outcome != Done || len(v.Replies) > 0 && (v.Replies[0].Kind != stanza.IQ || v.Replies[0].ID != "q") {
		t.Errorf("an IQ: %+v", v)
	}
}

// A request holds no more events than the endpoint says, than fit, and than have
// the same URL.
func TestBatchIsBounded(t *testing.T) {
	b := newBatchBot(t, 204, "", "")
	if n := len(b.client(t, 3).PostBatch(t.Context(), batchOf(t, 5))); n != 3 {
		t.Errorf("%d events, 3 are allowed", n)
	}
	large := batchOf(t, 5)
	for i := range large {
		large[i].Stanza = parsed(fmt.Sprintf(`<message from='u@example.com' to='echo@bot.example.com'><body>%s</body></message>`, strings.Repeat("x", 33<<10)))
	}
	n := len(b.client(t, 5).PostBatch(t.Context(), large))
	if size := len(b.bodies[1]); n != 2 || size > batchBytes || size < batchBytes/2 {
		t.Errorf("%d events of 100 KiB (a body is in it three times), %d bytes", n, size)
	}
	large[0].Stanza = parsed(fmt.Sprintf(`<message from='u@example.com' to='echo@bot.example.com'><body>%s</body></message>`, strings.Repeat("x", 200<<10)))
	if n := len(b.client(t, 5).PostBatch(t.Context(), large)); n != 1 {
		t.Errorf("%d events, of which the first alone is too large", n)
	}
	two := batchOf(t, 3)
	two[2].Stanza = parsed(`<message type='chat' from='u@example.com/other' to='echo@bot.example.com'/>`)
	r := client(t, &Endpoint{URL: b.URL + "/{from}/{type}", Batch: 5, Timeout: 10 * time.Second})
	if n := len(r.PostBatch(t.Context(), two)); n != 2 {
		t.Errorf("%d events in a request whose URL is that of two", n)
	}
	two[0].Stanza = parsed(fmt.Sprintf(`<message type='chat' from='u@example.com/%s' to='echo@bot.example.com'/>`, strings.Repeat("é", 500)))
	long := client(t, &Endpoint{URL: b.URL + "/{from}{from}{from}", Batch: 5, Timeout: 10 * time.Second})
	if all := long.PostBatch(t.Context(), two); len(all) != 1 || !all[0].Unsent || all[0].Outcome != Refused {
		t.Errorf("a URL that is too long: %+v", all)
	}
	if _, err := NewClient(&Endpoint{URL: b.URL, Batch: 2, Format: FormatRestJSON}); err == nil {
		t.Error("a module's format has batches")
	}
}

// The signature is over the array and the id of its first event.
func TestBatchIsSigned(t *testing.T) {
	b := newBatchBot(t, 204, "", "")
	secret, err := signature.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, &Endpoint{URL: b.URL, Batch: 2, Secrets: []signature.Secret{secret}, Timeout: 10 * time.Second})
	c.PostBatch(t.Context(), batchOf(t, 2))
	at, err := strconv.ParseInt(b.head.Get(signature.HeaderTimestamp), 10, 64)
	if err != nil || b.ids[0] != "evt_1" || b.head.Get(signature.HeaderSignature) != c.signer.Sign("evt_1", time.Unix(at, 0), []byte(b.bodies[0])) {
		t.Errorf("%v: %v", err, b.head)
	}
}

// Whatever answers a batch: each event has a verdict, those before the first failure
// alone are finished, and who gets an error is told one.
func FuzzBatchAnswer(f *testing.F) {
	for _, body := range []string{`["a",{"status":503},null]`, `[]`, `[[[]]]`, `{}`, `null`, "", `[{"status":422},{"status":-1},{"status":1e3}]`, `[1,2,3,4]`, "[\x00]", `[{"retry_after":"x","status":429}]`} {
		f.Add(200, mediaJSON, body)
		f.Add(500, mediaText, body)
	}
	events := batchOf(f, 3)
	c := client(f, &Endpoint{URL: "http://127.0.0.1:1/", Batch: 3, Queued: true})
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		a := newAnswer(status, contentType, "")
		a.Body = []byte(body)
		all := c.judgeBatch(c.format.Load(), events, a)
		if len(all) != len(events) {
			t.Fatalf("%d verdicts", len(all))
		}
		ended := false
		for i, v := range all {
			switch {
			case ended && v.Outcome != Behind:
				t.Fatalf("event %d is %s behind one that is not finished", i, v.Outcome)
			case (v.Outcome == Refused || v.Outcome == Again) && v.Err == nil:
				t.Fatalf("event %d is %s without an error", i, v.Outcome)
			}
			ended = ended || v.Outcome == Again || v.Outcome == Behind
		}
	})
}
