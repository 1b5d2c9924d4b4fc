// Echo-go is a bot that answers each message with its text. It takes events one by one,
// and several in an array (batch), which it answers by an array.
//
//	go run ./examples/echo-go [-listen 127.0.0.1:8080]
//
// It prints the address it listens on when it is ready; port 0 picks a free one.
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
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to take events on")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	log.Fatal(http.Serve(l, http.HandlerFunc(answer)))
}

type event struct {
	Data struct{ Body string }
}

// reply is the answer to an event: a text; nil: there is nothing to say.
func (e *event) reply() any {
	if e.Data.Body == "" {
		return nil
	}
	return "You said: " + e.Data.Body
}

func answer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // there is nobody to tell
	}
	var replies any
	if bytes.HasPrefix(body, []byte("[")) {
		var events []event
		err = json.Unmarshal(body, &events)
		all := make([]any, len(events))
		for i := range events {
			all[i] = events[i].reply()
		}
		replies = all
	} else {
		var one event
		err = json.Unmarshal(body, &one)
		replies = one.reply()
	}
	if err != nil {
		http.Error(w, "this is no event: "+err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(replies) // the client sees what is missing
}
