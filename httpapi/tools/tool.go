package tools

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"stanzahook/httpapi"
)

// Tool is something that an agent can do.
type Tool struct {
	Name        string
	Description string // for the model: what it does, what others see of it, and what it costs
	Scopes      []string
	Hints
	Parameters *jsonschema.Schema // of the arguments, an object

	run func(c *call, arguments json.RawMessage) (any, error) // a Result, or its value
}

// Hints say what a call does, as in the Model Context Protocol.
type Hints struct {
	ReadOnly    bool // nothing changes
	Destructive bool // something goes away
	Idempotent  bool // a second call with the same arguments changes nothing
}

// define makes a tool of its function, whose type of arguments is a struct: its tags are
// json, jsonschema (the description), and those of constrain.
func define[A any](name, description string, hints Hints, scopes []string, run func(*call, *A) (any, error)) Tool {
	schema, err := jsonschema.For[A](nil)
	if err != nil { // of our own types, which the tests have
		panic(fmt.Sprintf("tool %s: %v", name, err))
	}
	fields := fieldsOf[A]()
	for _, f := range fields {
		f.constrain(schema)
	}
	return Tool{Name: name, Description: description, Scopes: scopes, Hints: hints, Parameters: schema,
		run: func(c *call, arguments json.RawMessage) (any, error) {
			var a A
			if err := decode(arguments, name, fields, &a); err != nil {
				return nil, err
			}
			return run(c, &a)
		}}
}

// All returns all tools, in the order in which they are listed.
func All() []Tool {
	return slices.Concat(messageTools(), eventTools(), roomTools(), operatorTools())
}

// lacks returns why a caller may not use a tool; nil if it may.
func (t *Tool) lacks(who httpapi.Identity) *httpapi.Fault {
	for _, scope := range t.Scopes {
		if !who.Can(scope) {
			f := httpapi.Lacks(scope)
			f.Text = t.Name + ": " + f.Text
			return f
		}
	}
	return nil
}
