package account

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
	"mellium.im/sasl"

	"stanzahook/pkg/secret"
)

// maxIterations bounds the work a server may ask of us for one login (RFC 5802
// section 5.1, attribute i). Prosody and ejabberd ask for 10,000 or fewer.
const maxIterations = 1_000_000

// mechanism picks the best of what the server offers.
func (s *stream) mechanism() (sasl.Mechanism, error) {
	offered := s.offers.Mechanisms.Names
	for _, m := range []sasl.Mechanism{sasl.ScramSha256, sasl.ScramSha1} {
		if slices.Contains(offered, m.Name) {
			return m, nil
		}
	}
	if !slices.Contains(offered, sasl.Plain.Name) {
		return sasl.Mechanism{}, fmt.Errorf("%w: it has %q", ErrMechanism, offered)
	}
	if !s.private {
		return sasl.Mechanism{}, fmt.Errorf("%w: it has PLAIN and no SCRAM, and PLAIN needs TLS, or allow_plain: true for a server on loopback (http.basic.accounts)", ErrMechanism)
	}
	return sasl.Plain, nil
}

// authenticate logs in (RFC 6120 section 6.4).
func (s *stream) authenticate(user string, password secret.String) error {
	m, err := s.mechanism()
	if err != nil {
		return err
	}
	if strings.ContainsRune(password.Reveal(), 0) {
		return fmt.Errorf("%w (a password holds no NUL)", ErrPassword) // PLAIN separates by it
	}
	credentials := sasl.Credentials(func() (name, pass, identity []byte) {
		text := password.Reveal()
		if m.Name != sasl.Plain.Name {
			// SASLprep (RFC 4013) is this for everything but exotic passwords;
			// with PLAIN the server does it.
			text = norm.NFKC.String(text)
		}
		return []byte(user), []byte(text), nil
	})
	client := sasl.NewClient(m, credentials)
	_, first, err := client.Step(nil)
	if err != nil {
		return unreachable("logging in", err)
	}
	if err := s.say("auth mechanism='"+m.Name+"'", "auth", first); err != nil {
		return err
	}
	more := m.Name != sasl.Plain.Name
	for {
		e, err := s.next()
		if err != nil {
			return err
		}
		switch e.XMLName.Local {
		case "challenge":
			if !more {
				return unreachable("logging in", errors.New("the server asks for more than there is"))
			}
			var answer []byte
			if more, answer, err = step(client, e.Text); err != nil {
				return err
			}
			if err := s.say("response", "response", answer); err != nil {
				return err
			}
		case "success":
			if more { // the server's proof comes with its last word
				if more, _, err = step(client, e.Text); err != nil {
					return err
				}
				if more {
					return unreachable("logging in", errors.New("the server has not proven that it knows the password"))
				}
			}
			return nil
		case "failure":
			return failure(e)
		default:
			return unreachable("logging in", fmt.Errorf("the server sent <%s/>", e.XMLName.Local))
		}
	}
}

// say writes a step; an empty one is "=" (RFC 6120 section 6.4.2).
func (s *stream) say(open, name string, data []byte) error {
	text := base64.StdEncoding.EncodeToString(data)
	if text == "" && name == "auth" {
		text = "="
	}
	if _, err := io.WriteString(s.conn, "<"+open+" xmlns='"+nsSASL+"'>"+text+"</"+name+">"); err != nil {
		return unreachable("logging in", err)
	}
	return nil
}

// step gives the mechanism what the server said.
func step(client *sasl.Negotiator, text string) (more bool, answer []byte, err error) {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err == nil {
		err = sane(string(data))
	}
	if err == nil {
		more, answer, err = client.Step(data)
	}
	if err != nil {
		return false, nil, unreachable("logging in", fmt.Errorf("the server's side of the login is wrong: %w", err))
	}
	return more, answer, nil
}

// sane holds a server's SCRAM message (RFC 5802 section 7) to its form, and to
// an amount of work: the mechanism takes these on trust.
func sane(message string) error {
	for field := range strings.SplitSeq(message, ",") {
		if len(field) < 3 || field[1] != '=' {
			return errors.New("a field is not an attribute with a value")
		}
		if count, ok := strings.CutPrefix(field, "i="); ok {
			if n, err := strconv.Atoi(count); err != nil || n < 1 || n > maxIterations {
				return fmt.Errorf("the number of iterations is not between 1 and %d", maxIterations)
			}
		}
	}
	return nil
}

// failure reads why the server refuses (RFC 6120 section 6.5).
func failure(e *element) error {
	condition := ""
	for _, k := range e.Kids {
		if k.XMLName.Local != "text" {
			condition = k.XMLName.Local
		}
	}
	switch condition {
	case "account-disabled", "credentials-expired":
		return fmt.Errorf("%w (%s)", ErrDisabled, condition)
	case "not-authorized", "invalid-authzid", "malformed-request", "bad-auth":
		return fmt.Errorf("%w (%s)", ErrPassword, condition)
	case "encryption-required", "mechanism-too-weak", "invalid-mechanism":
		return fmt.Errorf("%w (%s)", ErrMechanism, condition)
	}
	return unreachable("logging in", fmt.Errorf("the server refuses with %q", condition)) // temporary-auth-failure, aborted
}
