package train

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// SetFile is where RunDir keeps the dataset of its run: what a model is measured and
// asked on where the files that it was trained on are gone.
const SetFile = "set.safetensors"

// setMeta goes with SetFile, whose arrays are the three sets in compressed rows
// (train.ptr, train.item, …) and, where there are any, what is known of users held out
// (known.ptr, …) and histories (histories.ptr, …), the parts of points (points), the ids as one text with their ends, and features with the names of theirs.
type setMeta struct {
	Name, Format               string
	Users, Items, TimeDecimals int
	Filter, Split              string
	Given                      bool
	Places                     bool
	Text                       bool `json:",omitempty"`
	Notes                      []string
	Made                       data.Config
	UserFields, ItemFields     []fieldMeta
}

type fieldMeta struct {
	Name  string
	Size  int
	Type  string       `json:",omitempty"`
	Scale []data.Scale `json:",omitempty"`
}

// saveSet writes what OpenSet reads. The truth of a generated set is not kept.
func saveSet(path string, d *data.Dataset) error {
	m := setMeta{
		Name: d.Name, Format: d.Format, Users: d.Users, Items: d.Items, TimeDecimals: d.TimeDecimals,
		Filter: d.Filter, Split: d.Split, Given: d.Given, Places: d.Places, Text: d.Text, Notes: d.Notes, Made: d.Made,
	}
	var all []graph.Array
	add := func(name string, x any) { all = append(all, graph.Vector(name, x)) }
	addTexts := func(texts, at string, all []string) {
		ends := make([]int64, len(all))
		end := 0
		for i, text := range all {
			end += len(text)
			ends[i] = int64(end)
		}
		add(texts, []uint8(strings.Join(all, "")))
		add(at, ends)
	}
	parts := d.Parts()
	for _, part := range append(parts[:], data.Part{Name: "known", Interactions: d.Known}) {
		if part.Interactions == nil { // nobody is held out of training
			continue
		}
		add(part.Name+".ptr", wideInts(part.Ptr()))
		add(part.Name+".item", part.Item())
		if part.Value() != nil {
			add(part.Name+".value", part.Value())
		}
		if part.Time() != nil {
			add(part.Name+".time", part.Time())
		}
	}
	if d.Points != nil {
		add("points", d.Points)
	}
	if d.Histories != nil {
		ptr, item, mark := d.Histories.Arrays()
		add("histories.ptr", wideInts(ptr))
		add("histories.item", item)
		add("histories.mark", mark)
	}
	for _, side := range [...]struct {
		what   string
		ids    []string
		fields []data.Field
		meta   *[]fieldMeta
	}{
		{"user", d.UserIDs, d.UserFields, &m.UserFields},
		{"item", d.ItemIDs, d.ItemFields, &m.ItemFields},
	} {
		if side.ids != nil {
			addTexts(side.what+".ids", side.what+".ends", side.ids)
		}
		for i, f := range side.fields {
			name := fmt.Sprintf("%s.field-%d", side.what, i)
			*side.meta = append(*side.meta, fieldMeta{f.Name, f.Size, f.Type, f.Scale})
			if f.Tokens != nil {
				addTexts(name+".tokens", name+".ends", f.Tokens)
			}
			if f.Lo != nil {
				add(name+".lo", wideInts(f.Lo))
				add(name+".hi", wideInts(f.Hi))
			}
			if f.ID != nil {
				add(name+".id", f.ID)
			}
			if f.Value != nil {
				add(name+".value", f.Value)
			}
		}
	}
	return wrap(weights.Write(path, m, all))
}

func wideInts(x []int) []int64 {
	y := make([]int64, len(x))
	for i, v := range x {
		y[i] = int64(v)
	}
	return y
}

// OpenSet returns the dataset that the run in a folder was trained on, as the run kept
// it: without the truth of a generated set.
func OpenSet(dir string) (*data.Dataset, error) {
	path := filepath.Join(dir, SetFile)
	f, err := weights.Open(path)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	defer f.Close()
	var m setMeta
	if err := f.Meta(&m); err != nil {
		return nil, err
	}
	r := setReader{f: f}
	d := &data.Dataset{
		Name: m.Name, Format: m.Format, Users: m.Users, Items: m.Items, TimeDecimals: m.TimeDecimals,
		Filter: m.Filter, Split: m.Split, Given: m.Given, Places: m.Places, Text: m.Text, Notes: m.Notes, Made: m.Made,
		Histories: r.histories(m), Known: r.known(m),
		Points: read[uint8](&r, "points"),
		Train:  r.part("train", m), Valid: r.part("valid", m), Test: r.part("test", m),
		UserIDs: r.texts("user.ids", "user.ends"), ItemIDs: r.texts("item.ids", "item.ends"),
		UserFields: r.fields("user", m.UserFields), ItemFields: r.fields("item", m.ItemFields),
	}
	if r.err == nil {
		r.err = d.Validate()
	}
	if r.err == nil {
		r.err = errors.Join(d.Contexts().Validate(), d.Classes().Validate())
	}
	if r.err != nil {
		return nil, fmt.Errorf("train: %s: %w", path, r.err)
	}
	return d, nil
}

// setReader reads arrays and keeps the first error.
type setReader struct {
	f   *weights.File
	err error
}

// read returns an array, the zero slice where the file has none of that name.
func read[T any](r *setReader, name string) []T {
	if r.err != nil || !slices.Contains(r.f.Names(), name) {
		return nil
	}
	a, err := r.f.Load(name)
	if err != nil {
		r.err = err
		return nil
	}
	x, ok := a.Data.([]T)
	if !ok {
		r.err = fmt.Errorf("array %q is %T", name, a.Data)
	}
	return x
}

func (r *setReader) ints(name string) []int {
	x := read[int64](r, name)
	if x == nil {
		return nil
	}
	y := make([]int, len(x))
	for i, v := range x {
		if v < 0 || v > math.MaxInt {
			r.err = fmt.Errorf("array %q holds %d", name, v)
			return nil
		}
		y[i] = int(v)
	}
	return y
}

func (r *setReader) part(name string, m setMeta) *data.Interactions {
	ptr, item := r.ints(name+".ptr"), read[int32](r, name+".item")
	value, times := read[float32](r, name+".value"), read[int64](r, name+".time")
	if r.err != nil {
		return nil
	}
	x, err := data.FromCSR(m.Users, m.Items, ptr, item, value, times)
	r.err = err
	return x
}

// known reads what is known of users held out of training, nil where the file has none.
func (r *setReader) known(m setMeta) *data.Interactions {
	if !slices.Contains(r.f.Names(), "known.ptr") {
		return nil
	}
	return r.part("known", m)
}

// histories reads the events, nil where the file has none.
func (r *setReader) histories(m setMeta) *data.Histories {
	if !slices.Contains(r.f.Names(), "histories.ptr") {
		return nil
	}
	ptr, item, mark := r.ints("histories.ptr"), read[int32](r, "histories.item"), read[uint8](r, "histories.mark")
	if r.err != nil {
		return nil
	}
	h, err := data.HistoriesFrom(m.Users, m.Items, ptr, item, mark)
	r.err = err
	return h
}

// texts returns the texts whose ends are in another array, nil where the file has none.
func (r *setReader) texts(name, endsOf string) []string {
	text, ends := string(read[uint8](r, name)), read[int64](r, endsOf)
	if r.err != nil || ends == nil {
		return nil
	}
	ids := make([]string, len(ends))
	at := int64(0)
	for i, end := range ends {
		if end < at || end > int64(len(text)) {
			r.err = fmt.Errorf("%s: text %d ends at %d", name, i, end)
			return nil
		}
		ids[i], at = text[at:end], end
	}
	return ids
}

func (r *setReader) fields(what string, all []fieldMeta) (fields []data.Field) {
	for i, f := range all {
		name := fmt.Sprintf("%s.field-%d", what, i)
		fields = append(fields, data.Field{Name: f.Name, Size: f.Size, Type: f.Type, Scale: f.Scale, Tokens: r.texts(name+".tokens", name+".ends"), Lo: r.ints(name + ".lo"), Hi: r.ints(name + ".hi"),
			ID: read[int32](r, name+".id"), Value: read[float32](r, name+".value")})
	}
	return fields
}
