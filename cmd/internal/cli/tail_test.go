package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

const textDeliveryEvent = `{"time":"2026-11-20T18:00:00.123456Z","id":"evt_1","endpoint":"echo","state":"%s","type":"message.chat","from":"u@example.com/x","to":"echo@bot.example.com","attempt":%s,"reason":%s}`

// connections is an instance whose tail answers each connection with the next text, and
// then ends the command.
type connections struct {
	mu    sync.Mutex
	texts []string
	end   context.CancelFunc
	asked []string
}

func (c *connections) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.URL.Path != "/v1/tail" {
		fmt.Fprint(w, `{"items":[],"next":null}`)
		return
	}
	c.asked = append(c.asked, fmt.Sprintf("%s %s %q", r.Header.Get("Accept"), r.URL.RawQuery, r.Header.Get("Last-Event-ID")))
	if len(c.texts) == 0 {
		c.end()
		return
	}
	if status, text, ok := strings.Cut(c.texts[0], " !"); ok {
		code := 0
		_, _ = fmt.Sscan(status, &code)
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"detail":%q}`, text)
	} else {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, c.texts[0])
	}
	c.texts = c.texts[1:]
}

// inTail runs a command against an instance with these connections.
func inTail(t *testing.T, line string, texts ...string) (code int, stdout, stderr string, c *connections) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c = &connections{texts: texts, end: cancel}
	s := httptest.NewServer(c)
	defer s.Close()
	t.Setenv(EnvAPI, s.URL)
	t.Setenv(envToken, "t")
	t.Setenv("TZ", "UTC")
	var out, errs strings.Builder
	code = Run(ctx, strings.Fields(line), &out, &errs, Bridge{})
	return code, out.String(), errs.String(), c
}

func TestTail(t *testing.T) {
	event := func(id, kind, data string) string {
		return fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", id, kind, data)
	}
	first := ": events follow\n\n" +
		event("7", "delivery", fmt.Sprintf(textDeliveryEvent, "queued", "null", "null")) +
		event("8", "delivery", fmt.Sprintf(textDeliveryEvent, "retrying", `{"n":1,"status":null,"duration_ms":1.25,"error":"connection refused\u001b[2J","note":null}`, `"connection refused\u001b[2J"`))
	second := event("9", "gap", `{"lost":12}`) +
		event("10", "delivery", fmt.Sprintf(textDeliveryEvent, "delivered", `{"n":2,"status":200,"duration_ms":2,"error":null,"note":"answered text/html"}`, "null")) +
		event("11", "link", `{"time":"2026-11-20T18:00:00Z","component":"bot.example.com","state":"down","reason":null}`) +
		event("12", "http", `{"time":"2026-11-20T18:00:00Z","token":"ops","method":"GET","route":"/v1/status","status":200,"ms":1.5}`) +
		event("13", "new", `{"a":1}`) +
		event("14", "end", `{"reason":"stopping","detail":"stanzahook is stopping"}`)
	code, out, errs, c := inTail(t, "tail --endpoint echo --jid u@example.com --kinds delivery,link", first, second)
	want := "18:00:00.123 delivery queued echo message.chat u@example.com/x → echo@bot.example.com evt_1\n" +
		"18:00:00.123 delivery retrying echo message.chat u@example.com/x → echo@bot.example.com attempt 1: no answer, 1.2 ms (connection refused [2J) evt_1\n" +
		"gap: 12 events were lost\n" +
		"18:00:00.123 delivery delivered echo message.chat u@example.com/x → echo@bot.example.com attempt 2: 200, 2.0 ms (answered text/html) evt_1\n" +
		"18:00:00.000 link bot.example.com down\n" +
		"18:00:00.000 http ops GET /v1/status 200 1.5\n" +
		"new {\"a\":1}\n"
	if code != 0 || out != want {
		t.Errorf("exit code %d\n%s\nwant\n%s", code, out, want)
	}
	if want := "the instance closed the stream\nconnecting again …\nconnected again\nthe instance ended the stream: stanzahook is stopping\nconnecting again …\n"; strings.TrimSuffix(errs, "connected again\n") != want { // it may see the connection that ends it
		t.Errorf("%s\nwant\n%s", errs, want)
	}
	const query = "text/event-stream endpoint=echo&jid=u%40example.com&kinds=delivery%2Clink "
	if got, want := strings.Join(c.asked, "\n"), query+"\"\"\n"+query+"\"8\"\n"+query+"\"14\""; got != want {
		t.Errorf("asked\n%s\nwant\n%s", got, want)
	}
}

// What a script reads is what came.
func TestTailAsJSON(t *testing.T) {
	code, out, errs, _ := inTail(t, "tail --json", "id: 7\nevent: link\ndata: {\"a\":\ndata: \"<é>\"}\n\n: heartbeat\n\nid: 8\n\ndata: 1\n\nid: 9\nevent: end\ndata: {\"reason\":\"forbidden\",\"detail\":\"the scope is gone\"}\n\n")
	if want := "{\"event\":\"link\",\"id\":\"7\",\"data\":{\"a\":\"<é>\"}}\n{\"event\":\"message\",\"id\":\"8\",\"data\":1}\n"; code != 1 || out != want || errs != "the instance ended the stream: the scope is gone\n" {
		t.Errorf("exit code %d\n%s%s\nwant\n%s", code, out, errs, want)
	}
}

// Whoever may not read is told, also later; a place may become free again.
func TestTailRefused(t *testing.T) {
	code, _, errs, _ := inTail(t, "tail", "503 !all places are taken")
	if code != 1 || errs != "all places are taken\n" {
		t.Errorf("exit code %d: %s", code, errs)
	}
	code, _, errs, c := inTail(t, "tail", "id: 1\ndata: 1\n\n", "503 !all places are taken", "401 !no such token")
	if code != 1 || len(c.asked) != 3 || !strings.HasPrefix(errs, "the instance closed the stream\nconnecting again …\nno such token\nPut a token with the scope read into ") {
		t.Errorf("exit code %d, %d connections: %s", code, len(c.asked), errs)
	}
	code, _, errs, _ = inTail(t, "tail", "data: <html>\n\n")
	if code != 0 || !strings.HasPrefix(errs, "an event of the stream is not JSON; is this stanzahook?\n") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestDeliveriesFollow(t *testing.T) {
	stream := "id: 1\nevent: delivery\ndata: " + fmt.Sprintf(textDeliveryEvent, "queued", "null", "null") + "\n\n" +
		"id: 2\nevent: delivery\ndata: " + fmt.Sprintf(textDeliveryEvent, "dead", "null", `"given up"`) + "\n\n"
	code, out, _, c := inTail(t, "deliveries list --follow --endpoint echo --jid u@example.com/x --state dead", stream)
	if want := "18:00:00.123 delivery dead echo message.chat u@example.com/x → echo@bot.example.com (given up) evt_1\n"; code != 0 || out != want {
		t.Errorf("exit code %d\n%s\nwant\n%s", code, out, want)
	}
	if want := `text/event-stream endpoint=echo&jid=u%40example.com&kinds=delivery ""`; c.asked[0] != want {
		t.Errorf("asked %s, want %s", c.asked[0], want)
	}
}
