package models

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

// tower encodes each side by its features. With a table E_f [n,d] of every field f of the
// side, whose row has ids j with values v_j,
//
//	x = e_id + Σ_f m_f^−power Σ_j v_j·E_f[j],    h = A_L relu(… relu(A_1 x + a_1) …) + a_L
//
// where m_f is the number of ids of a list and 1 of others, e_id a vector of the user's, or
// the item's, own (id), and the layers are user-layers and item-layers of width numbers, and
// one of d after them; without layers h is x. Numbers are values that a vector is multiplied
// by, one vector each.
//
// An item without a training pair has no vector of its own, but zeros: what a class is that
// is never right would be learned otherwise, and is no reason against an item that nobody
// could have had. So any id ranks items that training never saw, by their features; with
// id=user, and id=none, those are all that is known of any item. Of users who are in no file
// features are all that is known, and one who has no training pair has a vector as it
// was drawn, unless id says that users have none.
func init() {
	Register(Spec{
		Name:   "tower",
		Doc:    "h is a sum of vectors of the user's features, perhaps through layers, and so are the vectors of classes of theirs",
		Source: "Yi et al.: Sampling-bias-corrected neural modeling for large corpus item recommendations (RecSys 2019); of sums of features Kula: LightFM (CBRecSys 2015)",
		Params: []Param{
			{Name: "id", Doc: "which sides have a vector of each user's and item's own beside features", Choices: Enum("both", "user", "item", "none"), DefaultString: "both"},
			fieldsParam("user", "users"),
			fieldsParam("item", "items"),
			layersParam("user-layers", "users"),
			layersParam("item-layers", "items"),
			{Name: "width", Doc: "numbers of such a layer; 0 is d", Min: 0, Max: 1 << 16, Integer: true},
			{Name: "power", Doc: "of the number of ids of a list by which their sum is divided: 0 is the sum, 1 the mean", Default: 0.5, Min: 0, Max: 1, Probe: []float64{1}},
		},
		New: func(v Values, s Setting) (Model, error) { return newTower(v, s) },
	})
}

// allFields and noFields are texts of fieldsParam.
const (
	allFields = "all"
	noFields  = "none"
)

func fieldsParam(name, of string) Param {
	return Param{Name: name, Doc: fmt.Sprintf("features of %s that are read: all, none, names with + between, or, each with - before it, those that are not", of), AnyString: true, DefaultString: allFields}
}

func layersParam(name, of string) Param {
	return Param{Name: name, Doc: fmt.Sprintf("relu layers between the sum of %s and h", of), Min: 0, Max: 16, Integer: true, Probe: []float64{1}}
}

type tower struct {
	dim         int
	power       float64
	users, item side
}

// A side is one side of a tower.
type side struct {
	id     *Table // nil without
	idName string // the field of its ids
	fields []sideField
	layers []dense
}

type sideField struct {
	name  string
	one   bool // an id a row
	list  bool // whose sum is divided
	table *Table
}

func newTower(v Values, s Setting) (*tower, error) {
	id := v.String("id")
	m := &tower{dim: s.Dim, power: v.Num("power")}
	var faults [2]error
	m.users, faults[0] = newSide(v, s, "user", id == "both" || id == "user", s.Set.Users, s.Set.UserFields)
	m.item, faults[1] = newSide(v, s, "item", id == "both" || id == "item", s.Set.Items, s.Set.ItemFields)
	m.users.idName, m.item.idName = "user", "id"
	if len(s.Set.ItemFields) > 0 {
		m.item.idName = "warm"
	}
	return m, errors.Join(faults[:]...)
}

// newSide returns the side that v says, of n users or items that have features.
func newSide(v Values, s Setting, what string, id bool, n int, features []data.Field) (x side, err error) {
	if id {
		x.id = s.NewTable(what, n, s.Dim)
	}
	names, err := chosenFields(v.String(what), what, features)
	if err != nil {
		return x, fmt.Errorf("models: tower: %s=%s: %w", what, v.String(what), err)
	}
	for i := range features {
		f := &features[i]
		if slices.Contains(names, f.Name) {
			x.fields = append(x.fields, sideField{f.Name, f.Lo == nil, f.Lo != nil && f.Type != data.Float,
				s.NewTable(what+"."+f.Name, f.Size, s.Dim)})
		}
	}
	if x.id == nil && len(x.fields) == 0 {
		return x, fmt.Errorf("models: tower: nothing is left to know %ss by: no vectors of their own (id=%s) and no features; the features of %ss are %s", what, v.String("id"), what, orNone(fieldNames(features)))
	}
	width, layers := v.Int("width"), v.Int(what+"-layers")
	if width == 0 {
		width = s.Dim
	}
	for k, from := 0, s.Dim; layers > 0 && k <= layers; k++ {
		to := width
		if k == layers {
			to = s.Dim
		}
		l := newDense(fmt.Sprintf("%s-layer-%d", what, k), to, from, graph.Xavier())
		// Of what has no feature relu has what is below the bias and what is above it: at 0
		// it would have a kink there.
		l.b.Init = graph.Normal(s.Init)
		x.layers, from = append(x.layers, l), to
	}
	return x, nil
}

// chosenFields returns the names of the features that a text says, all of them different.
func chosenFields(text, what string, features []data.Field) ([]string, error) {
	names := fieldNames(features)
	switch text {
	case allFields:
		return names, nil
	case noFields:
		return nil, nil
	}
	var chosen []string
	but := 0 // names of those that are not read
	for name := range strings.SplitSeq(text, "+") {
		name = strings.TrimSpace(name)
		if other, minus := strings.CutPrefix(name, "-"); minus && !slices.Contains(names, name) {
			name = other
			but++
		}
		switch {
		case len(names) == 0:
			return nil, fmt.Errorf("the set has no features of %ss; --%s-features names a file that has", what, what)
		case !slices.Contains(names, name):
			return nil, fmt.Errorf("no feature %q of %ss%s", name, what, registry.Offer(name, append([]string{allFields, noFields}, names...)))
		case slices.Contains(chosen, name):
			return nil, fmt.Errorf("%q is there twice", name)
		}
		chosen = append(chosen, name)
	}
	switch {
	case but == 0:
		return chosen, nil
	case but < len(chosen):
		return nil, errors.New("some names have - before them and some have not: say what is read, or what is not")
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(chosen, name) }), nil
}

func fieldNames(fields []data.Field) (names []string) {
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Dim implements Model.
func (m *tower) Dim() int { return m.dim }

// Contexts implements Model.
func (m *tower) Contexts(in *Inputs) (*gorgonia.Node, error) { return m.users.on(in, m.power) }

// Classes implements Model.
func (m *tower) Classes(in *Inputs) (*gorgonia.Node, error) { return m.item.on(in, m.power) }

// on returns the encodings [Rows(),d] of what in reads.
func (s *side) on(in *Inputs, power float64) (*gorgonia.Node, error) {
	var e graph.Expr
	var x *gorgonia.Node
	add := func(y *gorgonia.Node) {
		if x == nil {
			x = y
		} else {
			x = e.N(graph.Add(x, y))
		}
	}
	if s.id != nil {
		add(e.N(graph.Lookup(in.Table(s.id), e.N(in.IDs(s.idName)))))
	}
	for _, f := range s.fields {
		if f.one {
			add(e.N(graph.Lookup(in.Table(f.table), e.N(in.IDs(f.name)))))
			continue
		}
		ptr, ids, values, err := in.Bag(f.name)
		if err != nil {
			return nil, err
		}
		y := e.N(graph.Bag(in.Table(f.table), ptr, ids, values))
		if f.list && power > 0 {
			y = e.N(graph.MulRow(y, e.N(graph.PowPositive(e.N(in.Lengths(f.name)), -power)))) // 0 of none
		}
		add(y)
	}
	for k, l := range s.layers {
		setting := graph.AffineSetting{Activation: graph.ReluActivation}
		if k == len(s.layers)-1 {
			setting = graph.AffineSetting{}
		}
		x = e.N(l.on(in, x, setting))
	}
	return x, e.Err
}
