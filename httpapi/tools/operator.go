package tools

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// pageDeliveries is how many deliveries are read at a time; deliveryPages bounds the pages.
const (
	pageDeliveries = 500
	deliveryPages  = 4
)

func operatorTools() []Tool {
	return []Tool{
		define("list_conversations", "List who has written to the bots of this instance, the latest first, from the delivery log. It reads up to 2,000 deliveries.", Hints{ReadOnly: true}, []string{gateway.ScopeAdmin}, listConversations),
	}
}

type conversationsArguments struct {
	Limit int `json:"limit,omitempty" max:"500" jsonschema:"how many; default 50"`
}

// conversation is one of somebody with a bot.
type conversation struct {
	With     string    `json:"with"` // bare: a person or a room
	Bot      string    `json:"bot"`
	Endpoint *string   `json:"endpoint"`
	Last     time.Time `json:"last"` // when somebody wrote last
}

func listConversations(c *call, a *conversationsArguments) (any, error) {
	limit := a.Limit
	if limit == 0 {
		limit = 50
	}
	list := []conversation{}
	query := url.Values{"limit": {strconv.Itoa(pageDeliveries)}}
	for range deliveryPages {
		var v struct {
			Items []struct {
				From, To, Type string
				Endpoint       *string
				Received       time.Time
			}
			Next *string
		}
		if err := c.do(request{method: http.MethodGet, path: []string{"deliveries"}, query: query}, &v); err != nil {
			return nil, err
		}
		for _, d := range v.Items {
			with, bot := bare(d.From), bare(d.To)
			same := func(k conversation) bool { return k.With == with && k.Bot == bot }
			if isMessage(d.Type) && len(list) < limit && !slices.ContainsFunc(list, same) {
				list = append(list, conversation{with, bot, d.Endpoint, d.Received})
			}
		}
		if v.Next == nil || len(list) == limit {
			break
		}
		query.Set("cursor", *v.Next)
	}
	return map[string]any{"conversations": list}, nil
}

// bare returns the bare form of an address that a delivery has.
func bare(text string) string {
	j, err := jid.Parse(text)
	if err != nil {
		return text
	}
	return j.Bare().String()
}

// isMessage reports whether a delivery of a type is one of a message of somebody.
func isMessage(name string) bool {
	return strings.HasPrefix(name, "message.") && name != "message.error"
}
