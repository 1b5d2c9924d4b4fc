package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.yaml.in/yaml/v3"

	"stanzahook/pkg/secret"
)

// value is looked for in every output, also in the disguises that a formatter
// could give it.
const value = "Tr0ub4dor"

func leaks(out string) bool {
	lower := strings.ToLower(out)
	for _, disguise := range []string{
		value,
		fmt.Sprintf("%x", value), fmt.Sprintf("% x", value), fmt.Sprintf("%# x", value),
		strings.Trim(fmt.Sprintf("%d", []byte(value)), "[]"),
		value[:4], // a width or precision that cuts
	} {
		if strings.Contains(lower, strings.ToLower(disguise)) {
			return true
		}
	}
	return false
}

func TestLeaksSeesALeak(t *testing.T) {
	for _, format := range []string{"%s", "%q", "%v", "%x", "%X", "% x", "%.5s", "%30s"} {
		if out := fmt.Sprintf(format, value); !leaks(out) {
			t.Errorf("leaks(%q) = false: the tests of this file could not fail", out)
		}
	}
}

type public struct{ S secret.String }
type private struct{ s secret.String }
type nested struct {
	p  private
	m  map[string]private
	l  []secret.String
	pp *secret.String
}

func TestFormattingNeverShowsTheValue(t *testing.T) {
	s := secret.New(value)
	things := map[string]any{
		"value":            s,
		"pointer":          &s,
		"exported field":   public{s},
		"unexported field": private{s},
		"pointer to one":   &private{s},
		"slice":            []secret.String{s},
		"map":              map[string]secret.String{"k": s},
		"any":              []any{s, &s, public{s}},
		"nested":           nested{private{s}, map[string]private{"k": {s}}, []secret.String{s}, &s},
		"pointer to it":    &nested{private{s}, map[string]private{"k": {s}}, []secret.String{s}, &s},
	}
	verbs := []string{
		"%v", "%+v", "%#v", "%T", "%s", "%+s", "%#s", "%q", "%#q", "%+q", "%x", "%X", "% x", "%#x",
		"%d", "%b", "%o", "%c", "%U", "%e", "%g", "%t", "%p", "%3s", "%.3s", "%-40.20v", "%z", "%!",
	}
	for name, thing := range things {
		for _, verb := range verbs {
			if out := fmt.Sprintf(verb, thing); leaks(out) {
				t.Errorf("%s with %s: %q", name, verb, out)
			}
		}
		if out := fmt.Sprint(thing) + fmt.Sprintln(thing); leaks(out) {
			t.Errorf("%s printed: %q", name, out)
		}
	}
}

func TestFormattingShowsThePlaceholder(t *testing.T) {
	s := secret.New(value)
	for verb, want := range map[string]string{
		"%v": "<secret>", "%+v": "<secret>", "%#v": "<secret>", "%s": "<secret>", "%x": "<secret>", "%q": `"<secret>"`,
	} {
		if got := fmt.Sprintf(verb, s); got != want {
			t.Errorf("%s = %s, want %s", verb, got, want)
		}
	}
	if got := fmt.Sprintf("%v", secret.String{}); got != "<secret>" {
		t.Errorf("the zero value prints %q: it tells that no secret is set", got)
	}
	if got := s.String(); got != "<secret>" {
		t.Errorf("String gives %q", got)
	}
}

func TestEncodingNeverShowsTheValue(t *testing.T) {
	s := secret.New(value)
	encoders := map[string]func(any) ([]byte, error){
		"json": json.Marshal,
		"yaml": yaml.Marshal,
		"xml":  xml.Marshal,
	}
	for name, encode := range encoders {
		for _, thing := range []any{s, &s, public{s}, &public{s}, []secret.String{s}} {
			out, err := encode(thing)
			if err != nil {
				t.Errorf("%s of %T: %v", name, thing, err)
			}
			if leaks(string(out)) {
				t.Errorf("%s of %T: %s", name, thing, out)
			}
			if !strings.Contains(string(out), "secret") {
				t.Errorf("%s of %T shows no placeholder: %s", name, thing, out)
			}
		}
	}
	var back string
	if out, err := json.Marshal(s); err != nil || json.Unmarshal(out, &back) != nil || back != secret.Hidden {
		t.Errorf("JSON is %s (%v)", out, err)
	}
	if out, err := json.Marshal(map[string]secret.String{"k": s}); err != nil || leaks(string(out)) {
		t.Errorf("JSON of a map is %s (%v)", out, err)
	}
	if text, err := s.MarshalText(); err != nil || string(text) != secret.Hidden {
		t.Errorf("text is %s (%v)", text, err)
	}
}

func TestLogsNeverShowTheValue(t *testing.T) {
	s := secret.New(value)
	encoders := map[string]zapcore.Encoder{
		"zap json":    zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()),
		"zap console": zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
	}
	for name, encoder := range encoders {
		var out bytes.Buffer
		log := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&out), zap.DebugLevel))
		log.Info("m", zap.Stringer("a", s), zap.Any("b", s), zap.Reflect("c", s), zap.Any("d", public{s}),
			zap.Any("e", private{s}), zap.Any("f", &s), zap.Any("g", []secret.String{s}))
		log.Sugar().Infof("%v %+v", s, private{s})
		log.Sugar().Infow("m", "k", s)
		if leaks(out.String()) {
			t.Errorf("%s: %s", name, &out)
		}
		if !strings.Contains(out.String(), `"a": "<secret>"`) && !strings.Contains(out.String(), `"a":"<secret>"`) {
			t.Errorf("%s: no placeholder in %s", name, &out)
		}
	}
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("m", "a", s, "b", public{s}, "c", private{s}, "d", &s)
	}
	if leaks(out.String()) || !strings.Contains(out.String(), "secret") {
		t.Errorf("slog: %s", &out)
	}
}

func TestReveal(t *testing.T) {
	if got := secret.New(value).Reveal(); got != value {
		t.Errorf("Reveal = %q", got)
	}
	if got := (secret.String{}).Reveal(); got != "" {
		t.Errorf("Reveal of the zero value = %q", got)
	}
	if secret.New(value).IsZero() || !secret.New("").IsZero() || !(secret.String{}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestEqual(t *testing.T) {
	a, same, other := secret.New(value), secret.New(value), secret.New(value+"x")
	if !a.Equal(same) || a.Equal(other) || a.Equal(secret.String{}) || !(secret.String{}).Equal(secret.New("")) {
		t.Error("Equal is wrong")
	}
	// A reload compares whole configurations like this.
	if !reflect.DeepEqual(public{a}, public{same}) || reflect.DeepEqual(public{a}, public{other}) {
		t.Error("reflect.DeepEqual does not compare the texts")
	}
	if reflect.TypeFor[secret.String]().Comparable() {
		t.Error("== compiles, and compares addresses")
	}
}
