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
	"stanzahook/pkg/stanza"
)

// maxIterations bounds the work that a server may demand for one login (RFC 5802
// section 5.1, attribute i). Prosody and ejabberd demand at most 10,000.
const maxIterations = 1_000_000

// mechanism returns the best mechanism that the server offers.
func (s *stream) mechanism() (sasl.Mechanism, error) {
	var offered []string
	if m := s.offers.Child(nsSASL, "mechanisms"); m != nil {
		for i := range m.Children {
			offered = append(offered, m.Children[i].Text)
		}
	}
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
		return fmt.Errorf("%w (a password must not contain NUL)", ErrPassword) // PLAIN uses it as a separator
	}
	credentials := sasl.Credentials(func() (name, pass, identity []byte) {
		text := password.Reveal()
		if m.Name != sasl.Plain.Name {
			// This equals SASLprep (RFC 4013) for all but exotic passwords; with
			// PLAIN the server does it.
			text = norm.NFKC.String(text)
		}
		return []byte(user), []byte(text), nil
	})
	client := sasl.NewClient(m, credentials)
	_, first, err := client.Step(nil)
	if err != nil {
		return unreachable("logging in", err)
	}
	if err := s.sendStep("auth mechanism='"+m.Name+"'", "auth", first); err != nil {
		return err
	}
	more := m.Name != sasl.Plain.Name
	for {
		e, err := s.next()
		if err != nil {
			return err
		}
		switch e.Local {
		case "challenge":
			if !more {
				return unreachable("logging in", errors.New("the server sent a challenge too many"))
			}
			var answer []byte
			if more, answer, err = step(client, e.Text); err != nil {
				return err
			}
			if err := s.sendStep("response", "response", answer); err != nil {
				return err
			}
		case "success":
			if more { // the server's proof comes with its last message
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
			return unreachable("logging in", fmt.Errorf("the server sent <%s/>", e.Local))
		}
	}
}

// sendStep writes a step; an empty one is "=" (RFC 6120 section 6.4.2).
func (s *stream) sendStep(open, name string, data []byte) error {
	text := base64.StdEncoding.EncodeToString(data)
	if text == "" && name == "auth" {
		text = "="
	}
	if _, err := io.WriteString(s.conn, "<"+open+" xmlns='"+nsSASL+"'>"+text+"</"+name+">"); err != nil {
		return unreachable("logging in", err)
	}
	return nil
}

// step passes a message of the server to the mechanism.
func step(client *sasl.Negotiator, text string) (more bool, answer []byte, err error) {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err == nil {
		err = checkStep(string(data))
	}
	if err == nil {
		more, answer, err = client.Step(data)
	}
	if err != nil {
		return false, nil, unreachable("logging in", fmt.Errorf("the server sent an invalid login step: %w", err))
	}
	return more, answer, nil
}

// checkStep checks the form of a server's SCRAM message (RFC 5802 section 7) and the
// work it demands, neither of which the mechanism checks.
func checkStep(message string) error {
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

// failure returns the error for a <failure/> (RFC 6120 section 6.5).
func failure(e *stanza.Element) error {
	condition, _ := e.Condition(nsSASL)
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
