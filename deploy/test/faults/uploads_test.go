//go:build integration

package faults

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// gated is a file of zeros whose second half comes when the gate is open.
type gated struct {
	at, size int64
	gate     <-chan struct{}
}

// Read implements io.Reader.
func (g *gated) Read(p []byte) (int, error) {
	if g.at == g.size {
		return 0, io.EOF
	}
	end := g.size
	if g.at < g.size/2 {
		end = g.size / 2
	} else {
		<-g.gate
	}
	n := min(int64(len(p)), end-g.at)
	clear(p[:n])
	g.at += n
	return int(n), nil
}

// Eight files of 100 MiB that go to the upload service of a server at the same time take at most
// 2 MiB of resident memory each, from the start of the program to the most that it ever has.
func TestFaultsLargeUploads(t *testing.T) {
	harness.WithoutRace(t)
	const files, most = 8, 2 << 20
	size := int64(8 << 20)
	if harness.FullFaults() {
		size = 100 << 20
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithUploadsOf(t, harness.ServerOptions(kind, "files"), size, "files.localhost"))
		p := harness.LaunchConnected(t, harness.OneComponent(s, "files", harness.NewBot(t)))
		p.AwaitUploads()
		first := p.ResidentNow()
		gate := make(chan struct{})
		open := sync.OnceFunc(func() { close(gate) })
		defer open()
		var all sync.WaitGroup
		for i := range files {
			all.Go(func() {
				body := &gated{size: size, gate: gate}
				r, err := http.NewRequestWithContext(t.Context(), "POST", fmt.Sprintf("http://%s/v1/files?from=one@files.localhost&name=%d.bin", p.Addr, i), body)
				if err != nil {
					t.Error(err)
					return
				}
				r.ContentLength = size
				r.Header.Set("Content-Type", "application/octet-stream")
				r.Header.Set("Authorization", "Bearer token-"+[]string{"all", "one"}[i%2]) // one caller has half of the places
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusCreated || !strings.Contains(string(text), fmt.Sprintf(`"size":%d`, size)) {
					t.Errorf("%d %s %v", resp.StatusCode, text, err)
				}
			})
		}
		harness.Eventually(t, "all are under way", func() bool {
			return strings.Contains(p.Get("/metrics").Body, fmt.Sprintf("stanzahook_uploads_running{component=\"files.localhost\"} %d\n", files))
		})
		open()
		all.Wait()
		more := p.Peak() - first
		t.Logf("%d files of %d MiB at a time: at most %.1f MiB more", files, size>>20, float64(more)/(1<<20))
		if more > files*most {
			t.Errorf("%d bytes more for %d files", more, files)
		}
	})
}
