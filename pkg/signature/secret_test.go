package signature_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"stanzahook/pkg/signature"
)

func TestParseSecret(t *testing.T) {
	text := func(n int) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", n))) }
	for _, good := range []string{"whsec_" + text(24), "whsec_" + text(25), "whsec_" + text(64), text(32)} {
		if _, err := signature.ParseSecret(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"":                                     "is empty",
		"whsec_":                               "is empty",
		"hunter2":                              "is not whsec_ and base64",
		"whsec_hunter2!":                       "is not whsec_ and base64",
		"whsec_whsec_" + text(24):              "is not whsec_ and base64",
		"WHSEC_" + text(24):                    "is not whsec_ and base64",
		"whsec_" + text(24) + "\n":             "is not whsec_ and base64",
		" whsec_" + text(24):                   "is not whsec_ and base64",
		"whsec_" + text(23):                    "has a key of 23 bytes",
		"whsec_" + text(65):                    "has a key of 65 bytes",
		"whsec_" + strings.Repeat("-_Az", 8):   "is not whsec_ and base64", // the URL alphabet
		"whsec_" + strings.Trim(text(25), "="): "is not whsec_ and base64", // not padded
		"whsk_" + text(64):                     "asymmetric",
		"whpk_" + text(32):                     "asymmetric",
	} {
		_, err := signature.ParseSecret(bad)
		if err == nil || !strings.HasPrefix(err.Error(), "the secret ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", bad, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "a2tr")) {
			t.Errorf("%q: the error shows the secret: %v", bad, err)
		}
	}
}

func TestSecretsHide(t *testing.T) {
	s, err := signature.ParseSecret("whsec_" + base64.StdEncoding.EncodeToString([]byte("hunter2hunter2hunter2hunter2")))
	if err != nil {
		t.Fatal(err)
	}
	inside := struct {
		Exported   signature.Secret
		unexported signature.Secret
		Pointer    *signature.Secret
		Keys       []signature.Secret
	}{s, s, &s, []signature.Secret{s}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, out := range []string{fmt.Sprintf(verb, s), fmt.Sprintf(verb, &s), fmt.Sprintf(verb, inside)} {
			if strings.Contains(out, "hunter") || strings.Contains(out, "68756e") || strings.Contains(out, "104 117") {
				t.Errorf("%s shows the key: %s", verb, out)
			}
		}
	}
	out, err := json.Marshal(inside)
	if err != nil || strings.Contains(string(out), "hunter") || strings.Contains(string(out), "aHVudGVy") {
		t.Errorf("JSON is %s, %v", out, err)
	}
	if s.String() != "<secret>" || !s.Equal(s) || s.Equal(signature.Secret{}) {
		t.Error("String or Equal")
	}
}
