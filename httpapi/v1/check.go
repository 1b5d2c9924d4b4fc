package v1

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"stanzahook/pkg/jid"
)

// Verdict is what a check has shown.
type Verdict string

// The verdicts.
const (
	CheckOK   Verdict = "ok"
	CheckWarn Verdict = "warn" // it works, but not all of it
	CheckFail Verdict = "fail"
)

// Check is one thing that was looked at, and what to do about it. It has no
// credentials.
type Check struct {
	What    string  `json:"what"`    // link, privileges, round trip, clock, features, endpoint, roster, source, api, store, …
	Subject string  `json:"subject"` // of which component, endpoint, host; may be empty
	Verdict Verdict `json:"verdict"`
	Found   string  `json:"found"`
	Advice  *string `json:"advice"` // what to do; null: nothing
}

// CheckFor is what somebody who asks for a check has in mind.
type CheckFor struct {
	User   jid.JID // whose roster to read; may be zero
	Config []byte  // SHA-256 of the content of his configuration file; nil: he does not say
}

// Checked is the answer of POST /v1/check.
type Checked struct {
	OK     bool    `json:"ok"` // nothing has failed
	Checks []Check `json:"checks"`
}

// NewChecked sums up.
func NewChecked(all []Check) Checked {
	c := Checked{OK: true, Checks: append([]Check{}, all...)} // none is [], not null
	for _, one := range all {
		c.OK = c.OK && one.Verdict != CheckFail
	}
	return c
}

// checkTimeout bounds how long all checks together may take.
const checkTimeout = 30 * time.Second

// check looks at everything now. It changes nothing, and no endpoint gets a
// request.
func (h handler) check(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	var ask struct{ User, Config string }
	if err := body(w, r, &ask); err != nil {
		return err
	}
	var about CheckFor
	if ask.User != "" {
		var err error
		if about.User, err = jid.Parse(ask.User); err != nil || about.User.Local() == "" || !about.User.IsBare() {
			return wrongf("user: %q is not the address of a user; write for example juliet@example.com", ask.User)
		}
	}
	if ask.Config != "" {
		var err error
		if about.Config, err = hex.DecodeString(ask.Config); err != nil || len(about.Config) != sha256.Size {
			return wrongf("config: write the SHA-256 of the configuration file's content, as 64 hexadecimal digits")
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	return answer(w, http.StatusOK, NewChecked(h.Check(ctx, about)))
}
