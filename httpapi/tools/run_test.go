package tools_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/tools"
)

// A panic ends a call, and not the process: package mcp runs it on a goroutine of its own.
func TestPanic(t *testing.T) {
	r := tools.NewRunner(tools.Options{API: httpapi.Mount{Prefix: "/v1", Routes: []httpapi.Route{
		{Method: http.MethodGet, Path: "/v1/rooms", Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a mistake") })},
	}}})
	v, err := r.Run(t.Context(), "list_rooms", "", nil)
	if f, ok := errors.AsType[*httpapi.Fault](err); !ok || f.Status != http.StatusInternalServerError || v.Value != nil {
		t.Errorf("%v %v", v, err)
	}
}

// A file that is sent again with its Idempotency-Key is the same message, so /v1 sends it once; it is
// uploaded once, too. Another file is another message.
func TestSendFileAgain(t *testing.T) {
	files := make(map[string]bool)
	var said []string
	uploads := 0
	r := tools.NewRunner(tools.Options{API: httpapi.Mount{Prefix: "/v1", Routes: []httpapi.Route{
		{Method: http.MethodGet, Path: "/v1/files/{id}", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !files[path.Base(r.URL.Path)] {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			httpapi.WriteJSON(w, http.StatusOK, map[string]any{"state": "done"})
		})},
		{Method: http.MethodPost, Path: "/v1/files", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			uploads++
			id := cmp.Or(r.URL.Query().Get("id"), fmt.Sprint("file_", uploads))
			files[id] = true
			httpapi.WriteJSON(w, http.StatusCreated, map[string]any{"id": id})
		})},
		{Method: http.MethodPost, Path: "/v1/messages", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			said = append(said, string(body))
			httpapi.WriteJSON(w, http.StatusOK, map[string]any{"files": []any{map[string]any{"id": "m"}}})
		})},
	}}})
	api := httpapi.New(httpapi.Options{NoAuth: true, MaxBodyBytes: 1 << 20}, r.Mount())
	for _, content := range []string{"aGVsbG8=", "aGVsbG8=", "aGkh"} {
		q := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/v1/tools/send_file", strings.NewReader(`{"to":"u@example.com","name":"a.txt","base64":"`+content+`"}`))
		q.Header.Set("Idempotency-Key", "k")
		w := httptest.NewRecorder()
		if api.ServeHTTP(w, q); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if said[0] != said[1] || said[0] == said[2] || uploads != 2 {
		t.Errorf("%d uploads, %q", uploads, said)
	}
}
