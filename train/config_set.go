package train

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return key
}

func keysOf(t reflect.Type) (keys []string) {
	for f := range t.Fields() {
		keys = append(keys, keyOf(f))
	}
	return keys
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for f := range t.Fields() {
		if keyOf(f) == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// Paths lists the settings in order: "data.source", …, "eval.every".
func Paths() (paths []string) {
	for f := range reflect.TypeFor[Config]().Fields() {
		if f.Type.Kind() != reflect.Struct {
			paths = append(paths, keyOf(f))
			continue
		}
		for _, key := range keysOf(f.Type) {
			paths = append(paths, keyOf(f)+"."+key)
		}
	}
	return paths
}

// Set gives the setting at path, such as "train.epochs", a value; a list is written
// with commas. Numbers are decimal and finite, and leading zeros mean nothing; "true",
// "false", "1" and "0" are truth values. A value that a field cannot tell from its
// default, such as an empty text, or zero where zero is no choice, is an error: c without
// it has the default. The error of an unknown path lists the choices. Set does not
// Validate.
func (c *Config) Set(path, value string) error {
	if !slices.Contains(Paths(), path) {
		return fmt.Errorf("config: unknown setting %q%s", path, registry.Offer(path, Paths()))
	}
	if err := c.set(path, []string{value}, false); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return nil
}

// set is Set of one of Paths to texts: those of a list, or one that Set is given.
func (c *Config) set(path string, texts []string, isList bool) error {
	v := c.field(path)
	if list, ok := v.Addr().Interface().(*[]string); ok {
		if !isList {
			texts = strings.Split(texts[0], ",")
		}
		*list = nil
		for _, text := range texts {
			if text = strings.TrimSpace(text); text == "" {
				return fmt.Errorf("%s=%q has an empty entry", path, strings.Join(texts, ","))
			}
			*list = append(*list, text)
		}
		if len(*list) == 0 {
			return fmt.Errorf("%s=[] is no choice; leave the setting out for its default", path)
		}
		return nil
	}
	if isList {
		return fmt.Errorf("%s wants %s, not a list", path, kindOf(v))
	}
	text := texts[0]
	switch err := readInto(v, text); {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s=%q is out of range; want %s", path, text, bounds[path])
	case err != nil:
		return &wrongKind{path, text, kindOf(v)}
	}
	if v.IsZero() && v.Kind() != reflect.Bool && !bounds[path].holds(0) {
		return fmt.Errorf("%s=%q is no choice; leave the setting out for its default", path, text)
	}
	return nil
}

// A wrongKind is the error of a text that is none of the kind of a setting.
type wrongKind struct{ path, text, kind string }

func (w *wrongKind) Error() string { return fmt.Sprintf("%s=%q is not a %s", w.path, w.text, w.kind) }

func kindOf(v reflect.Value) string { return strings.TrimPrefix(v.Type().String(), "*") }

// readInto is the one reader of values: it stores in v, a field of a Config, what text
// says. An optional number is a pointer, so that a given zero differs from none.
func readInto(v reflect.Value, text string) (err error) {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *int:
		var n int64
		if n, err = registry.Whole(text); err == nil {
			if *p = int(n); int64(*p) != n {
				err = strconv.ErrRange
			}
		}
	case *uint64:
		if *p, err = strconv.ParseUint(text, 10, 64); errors.Is(err, strconv.ErrRange) {
			err = strconv.ErrRange
		}
	case *float64:
		*p, err = registry.Real(text)
	case **float64:
		*p = new(float64)
		**p, err = registry.Real(text)
	case **int:
		*p = new(int)
		err = readInto(reflect.ValueOf(*p).Elem(), text)
	case *bool:
		*p, err = strconv.ParseBool(text)
	default:
		panic("train: config: no rule to read a " + v.Type().String())
	}
	return err
}

// field returns the field at one of Paths.
func (c *Config) field(path string) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	for key := range strings.SplitSeq(path, ".") {
		f, ok := fieldOf(v.Type(), key)
		if !ok {
			panic("train: config: no setting " + path)
		}
		v = v.FieldByIndex(f.Index)
	}
	return v
}

// get returns the text of the setting at one of Paths, "" of an optional one that is
// not set.
func (c *Config) get(path string) string {
	v := c.field(path)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	return fmt.Sprint(v.Interface())
}

// Difference names the settings in which two configurations differ, whose defaults are
// written out and whose texts are canonical, with the places of the two.
func Difference(a, b Config, atA, atB string) string {
	var parts []string
	for _, path := range Paths() {
		if x, y := a.get(path), b.get(path); x != y {
			parts = append(parts, fmt.Sprintf("%s is %q %s, %q %s", path, x, atA, y, atB))
		}
	}
	return strings.Join(parts, "; ")
}
