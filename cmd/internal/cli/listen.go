package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/terminal"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/signature"
	"stanzahook/pkg/webhook"
)

func listenCommand() *cobra.Command {
	var l listener
	var print bool
	cmd := &cobra.Command{
		Use:   "listen --to JID (--forward URL | --print)",
		Short: "Send the events of an address to a bot on this machine, until Ctrl-C",
		Long: `Send the events of an address to a bot on this machine, until Ctrl-C. The running instance
makes a temporary endpoint in front of all others. Its requests come here, and go to the bot
with all their headers, signed. The bot's answers count as those of any endpoint: they become
replies or errors, and failed requests are retried. Requests and answers are shown. With
--print there is no bot: requests are shown, and answered with 204.

The endpoint ends with the command. Events that still wait go to the endpoint that would
have got them. You need a token of the scope admin.`,
		Example: `  stanzahook listen --to echo@bot.example.com --forward http://127.0.0.1:3000/hook
  stanzahook listen --to echo@bot.example.com --print --copy`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.check(print); err != nil {
				return err
			}
			l.screen = terminal.NewScreen(cmd.InOrStdin(), cmd.OutOrStdout(), false)
			return failed(l.run(cmd))
		},
	}
	l.api = apiFlags(cmd, config.ScopeAdmin)
	f := cmd.Flags()
	f.StringVar(&l.ask.To, "to", "", "the address: a bare JID of a component")
	f.StringVar(&l.forward, "forward", "", "the bot's URL")
	f.BoolVar(&print, "print", false, "show what comes; no bot gets it")
	f.BoolVar(&l.ask.Copy, "copy", false, "only copies: the usual endpoint answers")
	f.StringVar(&l.ask.Secret, "secret", "", "whsec_… to sign the requests with (default: a new one, which is shown)")
	return cmd
}

// listener passes requests of the running instance to a bot.
type listener struct {
	*api
	ask struct {
		To     string `json:"to"`
		Copy   bool   `json:"copy"`
		Secret string `json:"secret"`
	}
	forward string // empty: there is no bot
	screen  *terminal.Screen
	bot     http.Client
	working sync.WaitGroup
	unwatch context.CancelFunc // ends the watch of the endpoint before
}

// check returns what is wrong with the flags.
func (l *listener) check(print bool) error {
	if j, err := jid.Parse(l.ask.To); l.ask.To == "" || err != nil || !j.IsBare() {
		return errors.New("--to: write the bare address that users write to, for example echo@bot.example.com")
	}
	u, err := url.Parse(l.forward)
	switch {
	case print == (l.forward != ""):
		return errors.New("say --forward with the bot's URL, or --print")
	case !print && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == ""):
		return errors.New("--forward: write the bot's URL, for example http://127.0.0.1:3000/hook")
	case l.ask.Secret == "":
		return nil
	}
	if _, err := signature.ParseSecret(l.ask.Secret); err != nil {
		return fmt.Errorf("--secret: %w", err)
	}
	return nil
}

func (l *listener) run(cmd *cobra.Command) error {
	if l.ask.Secret == "" {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // it does not fail
		l.ask.Secret = "whsec_" + base64.StdEncoding.EncodeToString(key)
		l.screen.Print(terminal.Plain, "Requests are signed with "+l.ask.Secret)
	}
	l.bot = http.Client{Timeout: webhook.DefaultTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer l.working.Wait()
	defer cancel()
	l.unwatch = func() {}
	name := ""
	f := &instance.Follower{API: l.API, Request: instance.Request{Method: http.MethodPost, Path: "/v1/listen", Body: &l.ask}, Notices: cmd.ErrOrStderr()}
	f.OnEvent = func(e instance.Event) error {
		switch e.Event {
		case "listening":
			var named struct{ Endpoint string }
			if err := json.Unmarshal(e.Data, &named); err != nil {
				return err
			}
			name = named.Endpoint
			l.watch(ctx, name)
			l.screen.Print(terminal.Dim, "What is written to "+l.ask.To+" comes here; Ctrl-C ends that.")
		case "request":
			q := new(v1.ListenRequest)
			if err := json.Unmarshal(e.Data, q); err != nil {
				return err
			}
			of := name
			l.working.Go(func() { l.pass(ctx, of, q) })
		case "ping": // a listener who does not answer loses its endpoint
			here := instance.Request{Method: http.MethodPost, Path: "/v1/listen/" + url.PathEscape(name) + "/here"}
			l.working.Go(func() { _, _ = l.Send(ctx, here) }) // there is another ping soon
		}
		return nil
	}
	return f.Follow(ctx)
}

// watch shows what becomes of the requests of a temporary endpoint. It returns when that
// has begun.
func (l *listener) watch(ctx context.Context, name string) {
	l.unwatch()
	ctx, l.unwatch = context.WithCancel(ctx)
	begun := make(chan error, 2) // that, and the end of follow
	f := &instance.Follower{API: l.API, Request: instance.TailRequest(url.Values{"kinds": {"delivery"}, "endpoint": {name}}), Notices: io.Discard}
	f.OnConnected = func() error { begun <- nil; return nil }
	f.OnEvent = func(e instance.Event) error {
		var d instance.Delivery
		if err := json.Unmarshal(e.Data, &d); err == nil && d.Attempt != nil {
			why := text(d.Attempt.Error, "")
			if status, alone := strings.CutPrefix(why, "HTTP "); alone && !strings.Contains(status, " ") {
				why = "" // the bot's status, which was shown, or that it gave none
			}
			l.screen.Print(terminal.ColourOf(d.State), "  → "+d.State+terminal.After("; ", why)+terminal.After("; ", text(d.Attempt.Note, "")))
		}
		return nil
	}
	l.working.Go(func() { begun <- f.Follow(ctx) })
	if err := <-begun; err != nil {
		l.screen.Print(terminal.Yellow, "What becomes of them is not shown: "+err.Error())
	}
}

// pass gives a request to the bot, and its answer to the instance.
func (l *listener) pass(ctx context.Context, name string, q *v1.ListenRequest) {
	l.screen.Print(terminal.Plain, describeEvent(q.Body))
	began := time.Now()
	a := v1.ListenAnswer{Status: http.StatusNoContent}
	if l.forward != "" {
		a = l.post(ctx, q)
	}
	if ctx.Err() != nil {
		return // the event goes elsewhere
	}
	c, text := terminal.Dim, fmt.Sprintf("  answered %d %s%s, in %.1f ms", a.Status, http.StatusText(a.Status), terminal.After(", ", a.ContentType), float64(time.Since(began).Microseconds())/1000)
	if a.Error != "" {
		c, text = terminal.Red, "  no answer: "+a.Error
	} else if len(a.Body) > 0 {
		text += ": " + terminal.Quoted(string(a.Body))
	}
	if a.Status >= 300 {
		c = terminal.Red
	}
	l.screen.Print(c, text)
	answer := instance.Request{Path: "/v1/listen/" + url.PathEscape(name) + "/answers/" + url.PathEscape(q.ID), Body: a}
	_, err := l.Send(ctx, answer)
	if no, ok := errors.AsType[*instance.Error](err); ok && no.Status == http.StatusRequestEntityTooLarge {
		// The event is not to wait for it. The first error says why.
		answer.Body = v1.ListenAnswer{Error: fmt.Sprintf("the answer of %d bytes is too long to be passed on", len(a.Body))}
		_, _ = l.Send(ctx, answer)
	}
	if err != nil && ctx.Err() == nil {
		l.screen.Print(terminal.Red, "  the answer came to nothing: "+err.Error())
	}
}

// maxBotAnswer is how long an endpoint's answer may be, in bytes.
const maxBotAnswer = 1 << 20

// post asks the bot.
func (l *listener) post(ctx context.Context, q *v1.ListenRequest) v1.ListenAnswer {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.forward, strings.NewReader(q.Body))
	if err != nil {
		return v1.ListenAnswer{Error: err.Error()}
	}
	for name, value := range q.Header {
		r.Header.Set(name, value)
	}
	answer, err := l.bot.Do(r)
	if err != nil {
		return v1.ListenAnswer{Error: webhook.NoAnswer(err, webhook.DefaultTimeout).Error()}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBotAnswer+1))
	if err != nil {
		return v1.ListenAnswer{Error: "the answer broke off: " + webhook.NoAnswer(err, webhook.DefaultTimeout).Error()}
	}
	h := answer.Header
	a := v1.ListenAnswer{Status: answer.StatusCode, ContentType: h.Get("Content-Type"), ContentEncoding: h.Get("Content-Encoding"), RetryAfter: h.Get("Retry-After"), Body: body}
	if len(body) > maxBotAnswer {
		a.Body, a.Length = nil, len(body)
	}
	return a
}

// describeEvent is an event in a line.
func describeEvent(body string) string {
	var e struct {
		ID, Type string
		Data     struct{ From, To, Body string }
	}
	if json.Unmarshal([]byte(body), &e) != nil {
		return body
	}
	return fmt.Sprintf("%s %s → %s: %q (%s)", e.Type, e.Data.From, e.Data.To, e.Data.Body, e.ID)
}
