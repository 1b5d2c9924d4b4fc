package v1

import "stanzahook/pkg/jid"

// Verdict is the result of a check.
type Verdict string

// The verdicts.
const (
	CheckOK   Verdict = "ok"
	CheckWarn Verdict = "warn" // it works, but not all of it
	CheckFail Verdict = "fail"
)

// Check is one finding, and what to do about it. It has no credentials.
type Check struct {
	What    string  `json:"what"`    // link, privileges, round trip, clock, features, endpoint, roster, source, rooms, uploads, api, store, …
	Subject string  `json:"subject"` // the component, endpoint or host; may be empty
	Verdict Verdict `json:"verdict"`
	Found   string  `json:"found"`
	Advice  *string `json:"advice"` // what to do; null: nothing
}

// CheckFor is what to check besides the state of the process.
type CheckFor struct {
	User   jid.JID // whose roster to read; zero: nobody's
	Config []byte  // SHA-256 of the caller's configuration file; nil: unknown
}

// Checked is the answer of POST /v1/check.
type Checked struct {
	OK     bool    `json:"ok"` // nothing has failed
	Checks []Check `json:"checks"`
}

// NewChecked sums up checks.
func NewChecked(all []Check) Checked {
	c := Checked{OK: true, Checks: append([]Check{}, all...)} // none is [], not null
	for _, one := range all {
		c.OK = c.OK && one.Verdict != CheckFail
	}
	return c
}
