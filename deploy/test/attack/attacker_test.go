//go:build integration

package attack

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// attackerTask is the variable of the environment with what an attacker does, in JSON. The
// attacker is a process of its own, so that what it takes of the machine is not taken of the
// victim's, which measures.
const attackerTask = "STANZAHOOK_ATTACKER"

// attacker posts to paths as quickly as its connections let it.
type attacker struct {
	Addr        string
	Paths       []string
	Header      string // lines, each with its end
	Body        string
	Connections int
	For         time.Duration
}

// neighbourTask is the variable of the environment that makes a process a neighbour.
const neighbourTask = "STANZAHOOK_NEIGHBOUR"

// startNeighbour starts a process that refuses whoever posts to it, as many a second as we do, and does
// nothing else, and returns its address. What attackers of the neighbour cost the victim, the machine
// costs; the rest is ours.
func startNeighbour(t *testing.T) (addr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), neighbourTask+"=yes"), os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

func neighbourMain() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(l.Addr())
	turns := rate.NewLimiter(1000, 100)
	err = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if turns.Wait(r.Context()) == nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// posted is what became of an attacker's requests.
type posted struct {
	Statuses map[int]int
	Broken   int // without an answer
	Dials    int
}

// run runs the attacker in a process of its own.
func (a attacker) run(ctx context.Context) (posted, error) {
	var p posted
	task, err := json.Marshal(a)
	if err != nil {
		return p, err
	}
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), attackerTask+"="+string(task)), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(out, &p)
}

func attackerMain(task string) int {
	var a attacker
	if err := json.Unmarshal([]byte(task), &a); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	all := posted{Statuses: make(map[int]int)}
	var wg sync.WaitGroup
	until := time.Now().Add(a.For)
	for i := range a.Connections {
		wg.Go(func() {
			one := a.post(i, until)
			mu.Lock()
			defer mu.Unlock()
			all.Broken += one.Broken
			all.Dials += one.Dials
			for status, n := range one.Statuses {
				all.Statuses[status] += n
			}
		})
	}
	wg.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// post posts over one connection after the other.
func (a *attacker) post(first int, until time.Time) posted {
	p := posted{Statuses: make(map[int]int)}
	var c net.Conn
	var in *bufio.Reader
	for n := first; time.Now().Before(until); n++ {
		if c == nil {
			var err error
			if c, err = net.Dial("tcp", a.Addr); err != nil {
				p.Broken++
				continue
			}
			p.Dials++
			in = bufio.NewReader(c)
		}
		closes := true
		if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", a.Paths[n%len(a.Paths)], a.Header, len(a.Body), a.Body); err != nil {
			p.Broken++
		} else if resp, err := http.ReadResponse(in, nil); err != nil {
			p.Broken++
		} else {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			p.Statuses[resp.StatusCode]++
			closes = resp.Close
		}
		if closes {
			_ = c.Close()
			c = nil
		}
	}
	if c != nil {
		_ = c.Close()
	}
	return p
}
