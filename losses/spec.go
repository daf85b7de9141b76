package losses

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

// Float, Target and RowLoss are those of package graph, under the names by which a
// loss file uses them.
type (
	Float            = graph.Float
	Target[T Float]  = graph.Target[T]
	RowLoss[T Float] = graph.RowLoss[T]
)

// Param, Values and Setting are shared by all that is chosen by name.
//
// A Param declares a parameter. A number has Name, Doc, Default, the inclusive bounds Min
// and Max, Integer where it must be whole, Probe, further numbers that tests run at, and
// Learn where it may be trained; a string has Choices, which [Enum] makes, and
// DefaultString. Hint says why a value is refused.
//
// Values are the settings of a list of parameters: v.Num(name), v.Int(name) and
// v.String(name) return one, and panic where none of that name and kind is declared.
//
// A Setting is one name with the text of its value.
type (
	Param   = registry.Param
	Values  = registry.Values
	Setting = registry.Setting
)

// Enum returns the fixed list of choices of a parameter that is a string.
func Enum(choices ...string) func() []string { return registry.Enum(choices...) }

// A Domain says which scores a loss is defined for.
type Domain int

// The domains.
const (
	Reals   Domain = iota // any finite score
	Cosines               // cosines: scores in [-1, 1], which models must not divide by a temperature
)

// String returns the scores of the domain in words.
func (d Domain) String() string { return [...]string{"any score", "cosines in [-1, 1]"}[d] }

// Bounds returns the least and the largest score of the domain.
func (d Domain) Bounds() (lo, hi float64) {
	if d == Cosines {
		return -1, 1
	}
	return math.Inf(-1), math.Inf(1)
}

// A Spec is everything that the command line, the plots, the benchmarks and the
// tests know of a loss. Name, Doc and Node are required; what else is declared is
// tested, printed and used, and what is not is said to be undeclared.
type Spec struct {
	Name   string  // registry key, lower case, e.g. "softmax"
	Doc    string  // one line: what it is
	Source string  // paper and equation
	Params []Param // in the order in which the text form prints them
	Domain Domain  // of the scores

	// Unit returns the score that stands for a factor e of a class's odds: the
	// temperature of the loss, in whose units corrections of sampled scores are. Nil
	// is 1. Where it is not 1 training divides scores by no other unless told to.
	Unit func(v Values) float64

	// Theory returns what holds of the loss at v, each entry tested. Nil declares nothing.
	Theory func(v Values) Theory

	// Formulas returns the loss as formulas at v; nil where none are printed. What they
	// state is tested.
	Formulas func(v Values) Formulas

	// Form returns what the loss states at v: each of New, Node, Ref and Predict that is
	// not given apart. Families make it.
	Form func(v Values) Form

	// New returns the analytic form at both precisions. Bind fills in Text. Nil is by
	// Node, see [graph.FromNode]: the loss trains all the same, block by block of rows, and
	// takes a multiple of the time, which the losses command measures.
	New func(v Values) graph.Analytic

	// Node returns the definition as a graph: scores z [B,K] and targets t of B
	// rows to losses [B]. A padding row's loss is not specified; graph.MeanRows
	// leaves it out.
	Node func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error)

	// Ref returns the textbook value of one row of finite scores by another
	// algorithm than New's. Nil where there is none.
	Ref func(v Values, z []float64, t Target[float64]) float64

	// Trained is Node where parameters that have a Learn are learned: learned has those of
	// v by name, each as a node [B] that holds its value in every row. Set if and only if
	// one of Params has a Learn.
	Trained func(v Values, learned map[string]*gorgonia.Node, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error)

	// Hold is set where the gradient holds a quantity of the scores constant, as a
	// threshold that is stored between steps: it returns the setting whose loss has
	// that quantity of z, finite scores, as a parameter. The two have one value at z,
	// and the gradient at v is that of the returned setting. Nil where the gradient is
	// that of the value.
	Hold func(v Values, z []float64) Values

	// Predict stores in p the probabilities p(z) that finite scores z stand for,
	// as long as z and apart from it. Nil where the loss has no such map, or one
	// that depends on the label.
	Predict func(v Values, p, z []float64)

	// Rank is required where Predict does not keep the order of scores (Theory.MapOrder
	// none), and nil else: it returns the function f of one score by which classes
	// rank, f(z_i) > f(z_j) where p_i > p_j. NaN stays NaN. f is safe for concurrent
	// use.
	Rank func(v Values) func(z float64) float64
}

var registered = registry.NewRegistry[Spec]("losses", "loss")

// Register adds s to the registry. It panics if s is incomplete, its name or a
// parameter is malformed, or the name is taken: mistakes of the program that
// its first run shows.
func Register(s Spec) {
	registered.Add(s.Name, s.Params, s, s.Complete())
}

// All returns the registered specs, sorted by name.
func All() []*Spec { return registered.All() }

// Names returns the registered names, sorted.
func Names() []string { return registered.Names() }

// Lookup returns the spec of that name; the error of an unknown name lists the
// choices.
func Lookup(name string) (*Spec, error) { return registered.Lookup(name) }

func (s *Spec) fault() error {
	switch {
	case s.Doc == "":
		return errors.New("lacks Doc")
	case s.Node == nil:
		return errors.New("lacks Node")
	case (s.Trained != nil) != slices.ContainsFunc(s.Params, func(p Param) bool { return p.Learn != nil }):
		return errors.New("has one of Trained and a parameter with a Learn, and not the other")
	}
	return nil
}

// A Loss is a loss with its parameters: what a spec text such as
// "entmax:alpha=1.3" denotes. It is immutable and safe for concurrent use. One with
// parameters that are learned is, in all but Learned and Trained, the loss with those at
// their start.
type Loss struct {
	registry.Choice[Spec]
	Analytic graph.Analytic // see Spec.New; what a Spec of Node alone has is made of it

	defined graph.Analytic // by Node, where New or Ref is not declared
}

// Node returns the definition as a graph; see Spec.Node. That of a shift-invariant loss
// takes scores less their row's maximum: a common offset of any size costs no digits. A
// run fails where that of graph.Loss does, with its error.
func (l Loss) Node(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	z, err := graph.CheckTargets(z, t)
	if err != nil {
		return nil, err
	}
	if l.Analytic.ShiftInvariant {
		if z, err = fromPeak(z); err != nil {
			return nil, err
		}
	}
	return l.Spec.Node(l.Values, z, t)
}

// Ref returns the textbook value of one row; see Spec.Ref. Where none is declared it is
// the value of Node at float64.
func (l Loss) Ref(z []float64, t Target[float64]) float64 {
	if l.Spec.Ref == nil {
		row := l.defined.F64
		return row.Eval(make([]float64, len(z)), z, t, make([]float64, row.WorkLen(len(z))))
	}
	return l.Spec.Ref(l.Values, z, t)
}

// Held returns the loss whose value has at z the gradient of l's: l itself, unless
// Spec.Hold says what is held constant.
func (l Loss) Held(z []float64) Loss {
	if l.Spec.Hold == nil {
		return l
	}
	return l.Spec.Bind(l.Spec.Hold(l.Values, z))
}

// Unit returns the score that stands for a factor e of the odds; see Spec.Unit.
func (l Loss) Unit() float64 {
	if l.Spec.Unit == nil {
		return 1
	}
	return l.Spec.Unit(l.Values)
}

// HasTheory reports whether the loss declares what holds of it.
func (l Loss) HasTheory() bool { return l.Spec.Theory != nil }

// Theory returns what holds of the loss; see Spec.Theory. Where nothing is declared it has
// no property, order or closed form, and its numbers are NaN.
func (l Loss) Theory() Theory {
	if l.Spec.Theory == nil {
		return Theory{Smoothness: Constant(math.NaN()), Margin: math.NaN()}
	}
	th := l.Spec.Theory(l.Values)
	if th.Props.Has(FenchelYoungForm) {
		th.Props |= AffineInTarget // c·(p(z) − t) is affine in t
	}
	return th
}

// SplitConstant returns Σ_k t_k ℓ(z,e_k) − ℓ(z,t) of a loss that is [AffineInTarget]: what
// the mean loss of a target's labels, each alone, exceeds the loss of the target by, at any
// scores z. Of a Fenchel-Young loss it is Σ_k t_k Ω(e_k) − Ω(t). It is an error of a loss
// that is not.
func (l Loss) SplitConstant(t Target[float64]) (float64, error) {
	if !l.Theory().Props.Has(AffineInTarget) {
		return 0, fmt.Errorf("losses: %s: what several labels cost is no constant more than what each costs alone: it is not %s", l, AffineInTarget)
	}
	if len(t.Pos) < 2 {
		return 0, nil
	}
	z := make([]float64, slices.Max(t.Pos)+1)
	whole := l.Ref(z, t)
	gap := -whole
	for i, y := range t.Pos {
		gap += t.Weight[i] * l.Ref(z, Target[float64]{Pos: []int32{y}, Weight: []float64{1}})
	}
	if math.Abs(gap) <= 1e-12*(1+math.Abs(whole)) {
		return 0, nil // rounding of what cancels
	}
	return gap, nil
}

// Predict stores in p the probabilities that scores z stand for; see
// Spec.Predict. It reports false, and leaves p, where the loss has no such map.
func (l Loss) Predict(p, z []float64) bool {
	if l.Spec.Predict == nil {
		return false
	}
	l.Spec.Predict(l.Values, p, z)
	return true
}

// Rank returns the function of a score by which classes rank, nil where scores do; see
// Spec.Rank. A map that needs one and has none is an error.
func (l Loss) Rank() (func(z float64) float64, error) {
	if l.Spec.Rank != nil {
		return l.Spec.Rank(l.Values), nil
	}
	if l.Theory().MapOrder == OrderNone {
		return nil, fmt.Errorf("losses: %s: its probabilities are not in the order of its scores, and its Spec has no Rank", l)
	}
	return nil, nil
}

// Parse returns the loss that text denotes: a registered name, alone or
// followed by a colon and comma-separated parameters, as in
// "softmax:tau=0.2,smoothing=0.1". Parameters left out take their default. The
// error names what is wrong and lists the choices.
func Parse(text string) (Loss, error) {
	c, err := registered.ParseMore(text, learnedParams)
	if err != nil {
		return Loss{}, err
	}
	return learnedLoss(c)
}

// Choose is Parse of a name and settings.
func Choose(name string, settings []Setting) (Loss, error) {
	c, err := registered.Choose(registry.Text{Name: name, Settings: settings}, learnedParams)
	if err != nil {
		return Loss{}, err
	}
	return learnedLoss(c)
}

func newLoss(c registry.Choice[Spec]) Loss {
	l := Loss{Choice: c}
	text, shift := c.String(), l.Theory().Props.Has(ShiftInvariant)
	l.Analytic.ShiftInvariant = shift // which Node reads
	if c.Spec.New == nil || c.Spec.Ref == nil {
		l.defined = graph.FromNode(text, l.Node)
	}
	if l.Analytic = l.defined; c.Spec.New != nil {
		l.Analytic = c.Spec.New(c.Values)
	}
	l.Analytic.Text, l.Analytic.ShiftInvariant = text, shift
	return l
}

// choice returns s at its default setting.
func (s *Spec) choice() registry.Choice[Spec] { return registry.NewChoice(s.Name, s, s.Params) }

// Bind returns the loss at v, which was parsed from s.Params.
func (s *Spec) Bind(v Values) Loss {
	c := s.choice().At(v)
	if more := registry.LearnParams(s.Params, v); len(more) > 0 {
		c.Params = slices.Concat(c.Params, more)
	}
	return newLoss(c)
}

// Defaults returns the default setting.
func (s *Spec) Defaults() Values { return s.choice().Values }

// Probes returns the loss at its default setting and at one further setting per
// probe of each parameter: the settings that tests and checks run.
func (s *Spec) Probes() []Loss { return newLosses(s.choice().Probes()) }

// Corners returns the loss at the ends of its parameters' ranges, in all
// combinations: where a formula that is right in between loses its digits.
func (s *Spec) Corners() []Loss { return newLosses(s.choice().Corners()) }

func newLosses(cs []registry.Choice[Spec]) []Loss {
	ls := make([]Loss, len(cs))
	for i, c := range cs {
		ls[i] = newLoss(c)
	}
	return ls
}
