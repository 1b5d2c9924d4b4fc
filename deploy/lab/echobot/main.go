// Echobot is a bot for measurements: it answers the text of a message with the text, in
// the format that it got, whichever of a webhook's formats that is.
//
//	go run ./deploy/lab/echobot -listen 127.0.0.1:8080
//
// It prints the address it listens on when it is ready; port 0 picks a free one. An
// address that begins with / is that of a Unix socket.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to take events on")
	flag.Parse()
	network := "tcp"
	if strings.HasPrefix(*listen, "/") {
		network = "unix"
	}
	l, err := net.Listen(network, *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	log.Fatal(http.Serve(l, http.HandlerFunc(answer)))
}

func answer(w http.ResponseWriter, r *http.Request) {
	request, err := io.ReadAll(r.Body)
	if err != nil {
		return // there is nobody to tell
	}
	kind, reply := "application/json", []byte(nil)
	if bytes.HasPrefix(request, []byte("<")) {
		kind, reply = "application/xmpp+xml", asXML(request)
	} else {
		reply = asJSON(request)
	}
	if reply == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(reply) // the client sees what is missing
}

// message is what is read of an event, and of the JSON of a module.
type message struct {
	Body string
	Data struct{ Body string }
}

// reply is the answer to a message; nil: there is no text.
func (m *message) reply() map[string]string {
	if m.Body+m.Data.Body == "" {
		return nil
	}
	return map[string]string{"body": m.Body + m.Data.Body}
}

// asJSON answers JSON, an array of events by an array; nil: there is no text.
func asJSON(request []byte) []byte {
	var answer any
	if bytes.HasPrefix(request, []byte("[")) {
		var several []message
		if json.Unmarshal(request, &several) != nil {
			return nil
		}
		replies := make([]map[string]string, len(several))
		for i := range several {
			replies[i] = several[i].reply()
		}
		answer = replies
	} else {
		var one message
		if json.Unmarshal(request, &one) != nil || one.reply() == nil {
			return nil
		}
		answer = one.reply()
	}
	out, err := json.Marshal(answer)
	if err != nil {
		return nil // strings can be written
	}
	return out
}

// asXML answers XML with the body as it stands; nil: there is none.
func asXML(request []byte) []byte {
	_, rest, _ := bytes.Cut(request, []byte("<body>"))
	body, _, ok := bytes.Cut(rest, []byte("</body>"))
	if !ok {
		return nil
	}
	return fmt.Appendf(nil, "<message type='chat'><body>%s</body></message>", body)
}
