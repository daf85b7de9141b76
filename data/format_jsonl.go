package data

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// JSON lines: an object a line, whose keys are found by their usual names, as those of a
// header are, or by the setting columns, where a.b is the key b of the object a unless there
// is a key "a.b". Other keys are ignored.
func init() {
	Register(Format{
		Name:    "jsonl",
		Doc:     "JSON lines: an object a line, `{\"user_id\": …, \"item_id\": …, \"rating\": …, \"timestamp\": …}`; other keys by the setting columns, a.b being b of the object a",
		Example: "{\"user_id\": 7, \"item_id\": \"a \\\"b\\\"\", \"rating\": 4.5, \"timestamp\": 1400000000}\n{\"user_id\": 7, \"item_id\": \"c\", \"rating\": 3, \"timestamp\": 1400000001}\n{\"rating\": 1, \"timestamp\": 1400000002, \"user_id\": \"x\", \"item_id\": \"c\"}\n",
		Sniff:   func(lines [][]byte) bool { return bytes.HasPrefix(bytes.TrimSpace(lines[0]), []byte("{")) },
		Read:    readJSONLines,
		takes:   takesColumns,
		Least:   len(`{"u":1,"i":1}` + "\n"),
	})
}

func readJSONLines(_ Values, in *Input, out *Collector) error {
	lines, err := in.sample()
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return nil
	}
	columns, err := jsonColumns(in, lines, out)
	if err != nil {
		return err
	}
	add := adder(out, columns.at)
	fields := make([][]byte, len(columns.paths))
	for in.Next() {
		object, err := jsonObject(in.Line())
		if err != nil {
			return in.Errorf("%w", err)
		}
		for c, place := range columns.at {
			if place < 0 {
				continue
			}
			value, ok := jsonAt(object, columns.paths[place])
			switch {
			case ok:
				if fields[place], err = jsonText(value); err != nil {
					return in.Errorf("the %s, %q: %w", columnWords[c], columns.paths[place], err)
				}
			case c <= columnItem:
				return in.Errorf("no key %q, the %s; the keys are %q", columns.paths[place], columnWords[c], jsonKeys(object))
			default:
				fields[place] = nil
			}
			if c == columnValue && len(fields[place]) == 0 {
				return in.Errorf("no rating %q (--columns rating=none leaves the ratings out)", columns.paths[place])
			}
		}
		if err := add(fields); err != nil {
			return in.Errorf("%w", err)
		}
	}
	return in.Err()
}

// keyColumns says which keys are what.
type keyColumns struct {
	paths []string // keys, or paths to them
	at    [numColumns]int
}

// jsonColumns finds the keys by the first lines of a file, those of all of them together.
func jsonColumns(in *Input, lines [][]byte, out *Collector) (c keyColumns, err error) {
	known := map[string]bool{}
	var fault error
	for n, line := range lines {
		object, err := jsonObject(line)
		if err != nil {
			if n == 0 {
				fault = err
			}
			continue // the last may be the beginning of one, and the others are read again
		}
		for _, key := range jsonKeys(object) {
			if !known[key] {
				known[key] = true
				c.paths = append(c.paths, key)
			}
		}
		for _, ref := range in.layout.columns {
			if ref.name == "" || ref.none || known[ref.name] {
				continue
			}
			if _, ok := jsonAt(object, ref.name); ok {
				known[ref.name] = true
				c.paths = append(c.paths, ref.name)
			}
		}
	}
	if len(c.paths) == 0 && fault != nil {
		if len(lines) == 1 && len(lines[0]) >= in.r.Size()-1 {
			fault = fmt.Errorf("the first object is longer than %d bytes", in.r.Size())
		}
		return c, in.ErrorAt(1, fault)
	}
	slices.Sort(c.paths) // the order of keys says nothing
	for _, ref := range in.layout.columns {
		if _, number := ref.number(); number && !known[ref.name] {
			return c, &SettingError{"columns", fmt.Errorf("%s has keys and no order of columns: name a key in place of %s; the keys are %q", in.file, ref.name, c.paths)}
		}
	}
	if c.at, err = in.layout.find(c.paths, true, out); err != nil {
		return c, in.ErrorAt(1, err)
	}
	return c, nil
}

// jsonObject reads a line.
func jsonObject(line []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(line) { // what is not would be replaced
		return nil, errors.New("the line is not UTF-8, as JSON is")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil {
		return nil, fmt.Errorf("no object of JSON: %w", err)
	}
	if object == nil {
		return nil, errors.New("no object of JSON: null")
	}
	return object, nil
}

// jsonKeys returns the keys of an object, sorted.
func jsonKeys(object map[string]json.RawMessage) []string {
	var keys []string
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// jsonAt returns the value of a key, or of a path whose keys have dots between them.
func jsonAt(object map[string]json.RawMessage, path string) (json.RawMessage, bool) {
	if value, ok := object[path]; ok {
		return value, true
	}
	for at := range len(path) {
		if path[at] != '.' {
			continue
		}
		value, ok := object[path[:at]]
		if !ok || !bytes.HasPrefix(value, []byte("{")) {
			continue
		}
		var inner map[string]json.RawMessage
		if json.Unmarshal(value, &inner) != nil {
			continue
		}
		if value, ok := jsonAt(inner, path[at+1:]); ok {
			return value, true
		}
	}
	return nil, false
}

// jsonText returns a number as it is written, and of a string its text; nothing of null.
func jsonText(value json.RawMessage) ([]byte, error) {
	switch value[0] {
	case 'n':
		return nil, nil
	case '"':
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return nil, err
		}
		// Half of a surrogate pair is replaced too.
		if strings.ContainsRune(text, utf8.RuneError) && !bytes.ContainsRune(value, utf8.RuneError) && !bytes.Contains(bytes.ToLower(value), []byte(`\ufffd`)) {
			return nil, fmt.Errorf("%s holds half of a surrogate pair, which is no character", shorten(value))
		}
		return []byte(text), nil
	case 't', 'f', '{', '[':
		return nil, fmt.Errorf("%s is neither a text nor a number", shorten(value))
	}
	return value, nil
}
