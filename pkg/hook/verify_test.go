package hook_test

import (
	"encoding/base64"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/hook"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/signature"
)

const (
	first  = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	second = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="
)

// sign adds the signature of a provider.
func sign(t *testing.T, kind, key, timestamp string, r *hook.Request) {
	t.Helper()
	at := strconv.FormatInt(r.Time.Unix(), 10)
	switch kind {
	case hook.VerifyGitHub:
		r.Header.Set("X-Hub-Signature-256", "sha256="+hook.SignedHex([]byte(key), r.Body))
	case hook.VerifyGitea:
		r.Header.Set("X-Gitea-Signature", hook.SignedHex([]byte(key), r.Body))
	case hook.VerifyGitLab:
		r.Header.Set("X-Gitlab-Token", key)
	case hook.VerifyGrafana:
		text := string(r.Body)
		if timestamp != "" {
			r.Header.Set(timestamp, at)
			text = at + ":" + text
		}
		r.Header.Set("X-Grafana-Alerting-Signature", hook.SignedHex([]byte(key), []byte(text)))
	case hook.VerifySlack:
		r.Header.Set("X-Slack-Request-Timestamp", at)
		r.Header.Set("X-Slack-Signature", "v0="+hook.SignedHex([]byte(key), []byte("v0:"+at+":"+string(r.Body))))
	case hook.VerifyStandard:
		parsed, err := signature.ParseSecret(key)
		require.NoError(t, err)
		r.Header.Set("webhook-id", "msg_1")
		r.Header.Set("webhook-timestamp", at)
		r.Header.Set("webhook-signature", "v1,AAAA "+signature.NewSigner([]signature.Secret{parsed}).Sign("msg_1", r.Time, r.Body))
	}
}

// Each provider's signature: right with both secrets of a rotation, wrong with another
// secret, another body, and another time.
func TestVerify(t *testing.T) {
	for _, c := range []struct{ kind, timestamp string }{
		{hook.VerifyGitHub, ""}, {hook.VerifyGitea, ""}, {hook.VerifyGitLab, ""}, {hook.VerifyGrafana, ""}, {hook.VerifyGrafana, "X-Time"}, {hook.VerifySlack, ""}, {hook.VerifyStandard, ""},
	} {
		t.Run(c.kind+c.timestamp, func(t *testing.T) {
			v, err := hook.NewVerifier(c.kind, []secret.String{secret.New(first), secret.New(second)}, c.timestamp)
			require.NoError(t, err)
			for _, key := range []string{first, second} {
				r := post(`{"a":1}`)
				sign(t, c.kind, key, c.timestamp, r)
				if err := v.Verify(r); err != nil {
					t.Errorf("right: %v", err)
				}
				if c.kind == hook.VerifyGitLab {
					continue // has no signature of the body
				}
				r.Body[0] ^= 1
				if v.Verify(r) == nil {
					t.Error("another body is taken")
				}
				r.Body[0] ^= 1
				r.Time = r.Time.Add(301 * time.Second)
				timed := c.timestamp != "" || c.kind == hook.VerifySlack || c.kind == hook.VerifyStandard
				if (v.Verify(r) != nil) != timed {
					t.Errorf("301 s later: %v", v.Verify(r))
				}
				r.Time = r.Time.Add(-602 * time.Second)
				if (v.Verify(r) != nil) != timed {
					t.Errorf("301 s before: %v", v.Verify(r))
				}
			}
			r := post(`{"a":1}`)
			if v.Verify(r) == nil {
				t.Error("no signature is taken")
			}
			sign(t, c.kind, "whsec_"+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("z", 32))), c.timestamp, r)
			if v.Verify(r) == nil {
				t.Error("another secret is taken")
			}
		})
	}
	if err := (*hook.Verifier)(nil).Verify(post("")); err != nil {
		t.Error(err)
	}
	for _, c := range [][]secret.String{nil, {secret.New("")}} {
		if _, err := hook.NewVerifier(hook.VerifyGitHub, c, ""); err == nil {
			t.Errorf("%d secrets are taken", len(c))
		}
	}
	if _, err := hook.NewVerifier(hook.VerifyStandard, []secret.String{secret.New("x")}, ""); err == nil {
		t.Error("no whsec_ is taken")
	}
}

// docs.github.com, "Validating webhook deliveries": the example there.
func TestVerifyExampleOfGitHub(t *testing.T) {
	v, err := hook.NewVerifier(hook.VerifyGitHub, []secret.String{secret.New("It's a Secret to Everybody")}, "")
	require.NoError(t, err)
	r := post("Hello, World!", "X-Hub-Signature-256: sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
	if err := v.Verify(r); err != nil {
		t.Error(err)
	}
}

// docs.gitea.com and forgejo.org, "Webhooks": the hex of HMAC-SHA256 alone, in X-Gitea-Signature
// and X-Forgejo-Signature. The vectors are those of RFC 4231 section 4, and of GitHub.
func TestVerifyExamplesOfGitea(t *testing.T) {
	for _, c := range []struct{ key, body, sum string }{
		{"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{strings.Repeat("\x0b", 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{strings.Repeat("\xaa", 131), "Test Using Larger Than Block-Size Key - Hash Key First", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{"It's a Secret to Everybody", "Hello, World!", "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
	} {
		v, err := hook.NewVerifier(hook.VerifyGitea, []secret.String{secret.New("old"), secret.New(c.key)}, "")
		require.NoError(t, err)
		wrong := "0" + c.sum[1:]
		for header, ok := range map[string]bool{
			"X-Gitea-Signature: " + c.sum: true, "X-Forgejo-Signature: " + c.sum: true, "X-Gitea-Signature: sha256=" + c.sum: false, "X-Gitea-Signature: " + wrong: false,
			"X-Forgejo-Signature: " + wrong: false, "X-Gitea-Signature: " + strings.ToUpper(c.sum): false, "X-Gitea-Signature: ": false, "X-Hub-Signature-256: sha256=" + c.sum: false,
		} {
			if err := v.Verify(post(c.body, header)); (err == nil) != ok {
				t.Errorf("%s: %v", header, err)
			}
			if err := v.Verify(post(c.body+" ", header)); err == nil {
				t.Errorf("%s with another body is taken", header)
			}
		}
	}
}

func TestSecrets(t *testing.T) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("u:p"))
	for _, c := range []struct {
		target, header string
		want           []string
	}{
		{"/", "", nil}, {"/", "Authorization: Bearer b", []string{"b"}}, {"/", "Authorization: " + basic, []string{"p"}}, {"/", "X-Gitlab-Token: g", []string{"g"}},
		{"/?token=t", "X-Gotify-Key: k", []string{"k", "t"}}, {"/?auth=" + base64.RawURLEncoding.EncodeToString([]byte(basic)), "", []string{"p"}},
		{"/?auth=" + base64.RawURLEncoding.EncodeToString([]byte("Bearer x")), "", []string{"x"}}, {"/?auth=!", "", nil}, {"/", "Authorization: Digest x", nil},
	} {
		r := httptest.NewRequest("POST", c.target, nil)
		if name, value, ok := strings.Cut(c.header, ": "); ok {
			r.Header.Set(name, value)
		}
		if got := hook.Secrets(r); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %s: %v", c.target, c.header, got)
		}
	}
}
