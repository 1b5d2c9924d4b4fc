package restjson

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"

	"stanzahook/pkg/stanza"
)

// Object is the JSON form of a stanza. It may be embedded in another struct
// that encoding/json writes. [Append] is faster where no struct is needed.
// Empty fields are absent, but for a body that is there and empty.
type Object struct {
	Kind string `json:"kind"`
	Type string `json:"type,omitempty"`
	To   string `json:"to,omitempty"`
	From string `json:"from,omitempty"`
	ID   string `json:"id,omitempty"`
	Lang string `json:"lang,omitempty"`

	Nick           json.RawMessage `json:"nick,omitempty"`
	Delay          json.RawMessage `json:"delay,omitempty"`
	Payload        json.RawMessage `json:"payload,omitempty"`
	RSM            json.RawMessage `json:"rsm,omitempty"`
	Dataform       json.RawMessage `json:"dataform,omitempty"`
	Error          json.RawMessage `json:"error,omitempty"`
	Body           json.RawMessage `json:"body,omitempty"`
	Subject        json.RawMessage `json:"subject,omitempty"`
	Thread         json.RawMessage `json:"thread,omitempty"`
	State          json.RawMessage `json:"state,omitempty"`
	HTML           json.RawMessage `json:"html,omitempty"`
	OOB            json.RawMessage `json:"oob,omitempty"`
	OOBURL         json.RawMessage `json:"oob_url,omitempty"`
	Invite         json.RawMessage `json:"invite,omitempty"`
	Replace        json.RawMessage `json:"replace,omitempty"`
	AttachTo       json.RawMessage `json:"attach_to,omitempty"`
	Displayed      json.RawMessage `json:"displayed,omitempty"`
	Markable       json.RawMessage `json:"markable,omitempty"`
	OccupantID     json.RawMessage `json:"occupant_id,omitempty"`
	Fallback       json.RawMessage `json:"fallback,omitempty"`
	Encryption     json.RawMessage `json:"encryption,omitempty"`
	Reply          json.RawMessage `json:"reply,omitempty"`
	Reactions      json.RawMessage `json:"reactions,omitempty"`
	Reference      json.RawMessage `json:"reference,omitempty"`
	StanzaIDs      json.RawMessage `json:"stanza_ids,omitempty"`
	Forwarded      json.RawMessage `json:"forwarded,omitempty"`
	Archive        json.RawMessage `json:"archive,omitempty"`
	ReceiptRequest json.RawMessage `json:"receipt_request,omitempty"`
	Receipt        json.RawMessage `json:"receipt,omitempty"`
	Show           json.RawMessage `json:"show,omitempty"`
	Status         json.RawMessage `json:"status,omitempty"`
	Priority       json.RawMessage `json:"priority,omitempty"`
	MUC            json.RawMessage `json:"muc,omitempty"`
	Caps           json.RawMessage `json:"caps,omitempty"`
	IdleSince      json.RawMessage `json:"idle_since,omitempty"`
	VcardUpdate    json.RawMessage `json:"vcard_update,omitempty"`
	Ping           json.RawMessage `json:"ping,omitempty"`
	Disco          json.RawMessage `json:"disco,omitempty"`
	Items          json.RawMessage `json:"items,omitempty"`
	Command        json.RawMessage `json:"command,omitempty"`
	Version        json.RawMessage `json:"version,omitempty"`
	Lastactivity   json.RawMessage `json:"lastactivity,omitempty"`
	Stats          json.RawMessage `json:"stats,omitempty"`
	Register       json.RawMessage `json:"register,omitempty"`
	Gateway        json.RawMessage `json:"gateway,omitempty"`
	Extdisco       json.RawMessage `json:"extdisco,omitempty"`
	Result         json.RawMessage `json:"result,omitempty"`
	UploadRequest  json.RawMessage `json:"upload_request,omitempty"`
	UploadSlot     json.RawMessage `json:"upload_slot,omitempty"`
	Block          json.RawMessage `json:"block,omitempty"`
	Blocklist      json.RawMessage `json:"blocklist,omitempty"`

	XML json.RawMessage `json:"xml,omitempty"`
}

// objectFields are the fields of Object by their keys.
var objectFields = func() map[string]int {
	fields := map[string]int{}
	t := reflect.TypeFor[Object]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		fields[name] = i
	}
	return fields
}()

// Encode returns the JSON form of a stanza.
func Encode(s *stanza.Stanza) Object {
	var space [16]mark
	marks := space[:0]
	data := encode(make([]byte, 0, 256+len(s.XML())), s, level{depth: 1}, &marks)
	o := Object{Kind: s.Kind.String(), Type: s.Type, To: s.To.String(), From: s.From.String(), ID: s.ID, Lang: s.Lang}
	if s.Kind == stanza.Presence && s.Type == "" {
		o.Type = "available"
	}
	v := reflect.ValueOf(&o).Elem()
	for _, m := range marks {
		if f := v.Field(objectFields[m.key]); f.Kind() == reflect.Slice {
			f.SetBytes(data[m.from:m.to:m.to])
		}
	}
	return o
}

// each calls fn with the members that are there, in the order of the fields.
func (o *Object) each(fn func(key string, value json.RawMessage)) {
	v := reflect.ValueOf(o).Elem()
	t := v.Type()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		switch f := v.Field(i); {
		case f.Len() == 0:
		case f.Kind() == reflect.String:
			fn(name, appendString(nil, f.String()))
		default:
			fn(name, f.Bytes())
		}
	}
}

// AppendJSON appends the object with its braces.
func (o Object) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	o.each(func(key string, value json.RawMessage) {
		dst = append(appendMember(dst, key), value...)
	})
	return append(dst, '}')
}

// EncodeForm returns the members that are strings, numbers or true, as the
// fields of a form.
func EncodeForm(o Object) url.Values {
	form := url.Values{}
	o.each(func(key string, value json.RawMessage) {
		var s string
		switch {
		case json.Unmarshal(value, &s) == nil:
			form.Set(key, s)
		case value[0] != '{' && value[0] != '[':
			form.Set(key, string(value))
		}
	})
	return form
}
