package tools

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
)

// maxFile bounds a file that comes in the arguments.
const maxFile = 5 << 20

// Every message costs its recipient's attention.
const noticed = " The recipient is notified."

func messageTools() []Tool {
	send := []string{gateway.ScopeSend}
	return []Tool{
		define("send_message", "Send a text message to a person or a room."+noticed+" Returns ref, which other tools take.", Hints{}, send, sendMessage),
		define("edit_message", "Replace the text of a message that the bot has sent. Programs that know corrections show the new text in its place, the others a second message.", Hints{Destructive: true}, send, editMessage),
		define("retract_message", "Take back a message that the bot has sent. Programs that know retractions hide it; it may have been read.", Hints{Destructive: true, Idempotent: true}, send, retractMessage),
		define("react", "Set the bot's reactions to a message, the whole set: an empty list takes the earlier ones back. Not every program shows them.", Hints{Idempotent: true}, send, react),
		define("send_file", "Send a file to a person or a room: one of the web by its url, which the recipient's program loads, or the content as base64, which is uploaded to the XMPP server."+noticed, Hints{}, send, sendFile),
		define("set_typing", "Show that the bot is writing, or no longer. Programs show it for some seconds; sending a message ends it.", Hints{Idempotent: true}, send, setTyping),
		define("set_presence", "Show how available the bot is, with a text such as what it works at. Who has subscribed to it, and everybody in its rooms, sees that until it is set again. The bot needs a profile.", Hints{Idempotent: true}, send, setPresence),
	}
}

// sent is the answer of what was sent.
type sent struct {
	ID    string `json:"id"`
	Ref   string `json:"ref"`
	State string `json:"state"`
}

type sendArguments struct {
	To      string `json:"to,omitempty" jsonschema:"address of the person or the room; may be left out with reply_to"`
	Body    string `json:"body" jsonschema:"the text"`
	From    string `json:"from,omitempty" jsonschema:"the bot that sends; default: the token's"`
	ReplyTo string `json:"reply_to,omitempty" jsonschema:"ref of the message that this one replies to"`
	Wait    int    `json:"wait,omitempty" max:"50" jsonschema:"seconds to wait until the XMPP server has the message, or an error came back"`
}

func sendMessage(c *call, a *sendArguments) (any, error) {
	return c.sendMessage(map[string]any{"to": a.To, "from": a.From, "body": a.Body, "reply_to": a.ReplyTo}, a.Wait)
}

// sendMessage sends a message with the keys that are not empty.
func (c *call) sendMessage(keys map[string]any, wait int) (sent, error) {
	for key, value := range keys {
		if value == "" {
			delete(keys, key)
		}
	}
	query := url.Values{}
	if wait > 0 {
		query.Set("wait", seconds(wait))
	}
	var v sent
	err := c.do(request{method: http.MethodPost, path: []string{"messages"}, query: query, body: keys}, &v)
	return v, err
}

type editArguments struct {
	Ref  string `json:"ref" jsonschema:"of the message"`
	Body string `json:"body" jsonschema:"the whole new text"`
}

func editMessage(c *call, a *editArguments) (any, error) {
	var v sent
	err := c.do(request{method: http.MethodPatch, path: []string{"messages", a.Ref}, body: map[string]any{"body": a.Body}}, &v)
	return v, err
}

type refArguments struct {
	Ref string `json:"ref" jsonschema:"of the message"`
}

func retractMessage(c *call, a *refArguments) (any, error) {
	var v sent
	err := c.do(request{method: http.MethodDelete, path: []string{"messages", a.Ref}}, &v)
	return v, err
}

type reactArguments struct {
	Ref   string   `json:"ref" jsonschema:"of the message"`
	Emoji []string `json:"emoji" max:"100" jsonschema:"all reactions of the bot to it, such as [\"👍\"]"`
}

func react(c *call, a *reactArguments) (any, error) {
	var v sent
	err := c.do(request{method: http.MethodPut, path: []string{"messages", a.Ref, "reactions"}, body: map[string]any{"emoji": a.Emoji}}, &v)
	return v, err
}

type fileArguments struct {
	To      string `json:"to" jsonschema:"address of the person or the room"`
	URL     string `json:"url,omitempty" jsonschema:"http or https address of the file; either this or base64"`
	Base64  string `json:"base64,omitempty" jsonschema:"the content, at most 5 MiB, with name; either this or url"`
	Name    string `json:"name,omitempty" jsonschema:"file name with its ending, such as chart.png"`
	Caption string `json:"caption,omitempty" jsonschema:"text that goes before the file"`
	From    string `json:"from,omitempty" jsonschema:"the bot that sends; default: the token's"`
}

func sendFile(c *call, a *fileArguments) (any, error) {
	wish := map[string]any{}
	switch {
	case (a.URL == "") == (a.Base64 == ""):
		return nil, wrongf("url: write either url or base64")
	case a.URL != "":
		wish["url"] = a.URL
		if a.Name != "" {
			wish["name"] = a.Name
		}
	default:
		id, err := c.uploadFile(a)
		if err != nil {
			return nil, err
		}
		wish["id"] = id
	}
	body := map[string]any{"to": a.To, "files": []any{wish}}
	if a.From != "" {
		body["from"] = a.From
	}
	if a.Caption != "" {
		body["body"] = a.Caption
	}
	var v struct {
		Files []struct {
			sent
			URL string `json:"url"`
		}
	}
	if err := c.do(request{method: http.MethodPost, path: []string{"messages"}, body: body}, &v); err != nil {
		return nil, err
	}
	return v.Files[0], nil
}

// uploadFile uploads a file of the arguments, and returns its id. With an Idempotency-Key the
// same file has the same id, and is uploaded once: the message that names it is the same then,
// and /v1 sends that once.
//
// Killed meanwhile: nothing was sent.
func (c *call) uploadFile(a *fileArguments) (string, error) {
	if a.Name == "" {
		return "", wrongf("name: is missing; base64 needs it, such as chart.png")
	}
	data, err := base64.StdEncoding.DecodeString(a.Base64)
	if err != nil {
		return "", wrongf("base64: is not base64: %s", err)
	}
	if len(data) > maxFile {
		return "", wrongf("base64: the file has %d bytes; at most %d can be sent so", len(data), maxFile)
	}
	query := url.Values{"name": {a.Name}}
	if a.From != "" {
		query.Set("from", a.From)
	}
	var v struct{ ID string }
	upload := *c
	upload.key = "" // it is that of the message
	if c.key != "" {
		sum := sha256.Sum256(httpapi.JSON([]string{c.key, a.To, a.From, a.Name, a.Base64}))
		id := "file_" + hex.EncodeToString(sum[:])[:40]
		var before struct{ State string }
		switch err := upload.do(request{method: http.MethodGet, path: []string{"files", id}}, &before); {
		case err == nil && before.State == "done":
			return id, nil
		case err == nil && before.State == "uploading":
			return "", &httpapi.Fault{Status: http.StatusConflict, Text: "Idempotency-Key: the request with this key is in progress; try again", RetryAfter: 1}
		}
		query.Set("id", id)
	}
	err = upload.do(request{method: http.MethodPost, path: []string{"files"}, query: query, raw: data}, &v)
	return v.ID, err
}

type typingArguments struct {
	To   string `json:"to" jsonschema:"address of the person or the room"`
	On   bool   `json:"on" jsonschema:"true: the bot is writing; false: no longer"`
	From string `json:"from,omitempty" jsonschema:"the bot; default: the token's"`
}

func setTyping(c *call, a *typingArguments) (any, error) {
	return c.sendMessage(map[string]any{"to": a.To, "from": a.From, "typing": a.On}, 0)
}

type presenceArguments struct {
	Show   string `json:"show,omitempty" jsonschema:"available, chat (glad to talk), away, xa (away for long) or dnd (busy); default: available"`
	Status string `json:"status,omitempty" jsonschema:"a text for people, such as Deploying; default: none"`
	From   string `json:"from,omitempty" jsonschema:"the bot; default: the token's"`
}

// shown is what is shown of a bot.
type shown struct {
	Bot    string `json:"bot"`
	Show   string `json:"show"`
	Status string `json:"status"`
}

func setPresence(c *call, a *presenceArguments) (any, error) {
	from, err := address("from", a.From)
	if err != nil {
		return nil, err
	}
	bot, err := c.who.Sender(from, c.o.Domains())
	if err != nil {
		return nil, httpapi.Refused(err)
	}
	show := a.Show
	if show == "available" {
		show = ""
	}
	var v struct {
		JID      string
		Presence shown
	}
	err = c.do(request{method: http.MethodPut, path: []string{"bots", bot.Bare().String(), "presence"}, body: map[string]string{"show": show, "status": a.Status}}, &v)
	return shown{v.JID, cmp.Or(v.Presence.Show, "available"), v.Presence.Status}, err
}
