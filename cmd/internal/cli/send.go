package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/terminal"
	"stanzahook/pkg/document"
	"stanzahook/pkg/message"
)

// maxSendWait bounds the wait of POST /v1/messages, so that the answer comes before
// apiTimeout.
const maxSendWait = 50 * time.Second

// outgoingMessage is the body of POST /v1/messages.
type outgoingMessage struct {
	To      string `json:"to"`
	From    string `json:"from,omitempty"`
	Type    string `json:"type,omitempty"`
	Subject string `json:"subject,omitempty"`
	Body    string `json:"body,omitempty"`

	Files []outgoingFile `json:"files,omitempty"`
}

func sendCommand() *cobra.Command {
	var a *api
	var m outgoingMessage
	var room string
	var wait time.Duration
	var files []string
	cmd := &cobra.Command{
		Use:   "send --to JID|--room ROOM --body TEXT|- [--file FILE]...",
		Short: "Send a message, through the running instance",
		Long: `Send a message, through the running instance, with a token of the scope send.

The command waits until the XMPP server accepts the message or bounces it, and says
which. While the server is away, stanzahook stores the message and sends it later.
The exit code is 1 if it bounced or could not be sent.

Files are uploaded to the XMPP server first, with a bar on a terminal. Each is a message
of its own, behind the text, which may be left out. Nothing is sent if one cannot be
uploaded.`,
		Example: `  stanzahook send --to juliet@example.com --body 'Hello!'
  df -h | stanzahook send --room ops@rooms.example.com --body -
  stanzahook send --to juliet@example.com --body 'Look!' --file cat.png`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case room != "" && (m.To != "" || cmd.Flags().Changed("type")):
				return errors.New("--room goes not with --to or --type: it is the recipient, and the type is groupchat")
			case m.To == "" && room == "":
				return errors.New("--to is missing; write who is to get the message, for example juliet@example.com; --room is for a room")
			case !cmd.Flags().Changed("body") && len(files) == 0:
				return errors.New("--body is missing; write the text, or - to read it from stdin")
			case len(files) > message.MaxFiles:
				return fmt.Errorf("--file: %d at most", message.MaxFiles)
			case wait < 0 || wait > maxSendWait:
				return fmt.Errorf("--wait: write a duration up to %v, or 0 not to wait", maxSendWait)
			}
			if room != "" {
				m.To, m.Type = room, "groupchat"
			}
			if m.Body == "-" {
				text, err := readBody(cmd.InOrStdin())
				if err != nil {
					return failed(err)
				}
				m.Body = text
			}
			body, n := document.CleanString(strings.ToValidUTF8(m.Body, "\uFFFD"))
			if m.Body = body; n > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "characters that no message can carry (colours of a terminal, for example) replaced by \uFFFD: %d\n", n)
			}
			var err error
			if m.Files, err = uploadFiles(cmd.Context(), a, m.From, files, cmd.ErrOrStderr()); err != nil {
				return failed(err)
			}
			return failed(send(cmd, a, m, wait))
		},
	}
	a = apiFlags(cmd, config.ScopeSend)
	f := cmd.Flags()
	f.StringVar(&m.To, "to", "", "who gets it")
	f.StringVar(&room, "room", "", "the room that gets it; everybody there hears it")
	f.StringVar(&m.From, "from", "", "who sends it: an address of the component (default: the token's first, else the component itself)")
	f.StringVar(&m.Type, "type", "chat", "chat, normal, headline or groupchat")
	f.StringVar(&m.Subject, "subject", "", "its subject (default: none)")
	f.StringVar(&m.Body, "body", "", "its text; - reads it from stdin")
	f.StringArrayVar(&files, "file", nil, "a file to send; may be given several times")
	f.DurationVar(&wait, "wait", 5*time.Second, "how long to wait until the server accepts or bounces it; 0: not at all")
	jsonFlag(cmd, "as JSON, as the API gives it; a bounce too")
	completeFlag(cmd, "type", "chat", "normal", "headline", "groupchat")
	return cmd
}

// maxSentBody bounds what is read from stdin; http.max_body_bytes may allow less.
const maxSentBody = 16 << 20

// readBody reads a text, without the line break that most programs end theirs
// with.
func readBody(stdin io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(stdin, maxSentBody+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("stdin: %w", err)
	case len(text) > maxSentBody:
		return "", fmt.Errorf("stdin: more than %d bytes are no message", maxSentBody)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}

func send(cmd *cobra.Command, a *api, m outgoingMessage, wait time.Duration) error {
	query := url.Values{}
	if wait > 0 {
		query.Set("wait", wait.String())
	}
	answer, err := a.Send(cmd.Context(), instance.Request{Path: "/v1/messages", Query: query, Body: m})
	if refused, ok := errors.AsType[*instance.Error](err); ok {
		return notSent(cmd, refused, m)
	}
	if err != nil {
		return err
	}
	return printAnswer(cmd, answer, as(printSent))
}

func printSent(w io.Writer, sent *struct{ ID, State string }) error {
	text := map[string]string{
		"confirmed": "sent: the XMPP server has accepted it",
		"queued":    "queued: stored until the XMPP server accepts it",
		"echoed":    "sent: everybody in the room has it",
	}[sent.State]
	if text == "" {
		text = sent.State
	}
	_, err := fmt.Fprintf(w, "%s (id %s)\n", terminal.Harmless(text), terminal.Harmless(sent.ID))
	return err
}

// notSent says why a message bounced or was not sent.
func notSent(cmd *cobra.Command, e *instance.Error, m outgoingMessage) error {
	if asJSON(cmd) && e.Condition != "" {
		if err := printJSON(cmd.OutOrStdout(), e.Body); err != nil {
			return err
		}
	}
	switch {
	case e.Condition != "":
		return fmt.Errorf("the message bounced (%s): %w", terminal.Harmless(e.Condition), e)
	case e.Status == http.StatusServiceUnavailable, e.Status == http.StatusInsufficientStorage:
		return fmt.Errorf("%w\n\"stanzahook check --live\" looks for the cause", e)
	}
	return e
}
