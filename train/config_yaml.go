package train

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// String returns the YAML of the fields that are set: Parse of it gives c.
func (c Config) String() string {
	b, err := yaml.MarshalWithOptions(c, yaml.CustomMarshaler(marshalText))
	if err != nil { // strings and numbers only
		panic("train: config: " + err.Error())
	}
	if string(b) == "{}\n" {
		return ""
	}
	return string(b)
}

// marshalText writes a text as the library does, but where Parse would read another one
// back: what has something in it that is not printable, or begins as no plain text does,
// goes between double quotes, with Go's escapes, which are among YAML's. A number, such as
// a temperature, needs no quotes, because Parse reads it as it is written.
func marshalText(text string) ([]byte, error) {
	if x, err := registry.Real(text); err == nil && strconv.FormatFloat(x, 'g', -1, 64) == text {
		return []byte(text), nil
	}
	if text == strconv.FormatBool(true) || text == strconv.FormatBool(false) { // of a bias
		return []byte(text), nil
	}
	quoted := strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) })
	for _, begin := range []string{"? ", "---", "..."} {
		quoted = quoted || strings.HasPrefix(text, begin)
	}
	if quoted {
		return []byte(strconv.Quote(text)), nil
	}
	return yaml.Marshal(text)
}

// Parse reads YAML, with or without a byte order mark. Every value is read as Set reads
// its text: quotes change nothing, a sequence is a list. An unknown key, a key given
// twice, a key without a value or a value that Set refuses is an error that names the
// line; Parse does not Validate.
func Parse(text []byte) (Config, error) {
	var c Config
	// The parser would replace what is not UTF-8 by another character.
	for n, line := range bytes.Split(text, []byte("\n")) {
		if !utf8.Valid(line) {
			return Config{}, fmt.Errorf("config: line %d: %q is not UTF-8", n+1, line)
		}
	}
	file, err := parser.ParseBytes(bytes.TrimPrefix(text, []byte("\ufeff")), 0)
	if err != nil {
		return Config{}, yamlError(err)
	}
	switch n := len(file.Docs); {
	case n == 0 || n == 1 && file.Docs[0].Body == nil:
		return c, nil // blank, or comments alone
	case n > 1:
		return Config{}, fmt.Errorf("config: %d YAML documents, want one", n)
	}
	if err := c.read(file.Docs[0].Body, reflect.TypeFor[Config](), "", map[string]ast.Node{}); err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	return c, nil
}

// yamlError turns the library's error, which draws the source, into one line.
func yamlError(err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		return fmt.Errorf("config: line %d: %s", y.GetToken().Position.Line, y.GetMessage())
	}
	return fmt.Errorf("config: %w", err)
}

// read sets what a mapping of the fields of t gives. Anchors are those of the nodes
// before.
func (c *Config) read(n ast.Node, t reflect.Type, path string, anchors map[string]ast.Node) error {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	case *ast.NullNode:
		return nil // a group with nothing in it
	default:
		return fmt.Errorf("line %d: %s holds settings, not a %s", n.GetToken().Position.Line, quote(path), strings.ToLower(n.Type().String()))
	}
	for _, v := range values {
		key := v.Key.GetToken().Value
		f, ok := fieldOf(t, key)
		if !ok {
			unknown := &unknownKey{strings.TrimPrefix(path+"."+key, "."), fmt.Sprintf("line %d: unknown key %q%s%s",
				v.Key.GetToken().Position.Line, key, in(path), registry.Offer(key, keysOf(t)))}
			if now, renamed := formerPaths[unknown.path]; renamed {
				unknown.text += "; it is called " + now + " now"
			}
			return unknown
		}
		if f.Type.Kind() == reflect.Struct {
			if err := c.read(v.Value, f.Type, key, anchors); err != nil {
				return err
			}
			continue
		}
		at := strings.TrimPrefix(path+"."+key, ".")
		value := plain(v.Value, anchors)
		texts, err := textsOf(value, anchors)
		if err == nil {
			_, isList := value.(*ast.SequenceNode)
			err = c.set(at, texts, isList)
		}
		var wrong *wrongKind
		if errors.As(err, &wrong) {
			err = fmt.Errorf("%s wants %s, not %q", at, wrong.kind, wrong.text)
		} else if errors.Is(err, errNoText) {
			err = fmt.Errorf("%s: %w", at, err)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", v.Value.GetToken().Position.Line, err)
		}
	}
	return nil
}

// An unknownKey is the error of a key that no setting has.
type unknownKey struct{ path, text string }

func (u *unknownKey) Error() string { return u.text }

// formerPaths are settings that earlier versions had, by what they are called now.
var formerPaths = map[string]string{"train.rows": "train.task"}

// plain returns the node that an anchor marks or an alias stands for.
func plain(n ast.Node, anchors map[string]ast.Node) ast.Node {
	switch m := n.(type) {
	case *ast.AnchorNode:
		anchors[m.Name.GetToken().Value] = m.Value
		return m.Value
	case *ast.AliasNode:
		if to, ok := anchors[m.Value.GetToken().Value]; ok {
			return to
		}
	}
	return n
}

// errNoText is the error of a node that has no text.
var errNoText = errors.New("no value")

// textsOf returns the text of a scalar as it is written, without its quotes, or those
// of a sequence of scalars.
func textsOf(n ast.Node, anchors map[string]ast.Node) (texts []string, err error) {
	switch m := n.(type) {
	case *ast.StringNode:
		return []string{m.Value}, nil
	case *ast.LiteralNode:
		return []string{m.Value.Value}, nil
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return []string{n.GetToken().Value}, nil
	case *ast.NullNode:
		return nil, fmt.Errorf("it has %w; leave the key out for its default", errNoText)
	case *ast.SequenceNode:
		for _, v := range m.Values {
			v = plain(v, anchors)
			if _, nested := v.(*ast.SequenceNode); nested {
				return nil, fmt.Errorf("a list in a list is %w", errNoText)
			}
			more, err := textsOf(v, anchors)
			if err != nil {
				return nil, err
			}
			texts = append(texts, more...)
		}
		return texts, nil
	case *ast.AliasNode:
		return nil, fmt.Errorf("no anchor stands before *%s, so it has %w", m.Value.GetToken().Value, errNoText)
	}
	return nil, fmt.Errorf("a %s is %w", strings.ToLower(n.Type().String()), errNoText)
}

func quote(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}
