// Echobot is a bot for measurements: it answers the text of a message with the text, in
// the format that it got, whichever of a webhook's formats that is.
//
//	go run ./deploy/lab/echobot -listen 127.0.0.1:8080
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
	listen := flag.String("listen", "127.0.0.1:0", "address to take events on")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
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

// asJSON answers JSON; nil: there is no text.
func asJSON(request []byte) []byte {
	var in struct {
		Body string
		Data struct{ Body string }
	}
	if err := json.Unmarshal(request, &in); err != nil || in.Body+in.Data.Body == "" {
		return nil
	}
	out, err := json.Marshal(map[string]string{"body": in.Body + in.Data.Body})
	if err != nil {
		return nil // a string can be written
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
