package models

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// The statements of a gradient that CheckGradient compares. Numerical is by central
// differences.
const (
	Symbolic  = "symbolic"  // Gorgonia's differentiation of the loss's definition, Node, over nodes of scores
	Analytic  = "analytic"  // the loss's closed form over the same nodes, by graph.Loss
	Fused     = "fused"     // what the head trains by, such as graph.LinearLoss or graph.SampledLinearLoss
	Numerical = "numerical" // differences of the textbook value, Ref, of the scores, else of what comes first
	Float32   = "float32"   // the gradient of the graph that training compiles
)

// Tolerance32 is the tolerance on float32: 6e-8, its rounding, after sums over a thousand
// candidates whose scores were divided by a temperature such as 0.2.
const Tolerance32 = 1e-4

// sizeFloor is the least size to which errors of a table's gradient are relative. A
// gradient that is smaller everywhere is nothing beside the cost, of which differences are
// taken.
const sizeFloor = 1e-3

// sizeFloor32 is that of float32, whose errors are relative to the gradient by all tables:
// scores are rounded at their own size, so a loss that is steep in them, such as arcface
// at scale 64, leaves noise also where its gradient has died away.
const sizeFloor32 = 0.1

// A GradientReport is that of a whole model, with what it was computed from.
type GradientReport struct {
	graph.GradientReport

	// Arrays are, by name, in float64 unless said: "table/…", what tables hold (float32);
	// "batch/row" (int32), "batch/weight" where examples have weights, "batch/target.ptr",
	// "batch/target.class" (int32), "batch/target.weight"; "cost/…" of each statement, one
	// number; "gradient/STATEMENT/TABLE", NaN where a numerical one was not taken. Of head
	// rows number p "scores/p" [N,K], their "target.ptr/p", "target.class/p" (int32) and
	// "target.weight/p", "row/p" and "place/p" (int32), "weight/p" and "added/p"; see
	// [ScoredRows]; and "gradient/STATEMENT/scores/p" of the symbolic and analytic ones.
	Arrays []graph.Array
}

// CheckGradient compares the gradient of a whole model's mean loss by every table that is
// not frozen, at the tables' data and in float64, as every statement of the loss gives it:
// of m and head under l, on the first rows examples of x with their weights, and the first
// step's draws. It holds all coordinates of the symbolic, the analytic and the fused
// gradient against each other, and against central differences at c.Probes of them (0 is
// 8), at the worst of the others and along a direction; what the loss's gradient holds
// constant (Loss.Held) is constant in differences, as draws and their log q are. A kink is
// treated as [graph.CheckGradient] treats it. A second row for each table holds the
// float32 gradient of the graph that training compiles against the float64 one, within
// [Tolerance32] or within c.Tolerance where that is more, and a last one the cost.
// Of a Model whose Classes drop ([graph.Dropout]) a head over drawn classes drops other
// places than one over all: check it over all.
//
// An error is relative to the largest |entry| of a table's gradient, or to 1e-3 where that
// is less; at float32 to that of all tables, or to 0.1. The report tells what agrees; what does not is an error beside it. A head that
// is no [Scoring], or a loss with learned parameters, has no symbolic, analytic nor float32
// statement: its own gradient is held against differences of its own loss.
func CheckGradient(m Model, head Head, l losses.Loss, x *data.Examples, classes *data.Frame, rows int, c graph.GradientCheck) (*GradientReport, error) {
	c, err := c.WithDefaults()
	if err != nil {
		return nil, err
	}
	if classes == nil {
		return nil, errors.New("models: a gradient check without a frame of classes")
	}
	if err := x.Validate(classes.Rows); err != nil {
		return nil, err
	}
	batch, err := x.First(rows)
	if err != nil {
		return nil, err
	}
	encoding, others, err := Tables(m, head, l, x.Context, classes)
	if err != nil {
		return nil, err
	}
	for _, t := range append(encoding, others...) {
		if len(t.Data) == 0 && t.Rows*t.Dim > 0 {
			return nil, fmt.Errorf("models: a gradient check of table %q, which has no values yet: a training, such as train.Fit, draws the first ones", t.Name)
		}
	}
	s := &gradientCheck{GradientCheck: c, model: m, head: head, loss: l, x: x, classes: classes, batch: batch, b: graph.NewBuilder[float64]()}
	defer s.close()
	if err := s.build(); err != nil {
		return nil, err
	}
	if err := s.compare(); err != nil {
		return nil, err
	}
	if err := s.report.Err(); err != nil {
		return &s.report, fmt.Errorf("models: gradients disagree: %w", err)
	}
	return &s.report, nil
}

// gradientCheck is the work of CheckGradient.
type gradientCheck struct {
	graph.GradientCheck
	model   Model
	head    Head
	loss    losses.Loss
	x       *data.Examples
	classes *data.Frame
	batch   *data.Batch

	b         *graph.Builder[float64]
	graph     *Graph
	objective *Objective[float64]
	tables    []*Table // that are not frozen
	by        []statement
	scored    []ScoredRows
	reference *reference // nil of a head that says no scores
	report    GradientReport
}

// A statement is one way to state the cost, and the gradient that it gives by each table.
type statement struct {
	name    string
	node    *gorgonia.Node // the cost
	program *graph.Program[float64]
	cost    float64
	grads   [][]float64
}

func (s *gradientCheck) close() {
	for _, by := range s.by {
		by.program.Close()
	}
	if s.reference != nil {
		s.reference.program.Close()
	}
}

// build compiles all statements in one graph, over the same leaves and the same draws, and
// runs each.
func (s *gradientCheck) build() error {
	positions := max(len(s.batch.Targets.Class), 1)
	s.graph = NewCheck(s.b, s.x.Context, len(s.batch.Rows), s.classes).Fit(s.batch.Room(s.x))
	var err error
	if s.objective, err = NewObjective(s.b, s.graph, s.model, s.head, s.loss, positions, s.x.Weight != nil); err != nil {
		return err
	}
	var outs []*gorgonia.Node
	// The definition and the closed form have no learned parameter.
	if scoring, ok := s.objective.Attached.(Scoring); ok && len(s.loss.Learned()) == 0 {
		if s.scored, err = scoring.ScoredRows(); err != nil {
			return err
		}
		for _, form := range []struct {
			name string
			end  func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error)
		}{
			{Symbolic, s.loss.Node},
			{Analytic, func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
				return graph.Loss(s.loss.Analytic, z, t)
			}},
		} {
			loss, err := lossOf(s.scored, s.batch.Len(), form.end)
			if err != nil {
				return err
			}
			cost, err := s.objective.mean(loss)
			if err != nil {
				return err
			}
			if err := s.state(form.name, cost); err != nil {
				return err
			}
		}
		for _, r := range s.scored {
			outs = append(outs, r.Scores)
			if r.Added != nil {
				outs = append(outs, r.Added)
			}
		}
	}
	if err := s.state(Fused, s.objective.Cost()); err != nil {
		return err
	}
	if err := s.objective.Set(0, s.batch); err != nil {
		return err
	}
	for _, t := range s.graph.Tables() {
		if !t.Frozen {
			s.tables = append(s.tables, t)
		}
	}
	for i := range s.by {
		by := &s.by[i]
		if err := by.program.Run(); err != nil {
			return fmt.Errorf("models: %s: %w", by.name, err)
		}
		by.cost = by.program.Cost()
		for _, t := range s.tables {
			by.grads = append(by.grads, by.program.Grad(s.graph.Node(t)).Dense(t.Rows*t.Dim, t.Rows))
		}
	}
	if outs == nil {
		return nil
	}
	program, err := s.b.Forward(outs...)
	if err != nil {
		return err
	}
	s.reference = &reference{gradientCheck: s, program: program}
	return s.reference.hold()
}

// state adds a statement of the cost.
func (s *gradientCheck) state(name string, cost *gorgonia.Node) error {
	p, err := s.b.Train(cost)
	if err != nil {
		return fmt.Errorf("models: %s: %w", name, err)
	}
	s.by = append(s.by, statement{name: name, node: cost, program: p})
	return nil
}

// compare fills in the report.
func (s *gradientCheck) compare() error {
	s.setUp()
	rng := rand.New(rand.NewPCG(s.Seed, 0))
	numerical := make([][]float64, len(s.tables))
	for i, t := range s.tables {
		var err error
		if numerical[i], err = s.table(i, t, rng); err != nil {
			return err
		}
	}
	costs := graph.GradientRow{Param: "the cost", Tolerance: s.Tolerance}
	var values []graph.GradientValue
	for _, by := range s.by {
		values = append(values, graph.GradientValue{By: by.name, Value: by.cost})
	}
	cost, err := s.cost()
	if err != nil {
		return err
	}
	values = append(values, graph.GradientValue{By: Numerical, Value: cost})
	costs.See("cost", 1+math.Abs(cost), values...)
	if s.scored != nil {
		if err := s.single(); err != nil {
			return err
		}
	}
	s.report.Rows = append(s.report.Rows, costs)
	return s.arrays(cost, numerical)
}

// cost returns the cost of which differences are taken, at what the tables' copies hold.
func (s *gradientCheck) cost() (float64, error) {
	if s.reference != nil && s.loss.Spec.Ref != nil {
		return s.reference.cost()
	}
	p := s.by[0].program // the loss's definition, of a head that says scores
	if err := p.Run(); err != nil {
		return math.NaN(), err
	}
	return p.Cost(), nil
}

// setUp names what is checked.
func (s *gradientCheck) setUp() {
	s.report.Title = fmt.Sprintf("%s by %d tables, a batch of %d rows and %d positives", s.loss, len(s.tables), s.batch.Len(), len(s.batch.Targets.Class))
}

// table compares the gradients by one table, and returns the differences, NaN where none
// was taken.
func (s *gradientCheck) table(i int, t *Table, rng *rand.Rand) ([]float64, error) {
	node := s.graph.Node(t)
	x := node.Value().Data().([]float64)
	row := graph.GradientRow{Param: t.Name, Tolerance: s.Tolerance}
	size, reference := s.size(i), s.by[0].grads[i]
	at := func(j int) string { return graph.Coordinate(t.Name, node.Shape(), j) }
	statements := func(j int) (values []graph.GradientValue) {
		for _, by := range s.by {
			values = append(values, graph.GradientValue{By: by.name, Value: by.grads[i][j]})
		}
		return values
	}
	worst, apart := 0, -1.0
	for j := range x {
		var r graph.GradientRow
		if r.See("", size, statements(j)...); r.Error > apart {
			worst, apart = j, r.Error
		}
	}
	probes := rng.Perm(len(x))
	probes = append([]int{worst}, probes[:min(s.Probes, len(probes))]...)
	slices.Sort(probes)
	probes = slices.Compact(probes)

	saved := slices.Clone(x)
	defer copy(x, saved)
	var fault error
	difference := func(got float64, move func(step float64)) float64 {
		want, kink := check.Subderivative(func(step float64) float64 {
			move(step)
			cost, err := s.cost()
			fault = errors.Join(fault, err)
			return cost
		}, got, s.Tolerance, size)
		if kink {
			row.Kinks++
		}
		copy(x, saved)
		return want
	}
	numerical := make([]float64, len(x))
	for j := range numerical {
		numerical[j] = math.NaN()
	}
	for _, j := range probes {
		numerical[j] = difference(reference[j], func(step float64) { x[j] = saved[j] + step })
		if fault != nil {
			return nil, fault
		}
		row.See(at(j), size, append(statements(j), graph.GradientValue{By: Numerical, Value: numerical[j]})...)
	}
	row.Compared += len(x) - len(probes) // those at which the others were compared
	direction := make([]float64, len(x))
	norm := 0.0
	for j := range direction {
		direction[j] = rng.NormFloat64()
		norm += direction[j] * direction[j]
	}
	along := make([]graph.GradientValue, len(s.by))
	for k, by := range s.by {
		along[k].By = by.name
		for j, v := range direction {
			along[k].Value += v / math.Sqrt(norm) * by.grads[i][j]
		}
	}
	want := difference(along[0].Value, func(step float64) {
		for j, v := range direction {
			x[j] = saved[j] + step*v/math.Sqrt(norm)
		}
	})
	row.See("a direction", size, append(along, graph.GradientValue{By: Numerical, Value: want})...)
	s.report.Rows = append(s.report.Rows, row)
	return numerical, fault
}

// size is what errors of the gradient by table i are relative to.
func (s *gradientCheck) size(i int) float64 {
	size := sizeFloor
	for _, v := range s.by[0].grads[i] {
		size = max(size, math.Abs(v))
	}
	return size
}

// single compares the gradients of the graph that training compiles, at the same draws.
func (s *gradientCheck) single() error {
	b := graph.NewBuilder[float32]()
	g := NewGraph(b, s.x.Context, len(s.batch.Rows), s.classes).Fit(s.batch.Room(s.x))
	o, err := NewObjective(b, g, s.model, s.head, s.loss, max(len(s.batch.Targets.Class), 1), s.x.Weight != nil)
	if err != nil {
		return err
	}
	if to, ok := o.Attached.(drawing); ok {
		if from, ok := s.objective.Attached.(drawing); ok {
			to.take(from.made())
		}
	}
	p, err := b.Train(o.Cost())
	if err != nil {
		return err
	}
	defer p.Close()
	if err := o.Set(0, s.batch); err != nil {
		return err
	}
	if err := p.Run(); err != nil {
		return fmt.Errorf("models: %s: %w", Float32, err)
	}
	size := sizeFloor32
	for i := range s.tables {
		size = max(size, s.size(i))
	}
	for i, t := range s.tables {
		node := g.Node(t)
		row := graph.GradientRow{Param: t.Name + ", as trained", Tolerance: max(Tolerance32, s.Tolerance)}
		grad := p.Grad(node).Dense(t.Rows*t.Dim, t.Rows)
		wide := make([]float64, len(grad))
		for j, v := range grad {
			wide[j] = float64(v)
			row.See(graph.Coordinate(t.Name, node.Shape(), j), size,
				graph.GradientValue{By: s.by[0].name, Value: s.by[0].grads[i][j]}, graph.GradientValue{By: Float32, Value: wide[j]})
		}
		s.report.Rows = append(s.report.Rows, row)
		s.report.Arrays = append(s.report.Arrays, graph.Array{Name: "gradient/" + Float32 + "/" + t.Name, Shape: node.Shape(), Data: grad})
	}
	return nil
}
