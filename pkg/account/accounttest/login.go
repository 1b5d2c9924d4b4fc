package accounttest

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"

	"mellium.im/sasl"
)

// authenticate is the server side of SASL (RFC 6120 section 6.4).
func (c *client) authenticate(q request) bool {
	s := c.server
	s.mu.Lock()
	s.tried++
	s.used = append(s.used, q.Mechanism)
	s.mu.Unlock()
	if s.o.Refuse != "" {
		return c.refuse(s.o.Refuse)
	}
	var m sasl.Mechanism
	switch q.Mechanism {
	case "PLAIN":
		m = sasl.Plain
	case "SCRAM-SHA-256":
		m = sasl.ScramSha256
	case "SCRAM-SHA-1":
		m = sasl.ScramSha1
	default:
		return c.refuse("invalid-mechanism")
	}
	user := ""
	negotiator := sasl.NewServer(m, func(n *sasl.Negotiator) bool {
		name, password, _ := n.Credentials()
		user = string(name)
		want, ok := s.o.Users[user]
		return ok && want == string(password)
	}, sasl.SaltedCredentials(func(name, _ []byte, mechanism string) (salt, salted []byte, iterations int64, err error) {
		user = string(name)
		want, ok := s.o.Users[user]
		if !ok {
			return nil, nil, 0, errors.New("no such user")
		}
		hashed := map[string]func() hash.Hash{"SCRAM-SHA-256": sha256.New, "SCRAM-SHA-1": sha1.New}[mechanism]
		salt = []byte("salt of the test")
		return salt, sasl.SCRAMSaltPassword(hashed, []byte(want), salt, min(s.o.Iterations, 10000)), int64(s.o.Iterations), nil
	}))
	for {
		data, err := base64.StdEncoding.DecodeString(q.Text)
		if err != nil {
			return c.refuse("incorrect-encoding")
		}
		more, answer, err := negotiator.Step(data)
		if err != nil {
			return c.refuse("not-authorized")
		}
		text := base64.StdEncoding.EncodeToString(answer)
		if !more {
			if s.o.NoProof {
				text = ""
			}
			c.user = user
			s.mu.Lock()
			s.logins++
			s.mu.Unlock()
			return c.write("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%s</success>", text)
		}
		if !c.write("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%s</challenge>", text) {
			return false
		}
		var ok bool
		if _, q, ok = c.next(); !ok {
			return false
		}
	}
}

func (c *client) refuse(condition string) bool {
	return c.write("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><%s/></failure>", condition) && false
}
