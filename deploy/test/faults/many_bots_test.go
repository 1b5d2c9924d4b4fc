//go:build integration

package faults

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// photo returns an image of its own for a number, of about 10 KiB.
func photo(t testing.TB, n int) []byte {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(n), 1))
	img := image.NewGray(image.Rect(0, 0, 100, 100))
	for i := range img.Pix {
		img.Pix[i] = byte(random.Uint32())
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Ten thousand bots that the API has set, each with an avatar of its own, take at most 64 MiB
// of resident memory, in the process that got them and in the next one, also when avatars from
// everywhere among them are asked for. All are listed, and there after a restart.
func TestFaultsManyBots(t *testing.T) {
	harness.WithoutRace(t)
	const most = 64 << 20
	many, asked, resident := 200, 200, (*harness.Program).ResidentNow
	if harness.FullFaults() {
		many, asked, resident = 10_000, 1_000, (*harness.Program).Resident
	}
	s := harness.StartServer(t, harness.ServerOptions(lab.Prosody, "faces"))
	file := harness.WriteConfig(t, t.TempDir(), fmt.Sprintf("components: [{domain: faces.localhost, server: %q, secret: %q}]\nhttp: {listen: \"127.0.0.1:0\", insecure_no_auth: true}\nstore: {dir: store}\n", s.ComponentAddr(), harness.Secret))
	p := harness.LaunchLinked(t, file)
	alice := harness.Login(t, s, "alice")
	put := func(i int) {
		t.Helper()
		body, _ := json.Marshal(map[string]any{"name": fmt.Sprint("The bot with the number ", i), "avatar": base64.StdEncoding.EncodeToString(photo(t, i)), "vcard": map[string]string{"note": strings.Repeat(fmt.Sprint("It does ", i, " things. "), 10)}})
		if r, err := p.Call("PUT", fmt.Sprintf("/v1/bots/bot%d@faces.localhost", i), "", harness.AsJSON, string(body)); err != nil || r.Status != 201 {
			t.Fatal(r, err)
		}
	}
	seen := func(i int) {
		t.Helper()
		r, err := p.Call("GET", fmt.Sprintf("/v1/bots/bot%d@faces.localhost/avatar", i), "", "", "")
		if err != nil || r.Status != 200 || r.Body != string(photo(t, i)) {
			t.Fatal(r.Status, err)
		}
	}
	first := resident(p)
	began := time.Now()
	for i := range many {
		put(i)
	}
	t.Logf("%d bots set in %v", many, time.Since(began).Round(time.Millisecond))
	grown := func(when string) {
		t.Helper()
		n := resident(p) - first
		t.Logf("%s: %.1f MiB more, at most %.1f", when, float64(n)/(1<<20), float64(p.Peak()-first)/(1<<20))
		if n > most {
			t.Errorf("%s: %d bytes more", when, n)
		}
	}
	grown("set")
	look := func() {
		t.Helper()
		for i := range asked {
			seen(i * many / asked)
		}
		id := fmt.Sprint("v", time.Now().UnixNano())
		alice.Send("<iq type='get' id='%s' to='bot%d@faces.localhost'><vCard xmlns='vcard-temp'/></iq>", id, many-1)
		got := alice.Await("the vCard", func(r lab.Received) bool { return r.ID == id })
		if !strings.Contains(got.Inner, base64.StdEncoding.EncodeToString(photo(t, many-1))) {
			t.Errorf("%.300s", got.Inner)
		}
	}
	look()
	grown("asked for")
	p.StopWell()
	began = time.Now()
	p = harness.LaunchLinked(t, file)
	t.Logf("started again in %v", time.Since(began).Round(time.Millisecond))
	listed, cursor, pages := 0, "", 0
	began = time.Now()
	for {
		r := p.Get(fmt.Sprintf("/v1/bots?limit=%d&cursor=", asked/2) + cursor)
		var page struct {
			Items []struct{ JID string }
			Next  *string
		}
		if err := json.Unmarshal([]byte(r.Body), &page); err != nil {
			t.Fatal(err, r)
		}
		listed += len(page.Items)
		pages++
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	t.Logf("%d listed in %d pages in %v", listed, pages, time.Since(began).Round(time.Millisecond))
	if listed != many {
		t.Errorf("%d are listed", listed)
	}
	grown("after a restart")
	look()
	grown("asked for after it")
}
