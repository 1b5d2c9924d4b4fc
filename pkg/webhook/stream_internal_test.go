package webhook

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
)

// A stream means the same, however it is cut into pieces.
func TestStreamed(t *testing.T) {
	long := strings.Repeat("x", maxAnswer/2+1)
	for _, c := range []struct {
		lines            bool
		stream, text, no string
	}{
		{false, "data: {\"delta\":\"Hel\"}\n\ndata: {\"delta\":\"lo\"}\n\ndata: {\"done\":true}\n\ndata: {\"delta\":\"not this\"}\n\n", "Hello", ""},
		{false, ": hi\r\nevent: x\r\nid: 7\r\ndata:{\"delta\":\r\ndata: \"ä\"}\r\n\r\ndata: \"\\n€\"", "ä\n€", ""},
		{false, "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}},{\"index\":1,\"delta\":{\"content\":\"other\"}}]}\n\ndata: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]\n\n", "Hi", ""},
		{false, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n", "Hi", ""},
		{false, "\ufeffdata: {\"delta\":\"a\"}\r\rdata: {\"delta\":\rdata: \"b\"}\r\r\n\ndata: {\"delta\":\"c\"}\r\n\rdata: \"d\"\r", "abcd", ""},
		{false, "\ufeff\ufeffdata: \"two marks\"\n\ndata: \"b\"\n\n", "b", ""},
		{true, "\ufeff{\"delta\":\"a\"}\r\n{\"delta\":\r\"b\"}\n", "ab", ""},
		{true, "{\"delta\":\"draft\"}\n\n{\"body\":\"final\"}\n{\"done\":true}\n{\"delta\":\"x\"}\n", "final", ""},
		{true, "\"a\"\n\"b\"", "ab", ""},
		{true, "{\"body\":\"a\",\"done\":true}", "a", ""},
		{true, "{\"ok\":true}\n", "", ""},
		{true, "nonsense\n", "", "no object such as"},
		{true, "[1]\n", "", "no object such as"},
		{true, "{\"delta\":\"half\"}\n{\"error\":{\"message\":\"overloaded\"}}\n", "half", "overloaded"},
		{true, "{\"delta\":\"" + long + "\"}\n{\"delta\":\"" + long + "\"}\n", long + long, "longer than 1 MiB"},
		{false, "data: " + long + "\ndata: " + long + "\n", "", "longer than 1 MiB"},
		{true, long + long, "", "longer than 1 MiB"},
	} {
		for _, size := range []int{1, 2, 3, 7, len(c.stream)} {
			if len(c.stream) > 10_000 && size < 100 {
				continue
			}
			s := &streamed{lines: c.lines}
			for rest := c.stream; rest != ""; rest = rest[min(size, len(rest)):] {
				_, _ = s.Write([]byte(rest[:min(size, len(rest))]))
			}
			s.end()
			if string(s.text) != c.text || (s.err == nil) != (c.no == "") || c.no != "" && !strings.Contains(s.err.Error(), c.no) {
				t.Errorf("%.80q by %d: %.40q %v", c.stream, size, s.text, s.err)
			}
		}
	}
}

// A streamed answer is read over both clients, and may take longer than the timeout as long as
// its parts do not; what it says so far is told meanwhile. One that stops fails.
func TestPostStreamed(t *testing.T) {
	next := make(chan string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for piece := range next {
			if piece == "abort" {
				panic(http.ErrAbortHandler)
			}
			_, _ = io.WriteString(w, piece)
			w.(http.Flusher).Flush()
		}
	}))
	t.Cleanup(server.Close)
	ev := &Event{ID: "evt_1", Component: "bot.example.com", Received: time.Now(), Stanza: stanza.Must(stanza.Parse("<message type='chat' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body></message>", stanza.Limits{}))}
	for _, full := range []bool{false, true} {
		c, err := NewClient(&Endpoint{Name: "e", URL: server.URL, Timeout: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		if full {
			c.plain = nil
		}
		texts := make(chan string, 10)
		c.OnStream = func(of *Event) Progress {
			texts <- of.ID
			return func(text []byte, _ int) { texts <- string(text) }
		}
		post := func() <-chan Verdict {
			v := make(chan Verdict, 1)
			go func() { v <- c.Post(context.Background(), ev) }()
			return v
		}
		wants := func(want string) {
			t.Helper()
			select {
			case got := <-texts:
				if got != want {
					t.Errorf("%q, want %q", got, want)
				}
			case <-time.After(time.Minute):
				t.Fatalf("no %q", want)
			}
		}
		v := post()
		for i, want := range []string{"a", "ab", "abc"} {
			next <- fmt.Sprintf("data: {\"delta\":%q}\n\n", want[i:])
			if i == 0 {
				wants("evt_1")
			}
			wants(want)
			time.Sleep(800 * time.Millisecond) // three of them are longer than the timeout
		}
		next <- "data: [DONE]\n\n"
		got := <-v
		if got.Outcome != Done || len(got.Replies) != 1 || got.Status != 200 {
			t.Fatalf("%+v", got)
		}
		if body, _ := got.Replies[0].Body(); body != "abc" || got.Replies[0].ID != "evt_1-1" {
			t.Errorf("%s", got.Replies[0].XML())
		}
		close(next)
		next = make(chan string)
		v = post()
		next <- "data: {\"delta\":\"half\"}\n\n"
		wants("evt_1")
		wants("half")
		next <- "abort"
		if got := <-v; got.Outcome != Again {
			t.Errorf("%+v", got)
		}
		if full { // the context of both ends alike
			close(next)
			continue
		}
		v = post()
		next <- "data: {\"delta\":\"half\"}\n\n"
		wants("evt_1")
		wants("half")
		if got := <-v; got.Outcome != Again || got.Reason != "no answer within 2s" {
			t.Errorf("%+v", got)
		}
		close(next)
		next = make(chan string)
	}
}
