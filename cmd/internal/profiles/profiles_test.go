package profiles

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/profile"
	"stanzahook/pkg/store"
)

// rig is what profiles need, and what they have told.
type rig struct {
	t *testing.T
	*Profiles
	store   *store.Store
	dir     string
	cfg     *config.Config
	busy    chan struct{} // full during a change
	changes chan string   // the bots
	only    int           // how often bots_only has changed
	logs    *observer.ObservedLogs
}

func newRig(t *testing.T, bots string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), busy: make(chan struct{}, 1), changes: make(chan string, 100)}
	var err error
	r.store, err = store.Open(t.Context(), store.Options{Dir: r.dir, MaxBytes: 64 << 20})
	require.NoError(t, err)
	t.Cleanup(r.store.Close)
	r.cfg = r.read(bots)
	r.load()
	return r
}

func (r *rig) read(bots string) *config.Config {
	r.t.Helper()
	cfg, err := config.Parse("x.yaml", []byte("components: [{domain: bot.example.com, secret: x}]\nhttp: {listen: \"127.0.0.1:5290\", insecure_no_auth: true}\n"+bots), nil)
	require.NoError(r.t, err)
	return cfg
}

// load starts with what the store has.
func (r *rig) load() {
	r.t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	r.logs = logs
	p, err := Load(r.t.Context(), r.cfg, Options{
		Records: r.store.Bots(), Avatars: r.store.Avatars(), Dir: r.dir, Log: zap.New(core),
		Begin: func(ctx context.Context) (*config.Config, func(), error) {
			select {
			case r.busy <- struct{}{}:
				return r.cfg, func() { <-r.busy }, nil
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			}
		},
		HasCommands: func(bot jid.JID) bool { return bot.Local() == "filed" },
		OnChange:    func(bot jid.JID, event string) { r.changes <- bot.Local() },
		OnOnly:      func() { r.only++ },
	})
	require.NoError(r.t, err)
	r.Profiles = p
	p.Show(r.cfg)
}

// told returns the bots whose changes were sent since the last call.
func (r *rig) told() string {
	var all []string
	for len(r.changes) > 0 {
		all = append(all, <-r.changes)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// is compares the bots, and whose changes were told.
func (r *rig) is(want, told string) {
	r.t.Helper()
	var all []string
	page, _ := r.List("", 100)
	for _, b := range page {
		all = append(all, fmt.Sprintf("%s:%s:%s:%s", b.JID.Local(), b.Name, b.Source, b.Presence.Show))
	}
	if got := strings.Join(all, " "); got != want {
		r.t.Errorf("%s, want %s", got, want)
	}
	if got := r.told(); got != told {
		r.t.Errorf("%q were told, want %q", got, told)
	}
}

func (r *rig) put(name, keys string) {
	r.t.Helper()
	if _, _, err := r.Put(r.t.Context(), bot(name), []byte(keys), nil); err != nil {
		r.t.Fatal(err)
	}
}

func bot(name string) jid.JID { return jid.MustParse(name + "@bot.example.com") }

func picture(t *testing.T, width int) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, width, 1))))
	return b.Bytes()
}

// What the API has set counts more than the file, and a presence by itself more than both; a
// deleted bot is that of the file again. Who is not concerned is not told.
func TestWhatCounts(t *testing.T) {
	const filed = "bots: [{jid: filed@bot.example.com, name: Of the file, presence: {show: away}}, {jid: plain@bot.example.com}]\n"
	r := newRig(t, filed)
	r.is("filed:Of the file:config:away plain:plain:config:", "")
	r.put("filed", `{"name":"Of the API"}`)
	r.put("made", `{"presence":{"show":"xa"}}`)
	r.is("filed:Of the API:api: made:made:api:xa plain:plain:config:", "filed made")
	for _, name := range [...]string{"made", "plain"} {
		if _, err := r.SetPresence(t.Context(), bot(name), v1.BotPresence{Presence: profile.Presence{Show: "dnd"}}); err != nil {
			t.Error(err)
		}
	}
	const all = "filed:Of the API:api: made:made:api:dnd plain:plain:config:dnd"
	r.is(all, "made plain")
	r.load() // the next process
	r.is(all, "")
	r.cfg = r.read("bots: [{jid: filed@bot.example.com, name: Changed}]\nbots_only: true\n")
	r.Change(r.cfg)
	r.is("filed:Of the API:api: made:made:api:dnd", "plain")
	if r.only != 1 || r.Bots().Exists(bot("plain")) {
		t.Errorf("bots_only has changed %d times", r.only)
	}
	for _, name := range [...]string{"filed", "made"} {
		if err := r.Delete(t.Context(), bot(name)); err != nil {
			t.Error(err)
		}
	}
	r.is("filed:Changed:config:", "filed made")
	for name, want := range map[string]error{"filed": gateway.ErrConflict, "none": gateway.ErrNotFound} {
		if err := r.Delete(t.Context(), bot(name)); !errors.Is(err, want) {
			t.Errorf("delete %s: %v", name, err)
		}
	}
	if _, err := r.SetPresence(t.Context(), bot("none"), v1.BotPresence{}); !errors.Is(err, gateway.ErrNotFound) {
		t.Error(err)
	}
}

// A presence ends by itself, after a change that is in progress.
func TestPresenceEnds(t *testing.T) {
	r := newRig(t, "bots: [{jid: echo@bot.example.com}]\n")
	until := time.Now().Add(time.Hour)
	if _, err := r.SetPresence(t.Context(), bot("echo"), v1.BotPresence{Presence: profile.Presence{Show: "dnd"}, Until: &until}); err != nil {
		t.Fatal(err)
	}
	r.is("echo:echo:config:dnd", "echo")
	if b, err := r.Get(bot("echo")); err != nil || !b.Presence.Until.Equal(until) || r.timer == nil {
		t.Errorf("%+v %v", b.Presence, err)
	}
	r.busy <- struct{}{} // a change is in progress, and the hour has passed
	r.made.all[bot("echo")].Presence.Until = time.Now()
	r.changeAgain(time.Now())
	r.is("echo:echo:config:dnd", "")
	<-r.busy
	<-r.changes
	r.busy <- struct{}{} // that change has ended
	r.is("echo:echo:config:", "")
	if r.timer != nil {
		t.Error("another one is to end")
	}
}

// What is not stored is not shown, and leaves no avatar.
func TestNotStored(t *testing.T) {
	r := newRig(t, "")
	r.put("a", `{"name":"A"}`)
	r.is("a:A:api:", "a")
	huge := fmt.Sprintf(`{"vcard":{"note":%q}}`, strings.Repeat("x", 1000))
	r.made.bytes = maxBotBytes
	if _, _, err := r.Put(t.Context(), bot("b"), []byte(huge), picture(t, 3)); !errors.Is(err, gateway.ErrFull) {
		t.Errorf("no room: %v", err)
	}
	if _, _, err := r.Put(t.Context(), bot("a"), []byte(`{"nope":1}`), nil); err == nil {
		t.Error("a mistake is stored")
	} else if _, ok := errors.AsType[*v1.WrongEndpoint](err); !ok {
		t.Error(err)
	}
	ids, err := r.store.Avatars().IDs(t.Context())
	files, ferr := os.ReadDir(filepath.Join(r.dir, "avatars"))
	if err != nil || ferr != nil || len(ids)+len(files) != 0 {
		t.Errorf("%v %v are left, %v %v", ids, files, err, ferr)
	}
	r.store.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.Put(ctx, bot("a"), []byte(`{"name":"B"}`), nil); err == nil {
		t.Error("put without a store")
	}
	if err := r.Delete(ctx, bot("a")); err == nil {
		t.Error("deleted without a store")
	}
	r.is("a:A:api:", "")
}

// unconfirmed stores records, and says that it does not know whether it did.
type unconfirmed struct{ Records }

func (u unconfirmed) Put(ctx context.Context, rec store.BotRecord) error {
	return errors.Join(u.Records.Put(ctx, rec), context.DeadlineExceeded)
}

// A record that may have been stored is that of the next process, with its avatar.
func TestNotConfirmed(t *testing.T) {
	r := newRig(t, "")
	red := picture(t, 2)
	r.o.Records = unconfirmed{r.o.Records}
	if _, _, err := r.Put(t.Context(), bot("a"), []byte(`{"name":"A"}`), red); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("put: %v", err)
	}
	r.is("", "")
	r.load()
	r.is("a:A:api:", "")
	if image, _, err := r.Image(bot("a")); err != nil || !bytes.Equal(image, red) {
		t.Errorf("its avatar: %d bytes, %v", len(image), err)
	}
}

// Two bots have one avatar, which goes with the last. What a killed process has left goes at the
// start, and what the configuration does not allow waits.
func TestAvatars(t *testing.T) {
	r := newRig(t, "")
	red, blue := picture(t, 2), picture(t, 3)
	has := func(images ...[]byte) {
		t.Helper()
		var want []string
		for _, i := range images {
			want = append(want, profile.AvatarID(i))
		}
		slices.Sort(want)
		ids, err := r.store.Avatars().IDs(t.Context())
		require.NoError(t, err)
		slices.Sort(ids)
		var copies []string
		files, err := os.ReadDir(filepath.Join(r.dir, "avatars"))
		require.NoError(t, err)
		for _, f := range files {
			copies = append(copies, f.Name())
		}
		if !slices.Equal(ids, want) || !slices.Equal(copies, want) {
			t.Errorf("stored are %v, in files %v, want %v", ids, copies, want)
		}
	}
	for _, name := range [...]string{"a", "b"} {
		if _, _, err := r.Put(t.Context(), bot(name), []byte(`{}`), red); err != nil {
			t.Fatal(err)
		}
	}
	has(red)
	if _, _, err := r.Put(t.Context(), bot("a"), []byte(`{}`), blue); err != nil {
		t.Fatal(err)
	}
	has(red, blue)
	require.NoError(t, r.Delete(t.Context(), bot("b")))
	has(blue)
	require.NoError(t, r.store.Avatars().Put(t.Context(), profile.AvatarID(red), red))
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "avatars", "new-1"), []byte("half"), 0o600))
	require.NoError(t, r.store.Bots().Put(t.Context(), store.BotRecord{Bot: "old@gone.example.com", Data: json.RawMessage(`{"keys":{"name":"Old"}}`)}))
	r.told()
	r.load()
	has(blue)
	r.is("a:a:api:", "")
	if n := r.logs.FilterMessage("bot of the API unused: the configuration does not allow it").Len(); n != 1 {
		t.Errorf("%d are said to be unused", n)
	}
	if image, media, err := r.Image(bot("a")); err != nil || !bytes.Equal(image, blue) || media != "image/png" {
		t.Errorf("%q %s %v", image, media, err)
	}
	if err := r.Delete(t.Context(), jid.MustParse("old@gone.example.com")); err != nil {
		t.Error(err)
	}
}

// Who puts an avatar that some clients do not load gets a remark, and the log has it.
func TestLargeAvatar(t *testing.T) {
	r := newRig(t, "")
	noise := image.NewNRGBA(image.Rect(0, 0, 150, 150)) // nothing makes it smaller
	for i := range noise.Pix {
		noise.Pix[i] = byte(rand.Uint32())
		if i%4 == 3 {
			noise.Pix[i] = 0xff
		}
	}
	var large bytes.Buffer
	if err := png.Encode(&large, noise); err != nil || large.Len() <= profile.LargeAvatar {
		t.Fatalf("%d bytes, %v", large.Len(), err)
	}
	for name, c := range map[string]struct {
		image  []byte
		remark string
		logged int
	}{"small": {picture(t, 4), "", 0}, "large": {large.Bytes(), fmt.Sprintf("its avatar has %d bytes: some clients do not load more than 65536 (64 KiB)", large.Len()), 1}} {
		v, _, err := r.Put(t.Context(), bot(name), []byte(`{}`), c.image)
		if n := r.logs.FilterMessage("avatar is large").FilterField(zap.String("bot", bot(name).String())).Len(); err != nil || v.Remark != c.remark || n != c.logged {
			t.Errorf("%s: %q, %d lines, %v", name, v.Remark, n, err)
		}
	}
}
