package ejabberdapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/outbound"
	"stanzahook/pkg/roster"
)

func TestRefusals(t *testing.T) {
	all := []error{roster.ErrForbidden, roster.ErrNoSuchUser, roster.ErrTimeout, gateway.ErrDown, roster.ErrCannot}
	for name, c := range map[string]struct {
		answer string
		kind   error
		texts  []string
	}{
		"wrong password": {`401 {"status":"error","code":10,"message":"You are not authorized to call this command."}`, roster.ErrForbidden, []string{"password of admin@example.com", "not authorized"}},
		"no permission":  {`403 {"code":32,"message":"AccessRules: no","status":"error"}`, roster.ErrForbidden, []string{"api_permissions", "check_account, get_roster, add_rosteritem, delete_rosteritem", "AccessRules: no"}},
		"no command":     {`404 {"status":"error","code":40,"message":"Endpoint not found."}`, roster.ErrCannot, []string{"mod_admin_extra", "mod_http_api"}},
		"another page":   {"404 <html>Not <b>Found</b></html>", roster.ErrCannot, []string{"ejabberd_api.url"}},
		"redirect":       {"302 ", roster.ErrCannot, []string{"redirects"}},
		"proxy":          {"503 <html/>", gateway.ErrDown, []string{"503"}},
		"a crash":        {`500 "internal_error"`, nil, []string{"500 (internal_error)", "log"}},
		"bad request":    {`400 "Invalid 'user'/'server'"`, nil, []string{"Invalid 'user'/'server'"}},
		"no JSON":        {"200 <html/>", nil, []string{"not a list"}},
		"no list":        {`200 {"a":1}`, nil, []string{"not a list"}},
		"long text":      {`400 "` + strings.Repeat("é", 1000) + `"`, nil, []string{"é…"}},
	} {
		_, b := newFake(t, map[string]string{getRoster: c.answer})
		_, err := b.Get(t.Context(), alice)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, kind := range all {
			if errors.Is(err, kind) != (kind == c.kind) {
				t.Errorf("%s: %v is %v: %t", name, err, kind, kind != c.kind)
			}
		}
		for _, text := range c.texts {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: no %q in: %v", name, text, err)
			}
		}
		if strings.Contains(err.Error(), `p:w`) || strings.Contains(err.Error(), "html") {
			t.Errorf("%s: too much in: %v", name, err)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server sees the client go
		<-r.Context().Done()
	}))
	defer hang.Close()
	b := newBackend(hang.URL)
	b.Timeout = 50 * time.Millisecond
	if _, err := b.Get(t.Context(), alice); !errors.Is(err, roster.ErrTimeout) || !strings.Contains(err.Error(), "50ms") {
		t.Errorf("a server that hangs: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Get(ctx, alice); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	gone := httptest.NewServer(nil)
	gone.Close()
	if _, err := newBackend(gone.URL).Get(t.Context(), alice); !errors.Is(err, gateway.ErrDown) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a server that is gone: %v", err)
	}

	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "[")
	}))
	defer cut.Close()
	if _, err := newBackend(cut.URL).Get(t.Context(), alice); !errors.Is(err, gateway.ErrDown) {
		t.Errorf("an answer that breaks off: %v", err)
	}

	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range maxAnswer/1024 + 2 {
			if _, err := w.Write(make([]byte, 1024)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	if _, err := newBackend(endless.URL).Get(t.Context(), alice); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("an endless answer: %v", err)
	}
}

func TestGuard(t *testing.T) {
	_, b := newFake(t, nil)
	b.Client = outbound.NewClient(outbound.NewGuard(nil), outbound.ClientOptions{})
	_, err := b.Get(t.Context(), alice)
	if !errors.Is(err, outbound.ErrRefused) || errors.Is(err, gateway.ErrDown) {
		t.Errorf("loopback that is not allowed: %v", err)
	}
}
