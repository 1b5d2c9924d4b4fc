package signature_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	official "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"stanzahook/pkg/signature"
)

type vector struct {
	Name      string   `json:"name"`
	Secrets   []string `json:"secrets"`
	ID        string   `json:"id"`
	Timestamp int64    `json:"timestamp"`
	Body      string   `json:"body"`
	Signature string   `json:"signature"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func secrets(t testing.TB, texts ...string) []signature.Secret {
	t.Helper()
	var all []signature.Secret
	for _, text := range texts {
		s, err := signature.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

func headers(id string, timestamp time.Time, value string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", strconv.FormatInt(timestamp.Unix(), 10))
	h.Set("webhook-signature", value)
	return h
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		keys, at := secrets(t, v.Secrets...), time.Unix(v.Timestamp, 999)
		if got := signature.Sign(v.ID, at, []byte(v.Body), keys); got != v.Signature {
			t.Errorf("%s\ngot  %s\nwant %s", v.Name, got, v.Signature)
		}
		if err := signature.Verify(headers(v.ID, at, v.Signature), []byte(v.Body), keys, at); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

func TestNoSecretsNoSignature(t *testing.T) {
	if got := signature.Sign("evt_1", time.Unix(1, 0), []byte("x"), nil); got != "" {
		t.Errorf("got %q", got)
	}
}

// What we sign is what the standard's own library accepts, whichever of the
// secrets the receiver has; and the other way round.
func TestOfficialLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	now := time.Now()
	for range 500 {
		id := "evt_" + strconv.FormatUint(random.Uint64(), 36)
		body := bytes(random.IntN(3000))
		at := now.Add(time.Duration(random.IntN(480)-240) * time.Second)
		var texts []string
		for range 1 + random.IntN(3) {
			texts = append(texts, "whsec_"+base64.StdEncoding.EncodeToString(bytes(24+random.IntN(41))))
		}
		keys := secrets(t, texts...)
		h := headers(id, at, signature.Sign(id, at, body, keys))
		for i, text := range texts {
			theirs, err := official.NewWebhook(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := theirs.Verify(body, h); err != nil {
				t.Fatalf("%s with secret %d of %d: %v", id, i+1, len(texts), err)
			}
			if err := signature.Verify(h, body, keys[i:i+1], now); err != nil {
				t.Fatalf("%s, by our own: %v", id, err)
			}
			value, err := theirs.Sign(id, at, body)
			if err != nil {
				t.Fatal(err)
			}
			if err := signature.Verify(headers(id, at, value), body, keys, now); err != nil {
				t.Fatalf("%s, signed by the library: %v", id, err)
			}
			if changed := append(body[:len(body):len(body)], 'x'); theirs.Verify(changed, h) == nil || signature.Verify(h, changed, keys, now) == nil {
				t.Fatalf("%s: a changed body passes", id)
			}
		}
	}
}

func TestSignerIsShared(t *testing.T) {
	all := vectors(t)
	v := all[len(all)-1]
	signer := signature.NewSigner(secrets(t, v.Secrets...))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				if got := signer.Sign(v.ID, time.Unix(v.Timestamp, 0), []byte(v.Body)); got != v.Signature {
					t.Errorf("got %s", got)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestVerifyRefuses(t *testing.T) {
	v := vectors(t)[0]
	keys, at := secrets(t, v.Secrets...), time.Unix(v.Timestamp, 0)
	const wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	for _, test := range []struct {
		name   string
		change func(http.Header)
		now    time.Time
		want   error
	}{
		{"as it is", func(http.Header) {}, at, nil},
		{"no id", func(h http.Header) { h.Del("webhook-id") }, at, signature.ErrHeader},
		{"no timestamp", func(h http.Header) { h.Del("webhook-timestamp") }, at, signature.ErrHeader},
		{"no signature", func(h http.Header) { h.Del("webhook-signature") }, at, signature.ErrHeader},
		{"timestamp is a word", set("webhook-timestamp", "now"), at, signature.ErrHeader},
		{"timestamp in another form", set("webhook-timestamp", "+1614265330"), at, signature.ErrNoMatch},
		{"wrong signature", set("webhook-signature", wrong), at, signature.ErrNoMatch},
		{"nothing after v1", set("webhook-signature", "v1,"), at, signature.ErrNoMatch},
		{"v1 alone", set("webhook-signature", "v1"), at, signature.ErrNoMatch},
		{"a part of it", set("webhook-signature", v.Signature[:20]), at, signature.ErrNoMatch},
		{"another version", set("webhook-signature", strings.Replace(v.Signature, "v1", "v2", 1)), at, signature.ErrNoMatch},
		{"asymmetric", set("webhook-signature", strings.Replace(v.Signature, "v1", "v1a", 1)), at, signature.ErrNoMatch},
		{"one of several", set("webhook-signature", wrong+" v2,x  v1 , "+v.Signature+" "+wrong), at, nil},
		{"another id", set("webhook-id", "msg_x"), at, signature.ErrNoMatch},
		{"old, just so", func(http.Header) {}, at.Add(5 * time.Minute), nil},
		{"too old", func(http.Header) {}, at.Add(5*time.Minute + time.Second), signature.ErrTooOld},
		{"new, just so", func(http.Header) {}, at.Add(-5 * time.Minute), nil},
		{"too new", func(http.Header) {}, at.Add(-5*time.Minute - time.Second), signature.ErrTooNew},
	} {
		h := headers(v.ID, at, v.Signature)
		test.change(h)
		if err := signature.Verify(h, []byte(v.Body), keys, test.now); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
	if err := signature.Verify(headers(v.ID, at, v.Signature), []byte(v.Body), nil, at); !errors.Is(err, signature.ErrNoMatch) {
		t.Errorf("without secrets: %v", err)
	}
}

func TestSignerKeepsItsKeysPrepared(t *testing.T) {
	signer := signature.NewSigner(secrets(t, vectors(t)[0].Secrets...))
	at, body := time.Now(), make([]byte, 700)
	signer.Sign("evt_1", at, body)
	// It is one, the result. With the race detector the pool forgets a part on
	// purpose; with fresh keys each time it is more than a dozen.
	if n := testing.AllocsPerRun(1000, func() { signer.Sign("evt_1", at, body) }); n > 8 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSigner(b *testing.B) {
	texts := vectors(b)[2].Secrets
	for _, n := range []int{1, 2} {
		signer := signature.NewSigner(secrets(b, texts[:n]...))
		at, body := time.Now(), make([]byte, 700)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				signer.Sign("evt_01K0000000000000000000000", at, body)
			}
		})
	}
}

func BenchmarkOfficialSign(b *testing.B) {
	theirs, err := official.NewWebhook(vectors(b)[0].Secrets[0])
	if err != nil {
		b.Fatal(err)
	}
	at, body := time.Now(), make([]byte, 700)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := theirs.Sign("evt_01K0000000000000000000000", at, body); err != nil {
			b.Fatal(err)
		}
	}
}
