// Photo-go is a bot that takes a photo and answers with its mirror image.
//
//	go run ./examples/photo-go [-listen 127.0.0.1:8080] [-api http://127.0.0.1:5290]
//
// It uploads the answer by way of stanzahook, with a token of the scope send in
// STANZAHOOK_TOKEN. It prints the address it listens on when it is ready; port 0 picks a free
// one. It fetches only what the XMPP server has from people: it refuses addresses of hosts
// that are not listed with -from, if there are any.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/jpeg"
	_ "image/png"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Bounds of a photo.
const (
	maxBytes  = 20 << 20
	maxPixels = 50_000_000
)

type bot struct {
	api, token string
	hosts      []string // that photos come from; empty: any
	client     http.Client
}

type event struct {
	Data struct {
		To          string
		Text        string
		Attachments []struct{ URL string }
	}
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to take events on")
	api := flag.String("api", cmp.Or(os.Getenv("STANZAHOOK_API"), "http://127.0.0.1:5290"), "stanzahook's HTTP API")
	from := flag.String("from", "", "hosts that photos come from, with commas between them, such as upload.example.com")
	flag.Parse()
	b := &bot{api: *api, token: os.Getenv("STANZAHOOK_TOKEN"), client: http.Client{Timeout: time.Minute}}
	if b.token == "" {
		log.Fatal("STANZAHOOK_TOKEN is empty; it needs a token with the scope send")
	}
	if *from != "" {
		b.hosts = strings.Split(*from, ",")
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	log.Fatal(http.Serve(l, b))
}

// ServeHTTP answers an event.
func (b *bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e event
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		http.Error(w, "this is no event: "+err.Error(), http.StatusBadRequest)
		return
	}
	answer := map[string]any{"body": "Send me a photo."}
	if len(e.Data.Attachments) > 0 {
		id, err := b.mirrored(e.Data.To, e.Data.Attachments[0].URL)
		if err != nil {
			answer["body"] = "That did not work: " + err.Error()
		} else {
			answer = map[string]any{"files": []any{map[string]string{"id": id}}}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client sees what is missing
}

// mirrored uploads the mirror image of a photo.
func (b *bot) mirrored(self, address string) (id string, err error) {
	photo, err := b.fetch(address)
	if err != nil {
		return "", err
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(photo))
	if err != nil {
		return "", errors.New("this is neither a JPEG nor a PNG")
	}
	if size.Width*size.Height > maxPixels {
		return "", errors.New("it is too large")
	}
	img, _, err := image.Decode(bytes.NewReader(photo))
	if err != nil {
		return "", errors.New("it is broken")
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, mirror(img), nil); err != nil {
		return "", err
	}
	return b.upload(self, &out)
}

func (b *bot) fetch(address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || len(b.hosts) > 0 && !slices.Contains(b.hosts, u.Hostname()) {
		return nil, errors.New("from there I fetch no files")
	}
	resp, err := b.client.Get(address)
	if err != nil {
		return nil, errors.New("that cannot be fetched")
	}
	defer resp.Body.Close()
	photo, err := io.ReadAll(io.LimitReader(resp.Body, maxBytes+1))
	if err != nil || resp.StatusCode != http.StatusOK || len(photo) > maxBytes {
		return nil, errors.New("that cannot be fetched")
	}
	return photo, nil
}

func mirror(img image.Image) image.Image {
	area := img.Bounds()
	out := image.NewRGBA(area)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			out.Set(area.Max.X-1-(x-area.Min.X), y, img.At(x, y))
		}
	}
	return out
}

// upload gives a picture to stanzahook, in the name of the bot that was written to.
func (b *bot) upload(self string, picture io.Reader) (id string, err error) {
	bare, _, _ := strings.Cut(self, "/")
	r, err := http.NewRequest(http.MethodPost, b.api+"/v1/files?name=mirror.jpg&from="+url.QueryEscape(bare), picture)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+b.token)
	r.Header.Set("Content-Type", "image/jpeg")
	resp, err := b.client.Do(r)
	if err != nil {
		return "", errors.New("stanzahook does not answer")
	}
	defer resp.Body.Close()
	var answer struct{ ID, Detail string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusCreated {
		return "", errors.New(answer.Detail)
	}
	return answer.ID, nil
}
