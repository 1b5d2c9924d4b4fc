// Package hook reads the webhooks of other tools: what a tool posts becomes the texts of
// messages.
//
//	hook.go        a hook: an adapter with its settings; Read makes a Notice of a Request
//	request.go     what a tool has sent, and its payload: JSON, a form, or multipart
//	notice.go      what a request says: the texts, and what it is about
//	adapter.go     the adapters by name; each has a file of its own, as alertmanager.go
//	template.go    templates of texts: text/template that cannot hang (template_tree.go)
//	slacktext.go   the markup of Slack, and of Markdown (mdtext.go), as plain text
//	verify.go      signatures of the providers
//
// Everything here is a function of the request: nothing is sent, stored or looked up.
//
// # Templates
//
// A template is text/template over the payload. A missing key prints nothing, at any
// depth and whatever is in its place. A run ends after [MaxSteps] or [MaxText]: each body of
// a range and of a define takes some steps, and so does each byte that a function reads; no
// function makes more than that much text.
// Ranging over a number, call, and a define that includes itself are refused when the
// template is parsed.
package hook
