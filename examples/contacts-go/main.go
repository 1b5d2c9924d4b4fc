// Contacts-go is a web application that knows who is whose contact: a roster source.
//
//	go run ./examples/contacts-go [-listen 127.0.0.1:8081]
//
//	GET /contacts/USER    his contacts: {"john@example.com": {"name": "John", "groups": ["Friends"]}}
//	PUT /contacts/USER    other contacts; they are kept in memory
//
// It prints the address it listens on when it is ready; port 0 picks a free one.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8081", "address to take requests on")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	log.Fatal(http.Serve(l, newContacts()))
}

// newContacts is the web application. A user it does not know is no user without
// contacts: it answers 404, and stanzahook leaves the roster as it is.
func newContacts() http.Handler {
	var all sync.Map // user -> JSON
	mux := http.NewServeMux()
	mux.HandleFunc("GET /contacts/{user}", func(w http.ResponseWriter, r *http.Request) {
		contacts, known := all.Load(r.PathValue("user"))
		if !known {
			http.Error(w, "no such user", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(contacts.([]byte)) // fails when the caller has gone
	})
	mux.HandleFunc("PUT /contacts/{user}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil || !json.Valid(body) {
			http.Error(w, "this is no JSON", http.StatusBadRequest)
			return
		}
		all.Store(r.PathValue("user"), body)
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}
