package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	"stanzahook/pkg/document"
)

// maxFile bounds a configuration file. A thousand endpoints fit; a disk image given by
// mistake does not.
const maxFile = 1 << 20

// Find returns the configuration file to load: the one that --config
// names, else ./stanzahook.yaml, else /etc/stanzahook/stanzahook.yaml. Its
// error says where it looked.
func Find(flag string) (string, error) {
	return findIn(flag, "./stanzahook.yaml", "/etc/stanzahook/stanzahook.yaml")
}

func findIn(flag string, places ...string) (string, error) {
	if flag != "" {
		places = []string{flag}
	}
	for _, place := range places {
		// A file that is there and cannot be read is Load's to report:
		// taking the next one in silence would start with the wrong settings.
		if _, err := os.Stat(place); !errors.Is(err, fs.ErrNotExist) {
			return filepath.Clean(place), nil
		}
	}
	if flag != "" {
		return "", fmt.Errorf("configuration file %s (from --config) does not exist; \"stanzahook init --dir %s\" with --server and --domain makes one", flag, filepath.Dir(flag))
	}
	return "", fmt.Errorf("no configuration file: tried %s; make one with \"stanzahook init --server prosody --domain bot.example.com\" (or --server ejabberd), or name it with --config",
		strings.Join(places, " and "))
}

// Load reads a configuration file and the environment (as os.Environ
// gives it), fills in the defaults, reads the files that hold secrets, and
// checks everything. An error that is about the configuration is of type
// Problems and names all of them.
//
// The work is shared like this: viper lays the file over the defaults and the
// environment over the file, and decodes. It knows no lines, no unknown keys
// and no types, so the file is read as YAML nodes first (yaml.go), and
// only what belongs into the Config is handed on.
func Load(path string, env []string) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, Problems{{File: path, Text: err.Error()}}
	}
	cfg, err := Parse(path, text, env)
	if err == nil {
		cfg.Sum = sha256.Sum256(text)
	}
	return cfg, err
}

// Parse is Load of a text that came from the file at path.
func Parse(path string, text []byte, env []string) (*Config, error) {
	r := newReport(path)
	root, ok := parseYAML(r, text)
	if !ok {
		// Without the file's keys every check would report a missing key.
		return nil, r.err()
	}

	v := viper.New()
	walk(reflect.ValueOf(Default()), "", func(path, name string, value reflect.Value) {
		if isVariable(path) && isLeaf(value.Type()) {
			v.SetDefault(join(path, name), value.Interface())
		}
	})
	v.SetDefault("outbound.allow_networks", Default().Outbound.AllowNetworks) // a list, so no leaf
	v.SetDefault("room_policy.invites", []string(Default().RoomPolicy.Invites))
	if err := v.MergeConfigMap(readKeys(r, root)); err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	// viper would ask the process itself for its environment.
	for key, value := range readEnvironment(r, env) {
		v.Set(key, value)
	}
	var c Config
	if err := v.Unmarshal(&c, strictly); err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}

	c.fillDependent()
	c.Files = newFileReader(path, env)
	validate(r, &c, c.Files)
	if err := r.err(); err != nil {
		return nil, err
	}
	c.Origins = r.origins()
	return &c, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the file does not exist")
	}
	if err != nil {
		return nil, cannotRead(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, cannotRead(err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("the file is larger than %v: not a configuration", ByteSize(maxFile))
	}
	return document.Unmarked(text), nil
}

func cannotRead(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err // the problem names the file already
	}
	return fmt.Errorf("the file cannot be read: %w", err)
}

// strictly makes viper's decoder take values as they are: the readers of file
// and environment have given each its type, and what does not fit now is a
// mistake of ours.
func strictly(d *mapstructure.DecoderConfig) {
	d.WeaklyTypedInput = false
	d.ErrorUnused = true
	d.DecodeHook = overDefaults
}

// overDefaults makes the decoder lay each element of a list over its defaults.
// viper has defaults for keys outside lists only.
func overDefaults(from, to reflect.Value) (any, error) {
	switch to.Type() {
	case reflect.TypeFor[Component]():
		to.Set(reflect.ValueOf(defaultComponent()))
	case reflect.TypeFor[Endpoint]():
		to.Set(reflect.ValueOf(defaultEndpoint()))
	case reflect.TypeFor[Roster]():
		to.Set(reflect.ValueOf(defaultRoster()))
	case reflect.TypeFor[Room]():
		to.Set(reflect.ValueOf(defaultRoom()))
	case reflect.TypeFor[Bot]():
		to.Set(reflect.ValueOf(defaultBot()))
	case reflect.TypeFor[Command]():
		to.Set(reflect.ValueOf(defaultCommand()))
	case reflect.TypeFor[Hook]():
		to.Set(reflect.ValueOf(defaultHook()))
	}
	return from.Interface(), nil
}
