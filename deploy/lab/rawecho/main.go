// Rawecho is a component (XEP-0114) that sends every message back and does
// nothing else: what it reaches is what the server can route. What the whole
// way over a webhook reaches is measured against it.
//
//	go run ./deploy/lab/rawecho -addr 127.0.0.1:5347 -domain raw.localhost -secret "a secret"
//
// It prints a line when it is connected.
package main

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:5347", "the server's component listener")
	domain := flag.String("domain", "raw.localhost", "the component's domain")
	secret := flag.String("secret", "", "the component's secret")
	flag.Parse()
	log.Fatal(run(*addr, *domain, *secret))
}

func run(addr, domain, secret string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	buf := make([]byte, 256<<10)
	fmt.Fprintf(conn, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>", domain)
	n, err := conn.Read(buf)
	if err != nil {
		return fmt.Errorf("read the server's stream header: %w", err)
	}
	id := attribute(buf[:n], "id")
	if len(id) == 0 {
		return fmt.Errorf("no stream id in %q", buf[:n])
	}
	fmt.Fprintf(conn, "<handshake>%x</handshake>", sha1.Sum(append(id, secret...)))
	if n, err = conn.Read(buf); err != nil || !bytes.Contains(buf[:n], []byte("<handshake")) {
		return fmt.Errorf("instead of a handshake came %q: %w", buf[:n], err)
	}
	fmt.Println("connected")
	return echo(conn, buf)
}

// echo answers all messages of a read with one write.
func echo(conn net.Conn, buf []byte) error {
	var out []byte
	rest := 0 // of a message that is not complete
	for {
		n, err := conn.Read(buf[rest:])
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		data := buf[:rest+n]
		out = out[:0]
		for {
			end := bytes.Index(data, []byte("</message>"))
			if end < 0 {
				break
			}
			out = answer(out, data[:end])
			data = data[end+len("</message>"):]
		}
		if rest = copy(buf, data); rest == len(buf) {
			return errors.New("a stanza is too large")
		}
		if _, err := conn.Write(out); err != nil && len(out) > 0 {
			return fmt.Errorf("write: %w", err)
		}
	}
}

// answer appends the answer to a message, without its end tag.
func answer(out, message []byte) []byte {
	at := bytes.Index(message, []byte("<message"))
	if at < 0 || bytes.Equal(attribute(message, "type"), []byte("error")) {
		return out
	}
	message = message[at:]
	_, body, ok := bytes.Cut(message, []byte("<body>"))
	if !ok {
		return out
	}
	body, _, _ = bytes.Cut(body, []byte("</body>"))
	out = append(append(out, "<message type='chat' from='"...), attribute(message, "to")...)
	out = append(append(out, "' to='"...), attribute(message, "from")...)
	out = append(append(out, "'><body>"...), body...)
	return append(out, "</body></message>"...)
}

// attribute returns the first value of an attribute.
func attribute(data []byte, name string) []byte {
	for _, quote := range []string{"'", `"`} {
		if _, value, ok := bytes.Cut(data, []byte(" "+name+"="+quote)); ok {
			value, _, _ = bytes.Cut(value, []byte(quote))
			return value
		}
	}
	return nil
}
