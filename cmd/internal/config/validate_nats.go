package config

import (
	"net/url"
	"strings"
)

const exampleNATS = "nats://127.0.0.1:4222, or nats://n1:4222,nats://n2:4222,nats://n3:4222"

// check checks how a NATS is reached, and reads the files.
func (n *StoreNATS) check(s scope) {
	if n.URL == "" {
		s.add("url", "is missing; write the address of the NATS servers, for example %s", exampleNATS)
	}
	for one := range strings.SplitSeq(n.URL, ",") {
		if n.URL == "" || !s.natsAddress(one) {
			break
		}
	}
	n.checkCredentials(s)
	n.TLS.check(s.in("tls"), nil)
	switch {
	case s.isReported("replicas"):
	case !s.isSet("replicas"):
		s.add("replicas", "is missing; write how many NATS servers keep each record: 3 for a cluster of three servers, 1 for a single one")
	case n.Replicas != 1 && n.Replicas != 3 && n.Replicas != 5:
		s.add("replicas", "%d is not 1, 3 or 5", n.Replicas)
	}
	if !isToken(n.Name) {
		s.add("name", "%s is not a name; write 1 to 32 of the letters A to Z, digits, _ and -", quote(n.Name))
	}
}

// natsAddress checks the address of one server, and reports whether it is one.
func (s scope) natsAddress(one string) bool {
	u, err := url.Parse(one)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "nats" && u.Scheme != "tls":
		shown := one
		if strings.Contains(one, "@") {
			shown = "the address with an @ in it" // there may be a password before it
		} else {
			shown = quote(one)
		}
		s.add("url", "%s is not the address of a NATS server; write for example %s", shown, exampleNATS)
	case u.User != nil:
		s.add("url", "has a user in it; write user, and password or password_file, beside url")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		s.add("url", "%s has something behind the port; write for example %s", quote(one), exampleNATS)
	default:
		return true
	}
	return false
}

// checkCredentials checks that there is one kind of credentials at most, whole, and finds
// the files.
func (n *StoreNATS) checkCredentials(s scope) {
	var kinds []string
	for _, name := range []string{"creds_file", "nkey_file", "user"} {
		if s.isSet(name) {
			kinds = append(kinds, name)
		}
	}
	if len(kinds) > 1 {
		s.add(kinds[1], "is here together with %s; keep one of them", kinds[0])
		return
	}
	file := func(name string, path *string) {
		if s.isReported(name) || !s.isSet(name) {
			return
		}
		if _, found, err := s.files.secret(*path); err != nil {
			s.add(name, "%v", err)
		} else {
			*path = found
		}
	}
	file("creds_file", &n.CredsFile)
	file("nkey_file", &n.NKeyFile)
	switch {
	case s.isSet("user") && n.User == "":
		s.add("user", "is empty; write the user, or remove it")
	case s.isSet("user"):
		s.secretOrFile("password", &n.Password, &n.PasswordFile)
	case s.isSet("password"), s.isSet("password_file"):
		s.add("user", "is missing, and there is a password; write the user, or remove the password")
	}
}
