package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A change of any section is applied by name, or takes a restart: none goes by unseen.
func TestEveryChangeIsSeen(t *testing.T) {
	sections := reflect.TypeFor[Config]()
	seen := 0
	for i := range sections.NumField() {
		f := sections.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		if !f.IsExported() || key == "-" {
			continue
		}
		old, next := new(Config), new(Config)
		if !alter(reflect.ValueOf(next).Elem().Field(i)) {
			t.Errorf("%s: the test cannot change it", f.Name)
			continue
		}
		seen++
		named := NeedRestart(old, next)
		if len(named) == 0 {
			named = Differences(old, next)
		}
		if !slices.ContainsFunc(named, func(s string) bool { return strings.HasPrefix(s+" ", strings.TrimSuffix(key, "s")) }) {
			t.Errorf("%s: %q is said", f.Name, named)
		}
		if same := append(NeedRestart(next, next), Differences(next, next)...); len(same) > 0 {
			t.Errorf("%s: %q are said to be other than themselves", f.Name, same)
		}
	}
	if seen < 15 {
		t.Errorf("%d sections", seen)
	}
}

// alter changes all that is in a value, as far as it is not left out of files.
func alter(v reflect.Value) (changed bool) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(7)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("mapstructure") != "-" && alter(v.Field(i)) {
				changed = true
			}
		}
		return changed
	default:
		return false
	}
	return true
}
