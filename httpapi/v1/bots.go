package v1

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"stanzahook/httpapi"
	"stanzahook/pkg/document"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/profile"
)

// Bot is what a bot shows of itself.
type Bot struct {
	JID      jid.JID         `json:"jid"`
	Name     string          `json:"name"`
	Source   string          `json:"source"` // config or api
	Avatar   *profile.Avatar `json:"avatar"`
	VCard    BotCard         `json:"vcard"`
	Identity BotIdentity     `json:"identity"`
	Presence BotPresence     `json:"presence"`
	NoReply  bool            `json:"noreply"`
	Remark   string          `json:"remark,omitempty"` // what should be otherwise, though it is no mistake
}

// BotCard is what its vCard has besides.
type BotCard struct {
	Note  string `json:"note"`
	URL   string `json:"url"`
	Email string `json:"email"`
	Org   string `json:"org"`
}

// BotIdentity is that of service discovery.
type BotIdentity struct {
	Category string `json:"category"`
	Type     string `json:"type"`
}

// BotPresence is how available it is.
type BotPresence struct {
	profile.Presence
	Until *time.Time `json:"until"` // null: until it is set again
}

// Bots are those with a profile. Errors: gateway.ErrNotFound, gateway.ErrConflict,
// gateway.ErrFull.
type Bots interface {
	// List returns at most so many bots whose addresses come behind one, and whether there are
	// more.
	List(after string, most int) (page []Bot, more bool)
	Get(bot jid.JID) (Bot, error)
	// Image returns the image of a bot's avatar, and its media type.
	Image(bot jid.JID) (image []byte, media string, err error)
	// Put sets a profile of a JSON object, and reports whether it is new. Image is that of the
	// avatar, if it is not in the object. It fails as a whole, with a [*WrongEndpoint] for
	// mistakes.
	Put(ctx context.Context, bot jid.JID, keys, image []byte) (b Bot, fresh bool, err error)
	// Delete takes back what the API has set.
	Delete(ctx context.Context, bot jid.JID) error
	SetPresence(ctx context.Context, bot jid.JID, p BotPresence) (Bot, error)
}

// bots serves /v1/bots.
type bots struct {
	all Bots
	clock
}

func (x bots) routes(e errorLog) []httpapi.Route {
	const one = "/v1/bots/{jid}"
	see := []string{gateway.ScopeSend, gateway.ScopeRead, gateway.ScopeAdmin}
	return []httpapi.Route{
		e.routeForAny(http.MethodGet, "/v1/bots", with(x.list, "limit", "cursor"), see[1:]...),
		e.routeForAny(http.MethodGet, one, without(x.show), see...),
		e.routeForAny(http.MethodGet, one+"/avatar", without(x.image), see...),
		e.route(http.MethodPut, one, "", without(x.put)),
		e.route(http.MethodDelete, one, "", without(empty(x.remove))),
		e.route(http.MethodPut, one+"/presence", "", without(x.setPresence)),
	}
}

// named returns the bot in the path.
func (x bots) named(r *http.Request) (jid.JID, error) {
	text := mux.Vars(r)["jid"]
	bot, err := jid.Parse(text)
	if err != nil || !bot.IsBare() {
		return bot, wrongf("jid: %.100q is not the bare address of a bot; write for example echo@bot.example.com", text)
	}
	return bot, nil
}

// own returns the bot in the path, if the caller may change it: an operator, or the token of
// the bot itself.
func (x bots) own(r *http.Request) (jid.JID, error) {
	bot, err := x.named(r)
	if err != nil {
		return bot, err
	}
	if who := httpapi.IdentityOf(r.Context()); !who.Can(gateway.ScopeAdmin) && !who.IsOnly(bot) {
		return bot, &httpapi.Fault{Status: http.StatusForbidden, Text: "the token may not change this bot; that needs the scope \"admin\", or the scope \"send\" and this address as its only from"}
	}
	return bot, nil
}

// seen returns the bot in the path, if the caller may see it: whoever sees what happens, and
// who may send from it.
func (x bots) seen(r *http.Request) (Bot, error) {
	bot, err := x.named(r)
	if err != nil {
		return Bot{}, err
	}
	who := httpapi.IdentityOf(r.Context())
	if !who.Can(gateway.ScopeAdmin) && !who.Can(gateway.ScopeRead) {
		if _, err := who.Sender(bot, []jid.JID{jid.FromServer(bot.Domain())}); err != nil {
			return Bot{}, httpapi.Refused(err)
		}
	}
	b, err := x.all.Get(bot)
	return b, ofBot(bot, err)
}

// ofBot names the bot that was not found.
func ofBot(bot jid.JID, err error) error {
	return notFound(err, "%s has no profile; PUT /v1/bots/%[2]s makes one, GET /v1/bots lists the bots that have one", bot.String())
}

// Bounds of a page of bots.
const (
	defaultBots = 100
	maxBots     = 1000
)

func (x bots) list(w http.ResponseWriter, _ *http.Request, values url.Values) error {
	limit, err := number(values, "limit", defaultBots, maxBots)
	if err != nil {
		return err
	}
	page, more := x.all.List(values.Get("cursor"), limit) // the last item of the previous page
	next := ""
	if more {
		next = page[len(page)-1].JID.String()
	}
	return answer(w, http.StatusOK, newPage(page, next))
}

func (x bots) show(w http.ResponseWriter, r *http.Request) error {
	b, err := x.seen(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, b)
}

// image answers with the image alone. Its type is that of its content, and it runs nothing.
func (x bots) image(w http.ResponseWriter, r *http.Request) error {
	b, err := x.seen(r)
	if err != nil {
		return err
	}
	image, media, err := x.all.Image(b.JID)
	if err != nil {
		return notFound(err, "%s has no avatar", b.JID.String())
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	_, _ = w.Write(image) // the caller may be gone
	return nil
}

func (x bots) put(w http.ResponseWriter, r *http.Request) error {
	bot, err := x.own(r)
	if err != nil {
		return err
	}
	keys, image, err := profileOf(w, r)
	if err != nil {
		return err
	}
	b, fresh, err := x.all.Put(r.Context(), bot, keys, image)
	return answerPut(w, b, fresh, err)
}

// profileOf reads the keys of a profile: a JSON object, or the part bot of a form that has the
// image of the avatar as its part avatar.
func profileOf(w http.ResponseWriter, r *http.Request) (keys, image []byte, err error) {
	if mediaOf(r) != "multipart/form-data" {
		text, f := httpapi.ReadText(w, r, document.JSON)
		if f != nil {
			return nil, nil, f
		}
		return orEmpty(text), nil, nil
	}
	data, f := httpapi.ReadBody(w, r)
	if f != nil {
		return nil, nil, f
	}
	form, err := newForm(r, bytes.NewReader(data))
	if err != nil {
		return nil, nil, err
	}
	seen := make(map[string]bool)
	for {
		part, err := form.next()
		if err != nil {
			return nil, nil, err
		}
		if part == nil {
			return orEmpty(keys), image, nil
		}
		name := part.FormName()
		if name != "bot" && name != "avatar" || seen[name] {
			return nil, nil, wrongf("%.40q: the form has a part of this name, which is not known here or there twice; it takes bot and avatar", name)
		}
		seen[name] = true
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, wrongf("%s: the part could not be read to its end", name)
		}
		switch {
		case name == "bot":
			keys = content
		case len(content) == 0:
			return nil, nil, wrongf("avatar: is empty; leave the part out if the bot has none")
		default:
			image = content
		}
	}
}

// orEmpty returns an empty object for no body.
func orEmpty(text []byte) []byte {
	if len(bytes.TrimSpace(text)) == 0 {
		return []byte("{}")
	}
	return text
}

func (x bots) remove(w http.ResponseWriter, r *http.Request) error {
	bot, err := x.own(r)
	if err != nil {
		return err
	}
	return answerNone(w, ofBot(bot, x.all.Delete(r.Context(), bot)))
}

func (x bots) setPresence(w http.ResponseWriter, r *http.Request) error {
	bot, err := x.own(r)
	if err != nil {
		return err
	}
	var p BotPresence
	if err := body(w, r, &p); err != nil {
		return err
	}
	for _, problem := range p.Check() {
		return wrongf("%s: %s", strings.TrimPrefix(problem.Field, "presence."), problem.Text)
	}
	if p.Until != nil && !p.Until.After(x.clock()) {
		return wrongf("until: is in the past; write a time to come, or leave it out")
	}
	if p.Until != nil && p.Until.UTC().Year() > 9999 { // JSON has no such time (RFC 3339 section 1)
		return wrongf("until: is after the year 9999 in UTC; write an earlier time, or leave it out")
	}
	b, err := x.all.SetPresence(r.Context(), bot, p)
	if err != nil {
		return ofBot(bot, err)
	}
	return answer(w, http.StatusOK, b)
}
