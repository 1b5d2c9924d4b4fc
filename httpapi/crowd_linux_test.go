package httpapi

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// besieged is a server at whose door there is a crowd.
type besieged struct {
	testing.TB
	*Server
	addr string
}

// besiege starts a server with /door/{secret}, /v1/x for the token "right", and /open.
func besiege(t testing.TB, o Options, change ...func(*Server)) *besieged {
	o.Listen = "127.0.0.1:0"
	o.Tokens = []Token{{Name: "t", Hash: sha256.Sum256([]byte("right"))}}
	o.Open = []Route{{Method: "GET", Path: "/open", Handler: http.HandlerFunc(says)}, {Method: "GET", Path: "/v1/open", Handler: http.HandlerFunc(says)}}
	s := NewServer(New(o, besiegedDoor(), Mount{Prefix: "/v1", Challenge: true, Routes: []Route{{Method: "GET", Path: "/v1/x", Handler: http.HandlerFunc(says)}, {Method: "POST", Path: "/v1/x", Handler: http.HandlerFunc(says)}}},
		Mount{Prefix: "/old", Routes: []Route{{Method: "GET", Path: "/old/x", Handler: http.HandlerFunc(says)}}, Basic: func(_ *http.Request, user, password string) (Identity, *Fault, bool) {
			var who Identity
			who.Name = user
			return who, nil, user == "romeo" && password == "pass"
		}}))
	for _, f := range change {
		f(s)
	}
	addr, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	x := &besieged{t, s, addr}
	x.crowd(true)
	return x
}

func besiegedDoor() Mount {
	return Mount{Prefix: "/door", Stranger: NewStranger("who are you?", nil), Routes: []Route{{Method: "POST", Path: "/door/{secret}"}},
		Admit: func(r *http.Request, path string) Admission {
			a := Admission{Route: "/door/{secret}", Unproven: r.Header.Get("Signed") != ""}
			switch {
			case path == "/door/right":
				a.Handler, a.Who.Name = http.HandlerFunc(says), "right"
			case path == "/door/panic":
				panic("a mistake")
			}
			return a
		}}
}

// says answers with what has come of a request.
func says(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s %s %d %v %d %s %v %t", r.Method, r.RequestURI, r.Proto, r.Host, r.ContentLength, r.TransferEncoding, len(r.Header.Get("X-Long")), body, err, ClientAddress(r.Context()).IsLoopback())
}

// crowd lets so many strangers come that none finds a place, for ever, or ends it.
func (x *besieged) crowd(yes bool) {
	x.Helper()
	s := x.live.strangers
	s.mu.Lock()
	if yes {
		s.next = math.MaxInt64 / 2
		s.of[networkOf(netip.MustParseAddr("127.0.0.1"))] = mostStrangers / 2
		s.crowdUntil.Store(math.MaxInt64)
	} else {
		s.next = 0
		clear(s.of)
		s.crowdUntil.Store(0)
	}
	s.mu.Unlock()
	if yes { // the one that the server waits for comes as in peace
		x.dial("GET /open HTTP/1.0\r\n\r\n").answer()
	}
}

// caller is a connection of one.
type caller struct {
	*net.TCPConn
	x *besieged
}

// dial connects, and sends parts of a request.
func (x *besieged) dial(parts ...string) caller {
	x.Helper()
	c, err := net.Dial("tcp", x.addr)
	if err != nil {
		x.Fatal(err)
	}
	x.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	for i, part := range parts {
		if i > 0 {
			time.Sleep(time.Millisecond) // so that it is looked at
		}
		if _, err := io.WriteString(c, part); err != nil {
			x.Errorf("part %d: %v", i, err)
		}
	}
	return caller{c.(*net.TCPConn), x}
}

// answer is all that the server says up to the end of the connection, but for what differs each time.
func (c caller) answer() string {
	c.x.Helper()
	data, err := io.ReadAll(c)
	if err != nil {
		c.x.Errorf("%q: %v", data, err)
	}
	return regexp.MustCompile(`(?m)^(Date|X-Request-Id): .*\r\n`).ReplaceAllString(string(data), "$1\r\n")
}

// tarpit answers all that are in the tarpit, without the delay.
func (x *besieged) tarpit() {
	p := x.live.tarpit
	p.mu.Lock()
	var due []time.Duration
	for d := range p.by {
		due = append(due, d)
	}
	p.mu.Unlock()
	var wg sync.WaitGroup
	for _, d := range due { // each lingers
		wg.Go(func() { p.onPulse(d) })
	}
	wg.Wait()
}

func (x *besieged) until(what string, ok func(Strangers) bool) {
	x.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		n := x.Handler().Strangers()
		if ok(n) {
			return
		}
		if time.Now().After(deadline) {
			x.Fatalf("%s: %+v", what, n)
		}
	}
}

// requests are such that may be somebody's, and end their connections.
var requests = map[string]string{
	"a token":              "GET /v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer right\r\nConnection: close\r\n\r\n",
	"a token and a body":   "POST /v1/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer right\r\nContent-Length: 4\r\n\r\nbody",
	"chunks":               "POST /v1/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer right\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
	"100-continue":         "POST /v1/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer right\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
	"HTTP/1.0":             "GET /v1/x HTTP/1.0\r\nAuthorization: Bearer right\r\n\r\n",
	"two in a row":         "GET /v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer right\r\n\r\nPOST /door/right HTTP/1.1\r\nHost: y\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
	"lines without CR":     "GET /v1/x HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer right\n\n",
	"an absolute URI":      "GET http://x/v1/x HTTP/1.1\r\nHost: y\r\nConnection: close\r\nAuthorization: Bearer right\r\n\r\n",
	"the name of a token":  "GET /v1/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic dDpyaWdodA==\r\n\r\n",
	"a password":           "GET /old/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic cm9tZW86cGFzcw==\r\n\r\n",
	"a secret in the path": "POST /door/right HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody",
	"an open path":         "GET /open?a=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	"open below a mount":   "GET /v1/open HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer wrong\r\n\r\n",
	"health":               "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	"a long head":          "GET /v1/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer right\r\nX-Long: " + strings.Repeat("x", 14<<10) + "\r\n\r\n",
	"too long a head":      "GET /v1/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer right\r\nX-Long: " + strings.Repeat("x", headBytes) + "\r\n\r\n",
	"no HTTP":              "SSH-2.0-OpenSSH_9.6\r\n\r\n",
	"no host":              "GET /v1/x HTTP/1.1\r\nAuthorization: Bearer right\r\n\r\n",
	"two lengths":          "POST /v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer right\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
	"a mistake of ours":    "POST /door/panic HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
}

// Who may be somebody has the same answers in a crowd as without one, however the request comes.
func TestCrowdPassesOn(t *testing.T) {
	want := make(map[string]string)
	x := besiege(t, Options{})
	x.crowd(false)
	for name, text := range requests {
		want[name] = x.dial(text).answer()
		if name != "a mistake of ours" && !strings.HasPrefix(want[name], "HTTP/1.") {
			t.Errorf("%s: %q", name, want[name])
		}
	}
	x.crowd(true)
	before := x.Handler().Strangers()
	for name, text := range requests {
		half := len(text) / 2
		ways := map[string][]string{"whole": {text}, "after a while": {"", text}, "in halves": {text[:half], text[half:]}, "in three": {text[:1], text[1 : len(text)-1], text[len(text)-1:]}}
		if len(text) < 100 {
			ways["by byte"] = strings.Split(text, "")
		}
		for way, parts := range ways {
			t.Run(name+", "+way, func(t *testing.T) {
				x := &besieged{t, x.Server, x.addr}
				c := x.dial(parts...)
				if strings.HasPrefix(way, "w") && !strings.Contains(name, "too long") {
					_ = c.CloseWrite()
				}
				if got := c.answer(); got != want[name] {
					t.Errorf("got\n%s\nwant\n%s", got, want[name])
				}
			})
		}
	}
	if after := x.Handler().Strangers(); after.Late != before.Late || after.Arriving != 0 {
		t.Errorf("%+v, and before: %+v", after, before)
	}
}

// strange are requests of nobody, with the status of the answer.
var strange = map[string]struct {
	text   string
	status string
}{
	"a wrong secret":              {"POST /door/wrong HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 1000), "401 Unauthorized"},
	"a body that is missing":      {"POST /door/wrong HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "401 Unauthorized"},
	"a wrong token":               {"POST /v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nContent-Length: 0\r\n\r\n", "401 Unauthorized"},
	"no token":                    {"GET /v1/x HTTP/1.1\r\nHost: x\r\n\r\n", "401 Unauthorized"},
	"the same by HEAD":            {"HEAD /v1/x HTTP/1.1\r\nHost: x\r\n\r\n", "401 Unauthorized"},
	"an odd scheme":               {"GET /v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Digest x\r\n\r\n", "401 Unauthorized"},
	"two tokens":                  {"GET /v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer right\r\nAuthorization: Bearer right\r\n\r\n", "401 Unauthorized"},
	"a wrong token, no challenge": {"GET /old/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\n\r\n", "403 Forbidden"},
	"a path that is none":         {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found"},
	"HTTP/1.0":                    {"GET /nothing HTTP/1.0\r\n\r\n", "404 Not Found"},
}

// A stranger in a crowd has its answer late, and waits without a goroutine.
func TestCrowdTurnsAway(t *testing.T) {
	x := besiege(t, Options{})
	before := runtime.NumGoroutine()
	all := make(map[string][]caller)
	n := int64(0)
	for name, c := range strange {
		head := strings.Index(c.text, "\r\n\r\n")
		for _, parts := range [][]string{{c.text}, {c.text[:5], c.text[5:]}, {"", c.text[:head+3], c.text[head+3:]}} {
			all[name] = append(all[name], x.dial(parts...))
			n++
		}
	}
	x.until("all wait", func(s Strangers) bool { return s.Late == n && int64(s.InTarpit) == n && s.Arriving == 0 })
	if more := runtime.NumGoroutine() - before; more > 5 {
		t.Errorf("%d goroutines for %d", more, n)
	}
	x.tarpit()
	for name, callers := range all {
		for i, c := range callers {
			got := c.answer()
			if !strings.HasPrefix(got, "HTTP/1.1 "+strange[name].status+"\r\n") || !strings.Contains(got, "\r\nConnection: close\r\n") || !strings.Contains(got, "X-Request-Id") || !strings.Contains(got, "Date") {
				t.Errorf("%s, %d: %s", name, i, got)
			}
		}
	}
	if open, _ := x.Connections(); open != 0 {
		t.Errorf("%d connections are open", open)
	}
}

// A stranger that has its turn is answered then; one that has gone is not, but takes its turn.
func TestCrowdTakesTurns(t *testing.T) {
	x := besiege(t, Options{})
	s := x.live.strangers
	s.mu.Lock()
	s.next = time.Since(s.start) + 100*time.Millisecond
	clear(s.of)
	s.mu.Unlock()
	text := strange["a wrong secret"].text
	began := x.Handler().Strangers()
	if got := x.dial(text).answer(); !strings.HasPrefix(got, "HTTP/1.1 401 ") || !strings.Contains(got, "\r\nConnection: close\r\n") {
		t.Error(got)
	}
	_ = x.dial(text).Close()
	x.until("both", func(n Strangers) bool { return n.Answered == began.Answered+2 })
	if n := x.Handler().Strangers(); n.Delayed == began.Delayed || n.Closed != began.Closed || n.Late != began.Late {
		t.Errorf("%+v, and before: %+v", n, began)
	}
	// Without a crowd they have it at once.
	s.mu.Lock()
	s.next = 0
	s.mu.Unlock()
	if got := x.dial(text).answer(); !strings.HasPrefix(got, "HTTP/1.1 401 ") {
		t.Error(got)
	}
	x.until("none waits", func(n Strangers) bool { return n.Waiting == 0 })
}

// Over the bound of the tarpit strangers are answered at once. Those that have gone are not in it.
func TestCrowdIsBounded(t *testing.T) {
	x := besiege(t, Options{MaxConnections: 64}) // of which the tarpit has 16
	text := strange["a wrong secret"].text
	was := x.Handler().Strangers()
	for range 100 {
		_ = x.dial(text).Close()
	}
	x.until("all were seen", func(n Strangers) bool { return n.Answered == was.Answered+100 })
	if n := x.Handler().Strangers(); n.InTarpit > 90 {
		t.Errorf("%+v", n)
	}
	x.tarpit()
	for range 16 {
		x.dial(text)
	}
	x.until("the tarpit is full", func(n Strangers) bool { return n.InTarpit == 16 })
	if got := x.dial(text).answer(); !strings.HasPrefix(got, "HTTP/1.1 401 ") {
		t.Error(got)
	}
	if n := x.Handler().Strangers(); n.InTarpit != 16 {
		t.Errorf("%+v", n)
	}
}

// Connections whose request does not come, or not whole, tie nothing, and who may is served all the
// while.
func TestCrowdOfSilent(t *testing.T) {
	x := besiege(t, Options{MaxConnections: 40}) // of which one network has 20
	before := runtime.NumGoroutine()
	right := requests["a token"]
	for i := range 100 {
		x.dial([]string{"", "G", "GET /v1/x HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 10<<10)}[i%3])
		if i%10 == 0 {
			if got := x.dial(right).answer(); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
				t.Fatal(got)
			}
		}
	}
	x.until("some are there", func(n Strangers) bool { return n.Arriving >= 15 && n.Arriving <= 20 })
	if more := runtime.NumGoroutine() - before; more > 5 {
		t.Errorf("%d goroutines", more)
	}
	slow := x.dial(right[:10])
	for i := range 1 << 10 { // 1 MiB of headers
		if _, err := io.WriteString(slow, "X-"+strings.Repeat("x", 1018)+":\r\n"); err != nil {
			break
		} else if i%100 == 0 {
			if got := x.dial(right).answer(); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
				t.Fatal(got)
			}
		}
	}
	late := x.dial(right[:10])
	x.until("it is there", func(n Strangers) bool { return n.Arriving >= 15 })
	x.crowd(false) // net/http has all of them now
	x.until("none is left", func(n Strangers) bool { return n.Arriving == 0 })
	if _, err := io.WriteString(late, right[10:]); err != nil {
		t.Error(err)
	}
	if got := late.answer(); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Error(got)
	}
}

// A head that does not come in time ends its connection, and so does the end of it, and a stop.
func TestCrowdEndsConnections(t *testing.T) {
	x := besiege(t, Options{}, func(s *Server) { s.connections.headerTimeout = 50 * time.Millisecond })
	if got := x.dial("GET /v1/x").answer(); got != "" {
		t.Error(got)
	}
	x.connections.mu.Lock()
	open := x.connections.open
	x.connections.mu.Unlock()
	if open != 0 {
		t.Errorf("%d connections are open", open)
	}

	x = besiege(t, Options{})
	c := x.dial("GET /v1/x")
	x.until("it is there", func(n Strangers) bool { return n.Arriving == 1 })
	_ = c.CloseWrite()
	if got := c.answer(); got != "" {
		t.Error(got)
	}
	held, late := x.dial("GET /v1/x"), x.dial(strange["no token"].text)
	x.until("both are there", func(n Strangers) bool { return n.Arriving == 1 && n.InTarpit == 1 })
	if err := x.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for _, c := range []caller{held, late} {
		if got := c.answer(); got != "" {
			t.Error(got)
		}
	}
	x.until("none is left", func(n Strangers) bool { return n.Arriving == 0 && n.InTarpit == 0 })
	if open, _ := x.Connections(); open != 0 {
		t.Errorf("%d connections are open", open)
	}
}
