package models

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// linear scores classes by the sparse features x of a context, the field "features" with F
// features, in one of two forms:
//
//	direct  z_j = ⟨w_j, x⟩ + b_j                  w_j [F]
//	bag     z_j = ⟨w_j, h⟩ + b_j, h = Σ_f x_f v_f  w_j, v_f [d]
//
// Direct is one classifier for each class with a weight for each feature: the encoding is the
// dense row of features, whose width F the model's is then, and class vectors are the weights.
// It takes F·C numbers. Bag is a matrix of rank d in its place, as fastText has it; with
// layers=n the sum goes through n layers of relu, of which the sum itself is the first, with a
// bias, and others are d by d.
//
// norm=l2 divides x by ‖x‖, and drop leaves each feature out of a step of training with that
// probability, the others divided by 1−drop.
func init() {
	Register(Spec{
		Name:   "linear",
		Doc:    "h is the sparse features, each class with a weight for each, or the sum of a vector of each feature",
		Source: "Babbar, Schölkopf: DiSMEC (WSDM 2017) for one weight each; Joulin, Grave, Bojanowski, Mikolov: Bag of tricks for efficient text classification (EACL 2017) for the sum",
		Params: []Param{
			{Name: "form", Doc: "direct is a weight of each feature for each class, bag a vector of d of each; auto is direct where that is at most 2²⁵ weights", Choices: Enum("auto", "direct", "bag"), DefaultString: "auto"},
			{Name: "norm", Doc: "l2 has each row of features have norm 1", Choices: Enum("l2", "none"), DefaultString: "l2"},
			{Name: "layers", Doc: "layers of relu of form bag, the first the sum itself", Min: 0, Max: 8, Integer: true, Probe: []float64{2}},
			{Name: "drop", Doc: "probability with which a step of training leaves a feature out", Min: 0, Max: 0.99, Probe: []float64{0.3}},
		},
		Usual: Usual{
			Score: Dot, Init: 0.01, Rate: 0.03, Patience: 5, Task: "label", Epochs: 30, Batch: 256, L2: "3e-5", LabelBias: ZeroBias,
			Metrics: []string{"p@1", "p@3", "p@5", "psp@1", "psp@3", "psp@5"},
		},
		Width: func(v Values, s Setting) int {
			if direct, err := directly(v, s); err == nil && direct {
				f, _ := s.Set.Contexts().Field(featuresField) // directly has found it
				return f.Size
			}
			return s.Dim
		},
		New: newLinear,
	})
}

// featuresField is the field of contexts that linear reads.
const featuresField = "features"

// mostDirect is the most weights that form=auto gives a direct form: with their gradient and
// what Adam keeps they take half a gigabyte.
const mostDirect = 1 << 25

// directly reports whether the model has a weight for each feature and class.
func directly(v Values, s Setting) (bool, error) {
	f, err := s.Set.Contexts().Field(featuresField)
	if err != nil {
		return false, fmt.Errorf("models: linear: %w; contexts have it in sets of points, such as files of format xmc", err)
	}
	if f.Lo == nil {
		return false, errors.New("models: linear: the field features has one id a row, and is no bag of them")
	}
	layers, form := v.Int("layers"), v.String("form")
	switch {
	case form == "direct" && layers > 0:
		return false, fmt.Errorf("models: linear: layers=%d are of form=bag, and form=direct has none", layers)
	case form == "auto":
		return layers == 0 && int64(f.Size)*int64(s.Set.Items) <= mostDirect, nil
	}
	return form == "direct", nil
}

func newLinear(v Values, s Setting) (Model, error) {
	direct, err := directly(v, s)
	if err != nil {
		return nil, err
	}
	f, err := s.Set.Contexts().Field(featuresField)
	if err != nil {
		return nil, err
	}
	m := &linear{drop: v.Num("drop"), unit: v.String("norm") == "l2", seed: s.Seed}
	if direct {
		s.Dim = f.Size
		m.FreeClasses = NewFreeClasses(s)
		return m, nil
	}
	m.FreeClasses = NewFreeClasses(s)
	m.feature = s.NewTable("feature", f.Size, s.Dim)
	for l := range v.Int("layers") {
		// Of a row without features a layer has its bias alone: at 0 relu would have a kink.
		layer := linearLayer{bias: s.NewTable(fmt.Sprintf("layer-%d-bias", l+1), s.Dim, 1)}
		if l > 0 {
			layer.w = &Table{Name: fmt.Sprintf("layer-%d", l+1), Rows: s.Dim, Dim: s.Dim, Init: graph.Xavier()}
		}
		m.layers = append(m.layers, layer)
	}
	return m, nil
}

type linear struct {
	FreeClasses
	drop    float64
	unit    bool
	seed    uint64
	feature *Table // [F,d]; nil of the direct form
	layers  []linearLayer
}

// A linearLayer is relu(w x + b); w nil is x itself.
type linearLayer struct{ w, bias *Table } // [d,d], [d,1]

// Dim implements Model.
func (m *linear) Dim() int { return m.W.Dim }

// Contexts implements Model.
func (m *linear) Contexts(in *Inputs) (*gorgonia.Node, error) {
	var e graph.Expr
	ptr, ids, values, err := in.Bag(featuresField)
	if err != nil {
		return nil, err
	}
	switch {
	case m.unit:
		values = e.N(in.UnitValues(featuresField))
		if m.drop > 0 {
			values = e.N(graph.Dropout(values, m.drop, m.seed))
		}
	case m.drop > 0:
		values = e.N(in.Kept(featuresField, m.drop, m.seed))
	}
	if m.feature == nil {
		return e.N(in.dense(featuresField, ptr, ids, values)), e.Err
	}
	h := e.N(graph.Bag(in.Table(m.feature), ptr, ids, values))
	for _, l := range m.layers {
		if l.w != nil {
			h = e.N(graph.MatMul(h, in.Table(l.w), false, true))
		}
		h = e.N(graph.Relu(e.N(graph.AddBias(h, in.Vector(l.bias)))))
	}
	return h, e.Err
}
