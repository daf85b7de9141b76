package data

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/internal/words"
)

// The two sides that have features.
const (
	UserSide = "user"
	ItemSide = "item"
)

// A FeatureFormat reads one kind of file of features of users or of items: rows of
// cells, the first of which is an id of the interactions.
type FeatureFormat struct {
	Name    string // registry key
	Doc     string // one line: what a line of the file looks like
	Example string // a small valid file; tests and fuzzing start from it

	// Users and Items are patterns of the names, without .gz, of files of this format that
	// lie beside interactions, in one folder: there they are read unasked, and the notes of
	// the set say so. "" is none. A format with one of the two alone has features of that
	// side alone.
	Users, Items string

	// Sniff reports whether lines may be of this format, as that of a [Format] does, for
	// files that are named by themselves.
	Sniff func(lines [][]byte) bool

	// Read declares the columns and passes every row of in to out. Its errors come from in,
	// or from out and carry a line.
	Read func(in *Input, out *FeatureTable) error
}

var featureFormats = registry.NewRegistry[FeatureFormat]("data", "format of features")

// RegisterFeatures adds f to the formats of features. It panics if f is incomplete, its
// name is malformed or the name is taken: mistakes of the program that its first run shows.
func RegisterFeatures(f FeatureFormat) {
	var fault error
	if f.Doc == "" || f.Example == "" || f.Sniff == nil || f.Read == nil {
		fault = errors.New("lacks one of Doc, Example, Sniff and Read")
	}
	featureFormats.Add(f.Name, nil, f, fault)
}

// FeatureFormats returns the registered formats of features, sorted by name.
func FeatureFormats() []*FeatureFormat { return featureFormats.All() }

// The types of features, by RecBole's names.
const (
	Token    = "token"     // one of a number of names
	TokenSeq = "token_seq" // several, between blanks, or between a separator that follows, as in "token_seq|"
	Float    = "float"     // a number
	FloatSeq = "float_seq" // several numbers, of which the k-th of all rows belong together
)

// FeatureTypes lists the types of features.
func FeatureTypes() []string { return []string{Token, TokenSeq, Float, FloatSeq} }

// cutType returns a type without its separator, and that; "" where blanks separate.
func cutType(text string) (kind, sep string, err error) {
	for _, kind := range []string{TokenSeq, FloatSeq} {
		if sep, ok := strings.CutPrefix(text, kind); ok {
			if utf8.RuneCountInString(sep) > 1 {
				return "", "", fmt.Errorf("type %q: a separator is one character", text)
			}
			return kind, sep, nil
		}
	}
	if text != Token && text != Float {
		return "", "", fmt.Errorf("unknown type %q%s", text, registry.Offer(text, FeatureTypes()))
	}
	return text, "", nil
}

// A Scale says what the value of a number is: (x − Mean)/Deviation. Numbers that a model
// multiplies a vector by train badly where they are far from 1; so those of a set that has
// been divided have the mean 0 and the deviation 1 over the rows that have training pairs, and
// who asks with features gives numbers as they were.
type Scale struct{ Mean, Deviation float64 }

// of returns the value of x.
func (s Scale) of(x float64) float32 { return float32((x - s.Mean) / s.Deviation) }

// A FeatureColumn is a column of a file of features: a field. A Type of "" is found by
// what the column holds: where each of its cells is a number, or empty, it is Float, else
// Token.
type FeatureColumn struct {
	Name string // of the field
	Type string // of FeatureTypes, a list's perhaps with a separator, or ""
}

// typedColumn returns the column of a header's cell, "name" or "name:type".
func typedColumn(text string) FeatureColumn {
	if i := strings.LastIndex(text, ":"); i >= 0 {
		return FeatureColumn{strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:])}
	}
	return FeatureColumn{Name: strings.TrimSpace(text)}
}

// A FeatureTable takes the rows of one file of features.
type FeatureTable struct {
	in    *Input
	side  string
	rows  int
	index func(id string) (int, error)

	key     string
	columns []*featureColumn
	line    map[string]int // of each id
	known   int            // ids that the interactions have
	notes   []string
}

// Note keeps what a reader of the dataset should know of this file.
func (t *FeatureTable) Note(format string, args ...any) {
	t.notes = append(t.notes, baseFile(t.in.file)+": "+fmt.Sprintf(format, args...))
}

type featureColumn struct {
	name, kind, sep string
	found           bool // the type is to be found by what it holds

	lo, hi []int
	id     []int32
	value  []float32
	tokens []string
	number map[string]int32 // of each token

	text bool  // a cell is no number
	odd  error // of the first cell that is NaN, an infinity or too large
}

// Columns declares the columns of the file, of which the first is the ids. It is called
// once, before Add.
func (t *FeatureTable) Columns(all []FeatureColumn) error {
	if len(all) < 2 {
		return fmt.Errorf("%s and no more: want a column of ids and one feature at least", words.Count(len(all), "column"))
	}
	if len(all) > maxColumns {
		return fmt.Errorf("%d columns are more than the %d that are read; a column of type %s or %s has many values", len(all), maxColumns, TokenSeq, FloatSeq)
	}
	t.key = all[0].Name
	taken := map[string]bool{}
	for _, name := range reservedFields(t.side) {
		taken[name] = true
	}
	for i, c := range all[1:] {
		switch {
		case c.Name == "":
			return fmt.Errorf("column %d has no name", i+2)
		case slices.Contains(reservedFields(t.side), c.Name):
			return fmt.Errorf("column %d is called %q, as a field is that the interactions give; rename it", i+2, c.Name)
		case taken[c.Name]:
			return fmt.Errorf("two columns are called %q", c.Name)
		}
		taken[c.Name] = true
		x := &featureColumn{name: c.Name, found: c.Type == "", lo: make([]int, t.rows), hi: make([]int, t.rows), id: []int32{}, number: map[string]int32{}}
		if !x.found {
			var err error
			if x.kind, x.sep, err = cutType(c.Type); err != nil {
				return fmt.Errorf("column %q: %w", c.Name, err)
			}
		}
		t.columns = append(t.columns, x)
	}
	return nil
}

// maxColumns bounds the columns of a file, each of which has bounds for all users or items,
// whatever the file holds.
const maxColumns = 1000

// reservedFields are the names of fields that the interactions give.
func reservedFields(side string) []string {
	if side == UserSide {
		return []string{userField, historyField, seenField}
	}
	return []string{idField, warmField}
}

// Add adds a row: an id, which must not be empty and comes once, and a cell of each
// column, an empty one where the row has no such feature. line is where the row begins. It
// copies the cells.
func (t *FeatureTable) Add(line int, cells [][]byte) error {
	if err := t.add(line, cells); err != nil {
		return t.in.ErrorAt(line, err)
	}
	return nil
}

func (t *FeatureTable) add(line int, cells [][]byte) error {
	if len(cells) != len(t.columns)+1 {
		return fmt.Errorf("%s where there are %d", words.Count(len(cells), "column"), len(t.columns)+1)
	}
	id := string(bytes.TrimSpace(cells[0]))
	if id == "" {
		return errors.New("the id is empty")
	}
	if before, twice := t.line[id]; twice {
		return fmt.Errorf("id %q has a row already, in line %d", shorten([]byte(id)), before)
	}
	t.line[id] = line
	row, err := t.index(id)
	if err != nil {
		row = -1
	} else {
		t.known++
	}
	for k, c := range t.columns {
		cell := bytes.TrimSpace(cells[k+1])
		if !utf8.Valid(cell) {
			return fmt.Errorf("%s: %q is no UTF-8", c.name, shorten(cell))
		}
		if err := c.add(row, cell); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if c.odd != nil && c.text {
			c.odd = nil
		}
		if _, placed := errors.AsType[*LineError](c.odd); c.odd != nil && !placed {
			c.odd = t.in.ErrorAt(line, fmt.Errorf("%s: %w", c.name, c.odd))
		}
	}
	return nil
}

// add adds a cell of a row, −1 of one that the interactions do not have.
func (c *featureColumn) add(row int, cell []byte) error {
	if row >= 0 {
		c.lo[row], c.hi[row] = len(c.id), len(c.id)
	}
	if len(cell) == 0 {
		return nil
	}
	parts := [][]byte{cell}
	switch {
	case c.kind != TokenSeq && c.kind != FloatSeq:
	case c.sep == "":
		parts = bytes.Fields(cell)
	default:
		parts = bytes.Split(cell, []byte(c.sep))
	}
	for k, part := range parts {
		if part = bytes.TrimSpace(part); len(part) == 0 {
			continue
		}
		if c.found && !c.text {
			if _, err := number(part); errors.Is(err, errNoNumber) {
				c.text = true
			} else if err != nil && c.odd == nil {
				c.odd = err
			}
		}
		switch {
		case c.kind == Float || c.kind == FloatSeq:
			x, err := number(part)
			if err != nil {
				return err
			}
			if row >= 0 {
				c.id, c.value = append(c.id, int32(k)), append(c.value, x)
			}
		case row >= 0:
			if err := c.token(part); err != nil {
				return err
			}
		}
	}
	if row >= 0 {
		c.hi[row] = len(c.id)
	}
	return nil
}

// token adds an id by its name.
func (c *featureColumn) token(text []byte) error {
	n, ok := c.number[string(text)]
	if !ok {
		if len(c.tokens) == math.MaxInt32 {
			return fmt.Errorf("more than %d tokens", math.MaxInt32)
		}
		n = int32(len(c.tokens))
		token := string(text)
		c.tokens, c.number[token] = append(c.tokens, token), n
	}
	c.id = append(c.id, n)
	return nil
}

var errNoNumber = errors.New("is no number")

// number reads a finite number in decimal notation.
func number(text []byte) (float32, error) {
	x, err := strconv.ParseFloat(string(text), 32)
	switch {
	case bytes.ContainsAny(text, "xX_"): // 0x1p4, 1_000
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%q is too large: numbers are at most %.4g", shorten(text), math.MaxFloat32)
	case err == nil && (math.IsNaN(x) || math.IsInf(x, 0)):
		return 0, fmt.Errorf("%q is not finite; leave the cell empty where there is no value", shorten(text))
	case err == nil:
		return float32(x), nil
	}
	return 0, fmt.Errorf("%q %w", shorten(text), errNoNumber)
}

// field returns the field of a column, nil where no row has an id of it.
func (c *featureColumn) field() (*Field, error) {
	if c.found {
		if c.kind = Token; !c.text {
			if c.odd != nil {
				return nil, c.odd
			}
			c.kind = Float
			c.value = make([]float32, len(c.id))
			for j, n := range c.id {
				x, err := number([]byte(c.tokens[n])) // which was read so before
				if err != nil {
					return nil, err
				}
				c.value[j], c.id[j] = x, 0
			}
		}
	}
	if len(c.id) == 0 {
		return nil, nil
	}
	f := c.inOrder()
	if c.value != nil {
		f.Size = int(slices.Max(c.id)) + 1
		return f, nil
	}
	// In an order that is not that of the file's lines.
	f.Size = len(c.tokens)
	rank, tokens := (&idTable{tokens: c.tokens}).order()
	ranks(f.ID, rank)
	if f.Tokens = tokens; tokens == nil { // they are 0 to n−1
		for n := range f.Size {
			f.Tokens = append(f.Tokens, strconv.Itoa(n))
		}
	}
	if c.kind == Token { // one id a row
		one := make([]int32, len(f.Lo))
		for i, lo := range f.Lo {
			if one[i] = -1; f.Hi[i] > lo {
				one[i] = f.ID[lo]
			}
		}
		f.Lo, f.Hi, f.ID = nil, nil, one
	}
	return f, nil
}

// inOrder returns the column with the ids of its rows in the order of rows, in whatever
// order the file's lines are.
func (c *featureColumn) inOrder() *Field {
	f := &Field{Name: c.name, Type: c.kind + c.sep, Lo: make([]int, len(c.lo)), Hi: make([]int, len(c.lo)), ID: make([]int32, 0, len(c.id))}
	for i, lo := range c.lo {
		f.Lo[i] = len(f.ID)
		f.ID = append(f.ID, c.id[lo:c.hi[i]]...)
		f.Hi[i] = len(f.ID)
		if c.value != nil {
			f.Value = append(f.Value, c.value[lo:c.hi[i]]...)
		}
	}
	return f
}

// readFeatures reads a file of features of one side of d, in a format or, where that is
// nil, in the one that its lines are of, and notes what it found.
func (d *Dataset) readFeatures(path, side string, format *FeatureFormat) (fields []Field, notes []string, err error) {
	in, done, err := openInput(path)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	return d.featuresFrom(in, side, format)
}

// featuresFrom is readFeatures of the text of a file.
func (d *Dataset) featuresFrom(in *Input, side string, format *FeatureFormat) (fields []Field, notes []string, err error) {
	if format, err = featureFormatOf(in, side, format); err != nil {
		return nil, nil, err
	}
	t := &FeatureTable{in: in, side: side, rows: d.Users, index: d.UserIndex, line: map[string]int{}}
	if side == ItemSide {
		t.rows, t.index = d.Items, d.ItemIndex
	}
	if err := format.Read(in, t); err != nil {
		return nil, nil, err
	}
	if len(t.line) == 0 {
		return nil, nil, in.ErrorAt(1, fmt.Errorf("the file has a header and no row of features of %ss", side))
	}
	name := d.UserName
	if side == ItemSide {
		name = d.ItemName
	}
	if t.known == 0 {
		return nil, nil, in.ErrorAt(1, fmt.Errorf("no id of %s in column %q, the first, is that of a %s of the interactions, such as %q", words.Count(len(t.line), "row"), t.key, side, name(0)))
	}
	var types, none []string
	for _, c := range t.columns {
		f, err := c.field()
		if err != nil {
			return nil, nil, err
		}
		if f == nil {
			none = append(none, strconv.Quote(c.name))
			continue
		}
		what := f.Type
		if c.found {
			what += " by what it holds"
		}
		types = append(types, fmt.Sprintf("%s (%s)", c.name, what))
		fields = append(fields, *f)
	}
	if len(fields) == 0 {
		return nil, nil, in.ErrorAt(1, fmt.Errorf("no cell of a %s of the interactions has a value", side))
	}
	file := baseFile(in.file)
	notes = t.notes
	notes = append(notes, fmt.Sprintf("features of %ss from %s: %s", side, file, strings.Join(types, ", ")))
	if len(none) > 0 {
		notes = append(notes, fmt.Sprintf("%s has no value of %s, which is left out", file, strings.Join(none, ", ")))
	}
	if n := len(t.line) - t.known; n > 0 {
		notes = append(notes, fmt.Sprintf("%s has %s of ids that no interaction has, which are left out", file, words.Count(n, "row")))
	}
	if n := t.rows - t.known; n > 0 {
		notes = append(notes, fmt.Sprintf("%s has no row of %s, who have no features", file, words.Count(n, side)))
	}
	return fields, notes, nil
}

// featureFormatOf returns the format of a file of features: format, or, where that is
// nil, the one that its first lines are of.
func featureFormatOf(in *Input, side string, format *FeatureFormat) (*FeatureFormat, error) {
	lines, err := in.sample()
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, in.ErrorAt(1, errors.New("the file is empty"))
	}
	if format != nil {
		return format, nil
	}
	var found []*FeatureFormat
	var docs []string
	for _, f := range FeatureFormats() {
		if f.Users != "" && f.Items == "" && side != UserSide || f.Items != "" && f.Users == "" && side != ItemSide {
			continue
		}
		docs = append(docs, fmt.Sprintf("%s (%s)", f.Name, f.Doc))
		if f.Sniff(lines) {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, in.ErrorAt(1, fmt.Errorf("no known format of features of %ss begins with %q; the choices are %s", side, shorten(lines[0]), strings.Join(docs, "; ")))
	}
	return nil, in.ErrorAt(1, fmt.Errorf("%q is of two formats of features, %s and %s", shorten(lines[0]), found[0].Name, found[1].Name))
}
