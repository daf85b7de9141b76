package train

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Commented returns YAML that Parse reads as c, with every setting of [Paths]: one that c gives as
// it is given, any other behind a # with what it has in defaults, as c.WithDefaults() returns it,
// or with nothing where the data decide. Above each stand the lines that doc returns for its path,
// as comments.
func (c Config) Commented(defaults Config, doc func(path string) []string) string {
	var b strings.Builder
	last := ""
	for _, path := range Paths() {
		group, key, grouped := strings.Cut(path, ".")
		indent := ""
		if !grouped {
			group, key = "", path
		} else {
			indent = "  "
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		if group != last && grouped {
			fmt.Fprintf(&b, "%s:\n", group)
		}
		last = group
		for _, line := range doc(path) {
			fmt.Fprintf(&b, "%s%s\n", indent, strings.TrimRight("# "+line, " "))
		}
		set, line := c.lineOf(path)
		if !set {
			if _, line = defaults.lineOf(path); line == "" {
				line = key + ":"
				if c.field(path).Kind() != reflect.Pointer && bounds[path].holds(0) {
					line += " 0"
				}
			}
			line = "# " + line
		}
		fmt.Fprintf(&b, "%s%s\n", indent, line)
	}
	return b.String()
}

// lineOf returns the line of YAML of the setting at one of Paths, and whether it is set.
func (c Config) lineOf(path string) (set bool, line string) {
	v := c.field(path)
	if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		return false, ""
	}
	var one Config
	one.field(path).Set(v)
	lines := strings.Split(strings.TrimSuffix(one.String(), "\n"), "\n")
	return true, strings.TrimSpace(lines[len(lines)-1]) // below its group, where it has one
}

// RangeOf says what the setting at one of [Paths] may be as far as its kind says it: "a whole
// number, 1 to 2147483647", "a text", "a list".
func RangeOf(path string) string {
	if !slices.Contains(Paths(), path) {
		return ""
	}
	v := new(Config).field(path)
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Int, reflect.Uint64:
		return "a whole number, " + bounds[path].String()
	case reflect.Float64:
		b := bounds[path]
		if text := b.String(); strings.HasPrefix(text, "a ") {
			return text
		}
		return fmt.Sprintf("a number, %.15g to %.15g", b.least, b.most)
	}
	return "a text"
}
