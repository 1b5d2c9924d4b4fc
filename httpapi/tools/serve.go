package tools

import (
	"net/http"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
)

// MaxBody bounds the arguments of a call: a file of maxFile bytes in base64, and the rest.
const MaxBody = maxFile/3*4 + 64<<10

// function is a tool as OpenAI's API for chats takes it.
type function struct {
	Type     string `json:"type"`
	Function struct {
		Name        string             `json:"name"`
		Description string             `json:"description"`
		Parameters  *jsonschema.Schema `json:"parameters"`
	} `json:"function"`
}

// Mount serves GET /v1/tools and POST /v1/tools/{name}, for programs that do not speak the
// Model Context Protocol.
func (r *Runner) Mount() httpapi.Mount {
	return httpapi.Mount{Prefix: "/v1/tools", Challenge: true, Routes: []httpapi.Route{
		{Method: http.MethodGet, Path: "/v1/tools", Handler: http.HandlerFunc(r.list)},
		{Method: http.MethodPost, Path: "/v1/tools/{name}", Handler: http.HandlerFunc(r.serve), MaxBody: MaxBody},
	}}
}

// list lists all tools, whatever the caller may do.
func (r *Runner) list(w http.ResponseWriter, q *http.Request) {
	if _, f := httpapi.Parameters(q); f != nil {
		httpapi.WriteProblem(w, q, f)
		return
	}
	all := make([]function, len(r.tools))
	for i, t := range r.tools {
		all[i].Type = "function"
		f := &all[i].Function
		f.Name, f.Description, f.Parameters = t.Name, t.Description, t.Parameters
	}
	httpapi.WriteJSON(w, http.StatusOK, all)
}

// serve runs a tool.
func (r *Runner) serve(w http.ResponseWriter, q *http.Request) {
	result, err := r.runFor(w, q)
	if f, ok := err.(*httpapi.Fault); ok {
		httpapi.WriteProblem(w, q, f)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	result.Write(w, q, http.StatusOK, "application/json", httpapi.JSON(result.Value))
}

func (r *Runner) runFor(w http.ResponseWriter, q *http.Request) (Result, error) {
	if _, f := httpapi.Parameters(q); f != nil {
		return Result{}, f
	}
	arguments, f := httpapi.ReadText(w, q, document.JSON)
	if f != nil {
		return Result{}, f
	}
	return r.Run(q.Context(), mux.Vars(q)["name"], q.Header.Get("Idempotency-Key"), arguments)
}
