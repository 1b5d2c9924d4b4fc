package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/terminal"
)

// outgoingFile is a file of a message.
type outgoingFile struct {
	ID string `json:"id"`
}

// uploadFiles uploads files for a message, with a bar for each on a terminal.
func uploadFiles(ctx context.Context, a *api, from string, names []string, errs io.Writer) ([]outgoingFile, error) {
	var all []outgoingFile
	for _, name := range names {
		id, err := uploadFile(ctx, a, from, name, errs)
		if err != nil {
			return nil, err
		}
		all = append(all, outgoingFile{id})
	}
	return all, nil
}

func uploadFile(ctx context.Context, a *api, from, name string, errs io.Writer) (id string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("--file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("--file: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("--file: %s is no file", terminal.Harmless(name))
	case info.Size() == 0:
		return "", fmt.Errorf("--file: %s is empty", terminal.Harmless(name))
	}
	query := url.Values{"name": {filepath.Base(name)}}
	if from != "" {
		query.Set("from", from)
	}
	bar := newFileBar(errs, filepath.Base(name), info.Size())
	defer bar.end()
	patient := http.Client{CheckRedirect: a.Client.CheckRedirect} // ctx ends it
	answer, err := a.Stream(ctx, &patient, instance.Request{Path: "/v1/files", Query: query, Raw: io.TeeReader(f, bar), Length: info.Size()}, nil)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var uploaded struct{ ID string }
	if err := json.NewDecoder(answer.Body).Decode(&uploaded); err != nil {
		return "", fmt.Errorf("the answer of stanzahook cannot be read: %w", err)
	}
	return uploaded.ID, nil
}

// fileBar shows on a terminal how much of a file is sent; a pipe or a file gets nothing.
type fileBar struct{ bar *progressbar.ProgressBar }

func newFileBar(out io.Writer, name string, size int64) *fileBar {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &fileBar{}
	}
	return &fileBar{progressbar.NewOptions64(size, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(terminal.Harmless(name)),
		progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(50*time.Millisecond),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetRenderBlankState(true))}
}

// Write implements io.Writer.
func (b *fileBar) Write(p []byte) (int, error) {
	if b.bar != nil {
		_ = b.bar.Add(len(p)) // only drawing can fail, and nothing depends on it
	}
	return len(p), nil
}

// end removes the bar.
func (b *fileBar) end() {
	if b.bar != nil {
		_ = b.bar.Finish() // as in Write
	}
}
