// Echo-go is a bot that answers each message with its text.
//
//	go run ./examples/echo-go [-listen 127.0.0.1:8080]
//
// It prints the address it listens on when it is ready; port 0 picks a free one.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
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

func answer(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Data struct{ Body string }
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, "this is no event: "+err.Error(), http.StatusBadRequest)
		return
	}
	if event.Data.Body == "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "You said: %s", event.Data.Body)
}
