package config

import (
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"

	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// Bounds of a hook.
const (
	maxHookChars   = 65_536
	maxHookTargets = 1000
)

func (h *Hook) check(s scope, before []Hook) {
	switch {
	case h.Name == "":
		s.add("name", "is missing; write a short one, as alerts or github")
	case !regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`).MatchString(h.Name):
		s.add("name", "%s is not a name; write up to 63 of a-z 0-9 _ and -, beginning with a letter or digit", quote(h.Name))
	default:
		unique(s, "name", before, func(other *Hook) bool { return other.Name == h.Name }, h.Name, "is the name of hooks[%d] already; write another")
	}
	s.oneOf("adapter", h.Adapter, hook.Adapters()...)
	h.checkVerify(s.in("verify"))
	h.checkHashes(s, before)
	h.checkAddresses(s)
	h.checkReader(s)
	if h.MaxChars < 1 || h.MaxChars > maxHookChars {
		s.add("max_chars", "%d is not between 1 and %d", h.MaxChars, maxHookChars)
	}
	if h.MaxBody < 1 || h.MaxBody > maxBodyBytes {
		s.add("max_body", "%v is not between 1 and %v", h.MaxBody, maxBodyBytes)
	}
	h.RateLimit.check(s.in("rate_limit"))
}

// checkHashes checks the hashes of the secrets. A hook needs a secret or a signature, but
// on a loopback address with verify: none.
func (h *Hook) checkHashes(s scope, before []Hook) {
	h.Hashes = nil
	if s.isSet("secret_hash") && !s.isReported("secret_hash") {
		h.Hashes = append(h.Hashes, h.SecretHash)
	}
	for i, hash := range h.SecretHashes {
		if s.isReported(at("secret_hashes", i)) {
			continue
		}
		if slices.Contains(h.Hashes, hash) {
			s.add(at("secret_hashes", i), "is here twice; keep one")
		}
		h.Hashes = append(h.Hashes, hash)
	}
	for i := range before {
		if slices.ContainsFunc(h.Hashes, func(hash [32]byte) bool { return slices.Contains(before[i].Hashes, hash) }) {
			s.add("secret_hash", "is that of hooks[%d] too; each hook needs its own, as some tools name the hook by its secret alone; \"stanzahook hook new\" makes one", i)
		}
	}
	if len(h.Hashes) > 0 || s.isReported("secret_hash") || s.isReported("secret_hashes") || s.isSet("verify") && h.Verify.Kind != hook.VerifyNone {
		return
	}
	switch host, _, err := net.SplitHostPort(s.c.HTTP.Listen); {
	case h.Verify.Kind != hook.VerifyNone:
		s.add("secret_hash", "is missing: everybody could use the hook; \"stanzahook hook new\" prints one with its URL, or write verify for the signature of the tool")
	case err == nil && !IsLoopback(host):
		s.add("verify", "none is for loopback addresses only, and http.listen is %s; write secret_hash, or the kind of the tool's signature", quote(s.c.HTTP.Listen))
	}
}

// checkVerify reads the secrets of signatures.
func (h *Hook) checkVerify(s scope) {
	v := &h.Verify
	if v.Kind == "" {
		for _, name := range [...]string{"secret", "secret_file", "secrets", "secret_files", "timestamp_header"} {
			if s.isSet(name) {
				s.add("kind", "is missing; write %s", Alternatives(hook.VerifyKinds()))
				return
			}
		}
		return
	}
	if s.oneOf("kind", v.Kind, hook.VerifyKinds()...); s.isReported("kind") {
		return
	}
	if v.TimestampHeader != "" && v.Kind != hook.VerifyGrafana {
		s.add("timestamp_header", "is for kind: grafana only; remove it")
	}
	all, ok := h.signingSecrets(s)
	switch {
	case !ok:
		return
	case v.Kind == hook.VerifyNone && len(all) > 0:
		s.add("kind", "none needs no secret; remove it, or write another kind")
		return
	case v.Kind != hook.VerifyNone && len(all) == 0:
		s.add("secret_file", "is missing; write it, or secret, with the secret that the tool signs with")
		return
	}
	var err error
	if h.Verifier, err = hook.NewVerifier(v.Kind, all, v.TimestampHeader); err != nil {
		name := "secret_file"
		for _, other := range [...]string{"secret_files", "secrets", "secret"} {
			if s.isSet(other) {
				name = other
			}
		}
		s.add(name, "%v", err)
	}
}

// signingSecrets are those of all four keys; ok is false if one cannot be read.
func (h *Hook) signingSecrets(s scope) (all []secret.String, ok bool) {
	v := &h.Verify
	if s.isSet("secret") {
		all = append(all, v.Secret)
	}
	all, ok = append(all, v.Secrets...), true
	read := func(name string, path *string) {
		text, found, err := s.files.secret(*path)
		if err != nil {
			s.add(name, "%v", err)
			ok = false
			return
		}
		*path = found
		all = append(all, text)
	}
	if s.isSet("secret_file") {
		read("secret_file", &v.SecretFile)
	}
	for i := range v.SecretFiles {
		read(at("secret_files", i), &v.SecretFiles[i])
	}
	return all, ok
}

// checkAddresses checks who sends, and to whom.
func (h *Hook) checkAddresses(s scope) {
	if from, err := jid.Parse(h.From); err != nil {
		s.add("from", "%s is not an address; write one of a component, for example alerts@%s", quote(h.From), s.exampleDomain())
	} else if h.Sender, h.From = from, from.String(); !s.isOfComponent(from.Bare().String(), "") {
		s.add("from", "%s is of no component; write for example alerts@%s", quote(h.From), s.exampleDomain())
	}
	recipient := func(name, text string) jid.JID {
		address, isRoom := RoomURI(text)
		to, err := jid.Parse(address)
		switch {
		case err != nil:
			s.add(name, "%s is not an address; write for example juliet@example.com", quote(text))
		case isRoom && (to.Local() == "" || !to.IsBare()):
			s.add(name, "%s is not a room; write for example xmpp:ops@rooms.example.com?join", quote(text))
		case isRoom:
			h.Rooms = append(h.Rooms, to)
		}
		return to
	}
	for i, text := range h.To {
		to := recipient(at("to", i), text)
		if slices.Contains(h.Recipients, to) && !to.IsZero() {
			s.add(at("to", i), "%s is in the list twice; keep one", quote(text))
		}
		h.Recipients = append(h.Recipients, to)
	}
	if len(h.To) == 0 && len(h.Targets) == 0 {
		s.add("to", "is missing; write who gets the messages, for example [juliet@example.com]")
	}
	if len(h.Targets) > maxHookTargets {
		s.add("targets", "are %d; there may be %d", len(h.Targets), maxHookTargets)
	}
	h.TargetJIDs = make(map[string]jid.JID)
	for _, name := range slices.Sorted(maps.Keys(h.Targets)) {
		if !regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,62}$`).MatchString(name) {
			s.add("targets."+printable(name), "is not a name; write up to 63 of a-z 0-9 _ . and -, without # or @")
		}
		h.TargetJIDs[name] = recipient("targets."+name, h.Targets[name])
	}
}

// RoomURI returns the address of xmpp:room@service?join (XEP-0045 section 17.2.1), by which
// a recipient is written that is a room for certain.
func RoomURI(text string) (address string, isRoom bool) {
	if rest, ok := strings.CutPrefix(text, "xmpp:"); ok {
		return strings.CutSuffix(rest, "?join")
	}
	return text, false
}

// exampleDomain is the domain of a component, for advice.
func (s scope) exampleDomain() string {
	if len(s.c.Components) == 0 {
		return "bot.example.com"
	}
	return s.c.Components[0].Domain
}

// checkReader parses the templates, and tries them with the adapter's sample.
func (h *Hook) checkReader(s scope) {
	if s.isReported("adapter") {
		return
	}
	if s.oneOf("update", h.Update, hook.Updates()...); s.isReported("update") {
		return
	}
	var err error
	h.Reader, err = hook.New(hook.Options{Adapter: h.Adapter, Template: h.Template, Thread: h.Thread, Update: h.Update, Events: h.Events, Split: h.Split, MaxChars: h.MaxChars, Get: h.Get})
	if err != nil {
		key, text, _ := strings.Cut(err.Error(), ": ")
		s.add(key, "%s: %s", h.Name, text)
		return
	}
	n, err := h.Reader.Read(hook.Sample(h.Adapter))
	if err != nil && h.Template == "" {
		s.add("adapter", "cannot read its own sample: %v", err)
	}
	for _, t := range n.Texts {
		if t.Cut != nil {
			s.add("template", "%s: with the sample of %s: %v", h.Name, h.Adapter, t.Cut)
		}
	}
}
