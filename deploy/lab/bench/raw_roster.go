//go:build linux

package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// What stanzahook does by default.
const (
	rawConcurrency = 16 // users at a time
	rawItems       = 20 // contacts in an IQ
)

// rawRosters makes the requests of a refresh and nothing else: it asks no web
// application, compares nothing and stores nothing. What it reaches is what the server
// can do.
type rawRosters struct {
	get    func(user string) error
	change func(user string, edits []rosterEdit) error
}

// refresh makes the requests for all users: one if nothing has changed, else the changes
// between two.
func (r *rawRosters) refresh(users []string, edits []rosterEdit) error {
	next := make(chan string)
	errs := make([]error, rawConcurrency)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for user := range next {
				err := r.get(user)
				if len(edits) > 0 && err == nil {
					if err = r.change(user, edits); err == nil {
						err = r.get(user)
					}
				}
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	for _, user := range users {
		next <- user
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

// rawComponent is a component (XEP-0114) that sends IQs.
type rawComponent struct {
	conn   net.Conn
	domain string

	mu      sync.Mutex
	last    int
	waiting map[string]*rawIQ
}

// rawIQ is an IQ that waits for its answers.
type rawIQ struct {
	left int
	done chan error
}

func rawRosterComponent(s *lab.Server, domain string) (*rawRosters, net.Conn, error) {
	conn, err := net.Dial("tcp", s.ComponentAddr())
	if err != nil {
		return nil, nil, err
	}
	c := &rawComponent{conn: conn, domain: domain, waiting: make(map[string]*rawIQ)}
	buf := make([]byte, 64<<10)
	fmt.Fprintf(conn, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>", domain)
	n, err := conn.Read(buf)
	if err != nil {
		return nil, nil, err
	}
	_, header, _ := bytes.Cut(buf[:n], []byte("<stream:stream"))
	fmt.Fprintf(conn, "<handshake>%x</handshake>", sha1.Sum(append(idOf(header), harness.Secret...)))
	if n, err = conn.Read(buf); err != nil || !bytes.Contains(buf[:n], []byte("<handshake")) {
		return nil, nil, fmt.Errorf("instead of a handshake came %q: %w", buf[:n], err)
	}
	go c.read(buf) // until the connection is closed
	return &rawRosters{
		get: func(user string) error { return c.ask("get", user, "", 1) },
		change: func(user string, edits []rosterEdit) error {
			for some := range slices.Chunk(edits, rawItems) {
				var items strings.Builder
				for _, e := range some {
					if e.remove {
						fmt.Fprintf(&items, "<item jid='%s' subscription='remove'/>", e.contact)
					} else {
						fmt.Fprintf(&items, "<item jid='%s' name='%s' subscription='both'><group>Friends</group></item>", e.contact, e.name)
					}
				}
				if err := c.ask("set", user, items.String(), len(some)); err != nil {
					return err
				}
			}
			return nil
		},
	}, conn, nil
}

// ask sends an IQ, and waits for n answers.
func (c *rawComponent) ask(kind, user, items string, n int) error {
	iq := &rawIQ{n, make(chan error, 1)}
	c.mu.Lock()
	c.last++
	id := strconv.Itoa(c.last)
	c.waiting[id] = iq
	_, err := fmt.Fprintf(c.conn, "<iq type='%s' id='%s' from='%s/roster' to='%s@localhost'><query xmlns='jabber:iq:roster'>%s</query></iq>", kind, id, c.domain, user, items)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return <-iq.done
}

// read reads IQs.
func (c *rawComponent) read(buf []byte) {
	var data []byte
	for {
		n, err := c.conn.Read(buf)
		if err != nil {
			c.mu.Lock()
			for _, iq := range c.waiting {
				iq.done <- err
			}
			c.mu.Unlock()
			return
		}
		data = append(data, buf[:n]...)
		for {
			begin := bytes.Index(data, []byte("<iq "))
			if begin < 0 {
				break
			}
			data = data[begin:]
			end := bytes.IndexByte(data, '>') + 1
			if end > 1 && data[end-2] != '/' {
				after := bytes.Index(data, []byte("</iq>"))
				end = after + len("</iq>")
				if after < 0 {
					break
				}
			}
			if end == 0 {
				break
			}
			c.answered(data[:end])
			data = data[end:]
		}
	}
}

func (c *rawComponent) answered(answer []byte) {
	tag, _, _ := bytes.Cut(answer, []byte(">"))
	id := string(idOf(tag))
	c.mu.Lock()
	defer c.mu.Unlock()
	iq := c.waiting[id]
	if iq == nil {
		return
	}
	iq.left--
	failed := bytes.Contains(answer, []byte("<error"))
	if iq.left > 0 && !failed {
		return
	}
	delete(c.waiting, id)
	if failed {
		iq.done <- fmt.Errorf("the server answered %s", answer)
		return
	}
	iq.done <- nil
}

// idOf returns the id in a start tag.
func idOf(tag []byte) []byte {
	for _, quote := range []string{"'", `"`} {
		if _, id, ok := bytes.Cut(tag, []byte(" id="+quote)); ok {
			id, _, _ = bytes.Cut(id, []byte(quote))
			return id
		}
	}
	return nil
}

// rawAPI makes the calls of ejabberd's API.
func rawAPI(url string) *rawRosters {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: rawConcurrency}}
	call := func(command string, args map[string]any) (int, error) {
		body, err := json.Marshal(args)
		if err != nil {
			return 0, err
		}
		r, err := http.NewRequest(http.MethodPost, url+"/"+command, bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		r.SetBasicAuth(harness.RosterAdmin+"@localhost", harness.RosterPassword)
		resp, err := client.Do(r)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s %s", command, resp.Status, text)
		}
		return resp.StatusCode, err
	}
	// Of two versions of a command the server knows one.
	probe := map[string]any{"localuser": "nobody", "localhost": "localhost", "user": "a", "host": "b", "nick": "", "subs": "none", "groups": []string{}}
	status, _ := call("add_rosteritem/v1", probe)
	return &rawRosters{
		get: func(user string) error {
			_, err := call("get_roster", map[string]any{"user": user, "host": "localhost"})
			return err
		},
		change: func(user string, edits []rosterEdit) error {
			_, err := call("check_account", map[string]any{"user": user, "host": "localhost"})
			for _, e := range edits {
				if err != nil {
					break
				}
				name, host, _ := strings.Cut(e.contact, "@")
				args := map[string]any{"localuser": user, "localhost": "localhost", "user": name, "host": host}
				command := "delete_rosteritem"
				if !e.remove {
					args["nick"], args["subs"] = e.name, "both"
					command = "add_rosteritem/v1"
					args["groups"] = []string{"Friends"}
					if status != http.StatusOK {
						command = "add_rosteritem"
						args["group"] = "Friends"
						delete(args, "groups")
					}
				}
				_, err = call(command, args)
			}
			return err
		},
	}
}
