package signature_test

import (
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	official "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

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
	require.NoError(t, err)
	var all []vector
	require.NoError(t, json.Unmarshal(data, &all))
	return all
}

func secrets(t testing.TB, texts ...string) []signature.Secret {
	t.Helper()
	var all []signature.Secret
	for _, text := range texts {
		s, err := signature.ParseSecret(text)
		require.NoError(t, err)
		all = append(all, s)
	}
	return all
}

func TestVectors(t *testing.T) {
	if got := signature.NewSigner(nil).Sign("evt_1", time.Unix(1, 0), []byte("x")); got != "" {
		t.Errorf("without secrets: %q", got)
	}
	for _, v := range vectors(t) {
		keys, at := secrets(t, v.Secrets...), time.Unix(v.Timestamp, 999)
		if got := signature.NewSigner(keys).Sign(v.ID, at, []byte(v.Body)); got != v.Signature {
			t.Errorf("%s\ngot  %s\nwant %s", v.Name, got, v.Signature)
		}
	}
}

// The standard's own library accepts our signatures, whichever of the secrets the
// receiver has.
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
		h := http.Header{}
		h.Set(signature.HeaderID, id)
		h.Set(signature.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
		h.Set(signature.HeaderSignature, signature.NewSigner(secrets(t, texts...)).Sign(id, at, body))
		for i, text := range texts {
			theirs, err := official.NewWebhook(text)
			require.NoError(t, err)
			if err := theirs.Verify(body, h); err != nil {
				t.Fatalf("%s with secret %d of %d: %v", id, i+1, len(texts), err)
			}
			if changed := append(body[:len(body):len(body)], 'x'); theirs.Verify(changed, h) == nil {
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
