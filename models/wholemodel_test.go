package models

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// tied reads one table as history and as classes.
type tied struct{ item *Table }

func (m tied) Dim() int { return m.item.Dim }

func (m tied) Contexts(in *Inputs) (*gorgonia.Node, error) {
	ptr, ids, values, err := in.Bag("history")
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	return e.N(graph.Tanh(e.N(graph.Bag(in.Table(m.item), ptr, ids, values)))), e.Err
}

func (m tied) Classes(in *Inputs) (*gorgonia.Node, error) { return in.Table(m.item), nil }

// computed computes a class vector from the class's own row and a bag of its features,
// and encodes a user by a row and two layers.
type computed struct{ user, hidden, id, feature, frozen *Table }

func (m computed) Dim() int { return m.id.Dim }

func (m computed) Contexts(in *Inputs) (*gorgonia.Node, error) {
	ids, err := in.IDs("user")
	var e graph.Expr
	x := e.N(graph.MatMul(e.N(graph.Lookup(in.Table(m.user), ids)), in.Table(m.frozen), false, true))
	return e.N(graph.MatMul(e.N(graph.Tanh(x)), in.Table(m.hidden), false, true)), joinErr(err, e.Err)
}

func (m computed) Classes(in *Inputs) (*gorgonia.Node, error) {
	id, err := in.IDs("id")
	if err != nil {
		return nil, err
	}
	ptr, ids, values, err := in.Bag("genre")
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	own := e.N(graph.Lookup(in.Table(m.id), id))
	return e.N(graph.Add(own, e.N(graph.Bag(in.Table(m.feature), ptr, ids, values)))), e.Err
}

func joinErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// featured returns the demo set with genres of items, of some none, and with features of
// users.
func featured(t *testing.T) *data.Dataset {
	return withGenres(t, demo(t))
}

// withGenres adds a field of classes that have none to three genres each.
func withGenres(t *testing.T, set *data.Dataset) *data.Dataset {
	f := data.Field{Name: "genre", Size: 6}
	for i := range set.Items {
		f.Lo = append(f.Lo, len(f.ID))
		for g := range i % 4 {
			f.ID, f.Value = append(f.ID, int32((i+2*g)%6)), append(f.Value, 1/float32(1+g))
		}
		f.Hi = append(f.Hi, len(f.ID))
	}
	set.ItemFields = []data.Field{f}
	require.NoError(t, set.Classes().Validate())
	job := data.Field{Name: "job", Type: data.Token, Size: 3, ID: make([]int32, set.Users)}
	age := data.Field{Name: "age", Type: data.Float, Size: 1, Lo: make([]int, set.Users), Hi: make([]int, set.Users)}
	for u := range set.Users {
		job.ID[u] = int32(u%4) - 1
		age.Lo[u] = len(age.ID)
		if u%5 > 0 {
			age.ID, age.Value = append(age.ID, 0), append(age.Value, float32(u%7)/3-1)
		}
		age.Hi[u] = len(age.ID)
	}
	set.UserFields = append(set.UserFields, job, age)
	require.NoError(t, set.Contexts().Validate())
	return set
}

// wholes are models of which both sides are computed, or share a table.
func wholes(set *data.Dataset) map[string]Model {
	s := Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7}
	frozen := s.NewTable("frozen", 3, 2)
	frozen.Frozen = true
	return map[string]Model{
		"tied":     tied{s.NewTable("item", set.Items, s.Dim)},
		"computed": computed{s.NewTable("user", set.Users, 2), s.NewTable("hidden", s.Dim, 3), s.NewTable("id", set.Items, s.Dim), s.NewTable("genre", 6, s.Dim), frozen},
	}
}

// TestWholeModelGradient: of a tied model and of a class tower, under every loss over
// all classes, over drawn ones, the draws of an adaptive sampler among them, and over the
// decisions of the other heads, with dot and cosine scores, all statements of the gradient
// of the mean loss by every table agree: symbolic, analytic, fused and numerical, and that
// of float32. What does not go together is refused with a reason, and both are counted.
func TestWholeModelGradient(t *testing.T) {
	set := featured(t)
	count := map[outcome]int{}
	sampled := []string{"sampled:n=4", "sampled:n=4,per=row,correction=none,hits=drop", "sampled:n=4,per=row,correction=importance", "sampled:n=4,sampler=dns", "sampled:n=5,sampler=in-batch", "sampled:n=5,correction=none,hits=seen"}
	others := []string{"all", "tree", "classes", "adaptive"}
	for name, m := range wholes(set) {
		for _, spec := range losses.All() {
			if testing.Short() && !slices.Contains([]string{"softmax", "sparsemax", "bpr", "arcface"}, spec.Name) {
				continue
			}
			l := spec.Bind(spec.Defaults())
			for _, scheme := range slices.Concat(others, sampled) {
				for _, score := range Scores() {
					s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7}, Score: score, Temperature: 0.7, Bias: true, Loss: l}
					if spec.Domain == losses.Cosines {
						s.Temperature, s.Bias = 1, false
					}
					ok := t.Run(strings.Join([]string{name, spec.Name, scheme, string(score)}, "/"), func(t *testing.T) {
						count[wholeModelGradient(t, set, m, scheme, s)]++
					})
					require.True(t, ok)
				}
			}
		}
	}
	for _, o := range []outcome{agrees, refused} {
		require.Positive(t, count[o], o)
	}
	if !testing.Short() {
		of, cosines := len(losses.All()), 0
		for _, spec := range losses.All() {
			if spec.Domain == losses.Cosines {
				cosines++
			}
		}
		// Two models and two scores. A loss of cosines goes with cosines alone, and with
		// draws whose scores are not corrected, which two schemes have.
		schemes := len(others) + len(sampled)
		bad := 2 * (schemes + len(sampled) - 2) * cosines
		require.Equal(t, map[outcome]int{agrees: 2*2*schemes*of - bad - 2*2, refused: bad, steep: 2 * 2}, count)
	}
	t.Log(count)
}

// An outcome is what became of a combination.
type outcome string

const (
	agrees  outcome = "agrees"
	refused outcome = "refused"

	// Of the two scores of a decision z-loss sees which is larger: a step from one to the
	// other, whose gradient no difference at float64 resolves.
	steep outcome = "steep"
)

// thirds are examples of which one has weights that float32 rounds.
func thirds(set *data.Dataset) *data.Examples {
	third := float32(1) / 3
	return &data.Examples{Context: set.Contexts(), Row: testBatch.Rows, Weight: []float32{1, 2, 0.7}, Targets: data.Targets{
		Ptr: []int32{0, 1, 4, 6}, Class: []int32{7, 1, 8, 30, 0, 89}, Weight: []float32{1, third, third, third, .5, .5}}}
}

func wholeModelGradient(t *testing.T, set *data.Dataset, m Model, scheme string, s HeadSetting) outcome {
	return gradientOf(t, set, m, scheme, s, thirds(set))
}

// gradientOf checks the gradient of a whole model of examples x, all statements of it.
func gradientOf(t *testing.T, set *data.Dataset, m Model, scheme string, s HeadSetting, x *data.Examples) outcome {
	b, err := ParseHead(scheme)
	require.NoError(t, err)
	head, err := b.New(s)
	if s.Loss.Spec.Domain == losses.Cosines && s.Score == Dot {
		require.ErrorContains(t, err, "takes cosines: set the score to cosine")
		return refused
	}
	if err != nil {
		require.ErrorContains(t, err, "takes cosines, and a score less log q is not one")
		return refused
	}
	if s.Loss.Spec.Name == "z-loss" && scheme == "tree" {
		return steep
	}
	encoding, classes, err := Tables(m, head, s.Loss, x.Context, set.Classes())
	require.NoError(t, err)
	tables := append(encoding, classes...)
	trained := 0
	for _, table := range tables {
		table.Initialise(7)
		if !table.Frozen {
			trained++
		}
	}
	report, err := CheckGradient(m, head, s.Loss, x, set.Classes(), 4, graph.GradientCheck{Probes: 3})
	require.NoError(t, err)
	require.Len(t, report.Rows, 2*trained+1, "each table that is not frozen at two precisions, and the cost")
	for i, row := range report.Rows {
		switch {
		case i < trained:
			require.False(t, math.IsNaN(row.By(Symbolic)+row.By(Analytic)+row.By(Fused)+row.By(Numerical)), "%v", row)
		case i < 2*trained:
			require.False(t, math.IsNaN(row.By(Symbolic)+row.By(Float32)), "%v", row)
		}
	}
	return agrees
}

// TestOneLeafATable: however often a table is asked for, on either side, it is one
// leaf, and so is what both sides share.
func TestOneLeafATable(t *testing.T) {
	set := featured(t)
	for name, m := range wholes(set) {
		g := NewGraph(graph.NewPlan[float32](), set.Contexts(), 3, set.Classes())
		_, err := Encode(g, m)
		require.NoError(t, err, name)
		n := len(g.Tables())
		_, err = classes(g, m)
		require.NoError(t, err, name)
		if name == "tied" {
			require.Len(t, g.Tables(), 1)
			require.Equal(t, 1, n)
		} else {
			require.Len(t, g.Tables(), 5)
		}
		for _, table := range g.Tables() {
			require.Same(t, g.Contexts.Table(table), g.Classes.Table(table))
		}
		calls := 0
		once := func() (*gorgonia.Node, error) { calls++; return graph.Square(g.Contexts.Table(g.Tables()[0])) }
		x, err := g.Contexts.Once("square", once)
		require.NoError(t, err)
		y, err := g.Classes.Once("square", once)
		require.NoError(t, err)
		require.Same(t, x, y)
		require.Equal(t, 1, calls)
		// The leaves of a field too are made once.
		if name == "tied" {
			p1, i1, _, err := g.Contexts.Bag("history")
			require.NoError(t, err)
			p2, i2, _, err := g.Contexts.Bag("history")
			require.NoError(t, err)
			require.Same(t, p1, p2)
			require.Same(t, i1, i2)
			_, err = g.Contexts.IDs("history")
			require.ErrorContains(t, err, "read it by Bag")
			_, _, _, err = g.Contexts.Bag("user")
			require.ErrorContains(t, err, "read it by IDs")
		}
	}
}

// TestEncodeRefuses: a model that returns no node, or one of another shape, is named.
func TestEncodeRefuses(t *testing.T) {
	set := demo(t)
	m := wrong{tied{(Setting{Set: set, Dim: 4, Init: 1}).NewTable("item", set.Items, 4)}, nil}
	_, err := EncoderBytes(m, set.Contexts(), 3)
	require.ErrorContains(t, err, "models.wrong.Contexts returned no node")
	m.shape = []int{2, 4}
	_, err = NewEncoder(m, set.Contexts(), 3)
	require.ErrorContains(t, err, `leaf "item": 0 elements for shape [90 4]`, "a table that was not made")
	_, err = EncoderBytes(m, set.Contexts(), 3)
	require.ErrorContains(t, err, "models.wrong.Contexts returned (2, 4); want [3,4]")
}

type wrong struct {
	tied
	shape []int
}

func (m wrong) Contexts(in *Inputs) (*gorgonia.Node, error) {
	if m.shape == nil {
		return nil, nil
	}
	return graph.Slice(in.Table(m.item), 0, 0, m.shape[0])
}

// towerAsFree has the classes that a tower computes as weights of their own.
type towerAsFree struct {
	computed
	w *Table
}

func (m towerAsFree) Classes(in *Inputs) (*gorgonia.Node, error) { return in.Table(m.w), nil }

// TestDrawnClasses: the loss over drawn classes whose vectors are computed is that over
// the same vectors as a table, and no vector of another class is computed.
func TestDrawnClasses(t *testing.T) {
	set := featured(t)
	m := wholes(set)["computed"].(computed)
	for _, table := range built(t, m, set) {
		table.Initialise(7)
	}
	w, err := ClassVectors(m, set.Classes())
	require.NoError(t, err)
	free := towerAsFree{m, &Table{Name: "free", Rows: set.Items, Dim: m.Dim(), Data: w}}
	for _, scheme := range []string{"sampled:n=4", "sampled:n=40,per=row", "sampled:n=9,correction=importance", "sampled:n=5,sampler=in-batch", "sampled:n=5,correction=none,hits=drop", "sampled:n=40,hits=seen,per=row"} {
		for _, score := range Scores() {
			s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7}, Score: score, Temperature: 0.7, Bias: true, Loss: softmax}
			cost := func(m Model) float64 {
				head, err := NewHead(scheme, s)
				require.NoError(t, err)
				_, others, err := Tables(m, head, softmax, set.Contexts(), set.Classes())
				require.NoError(t, err)
				for _, table := range others {
					if table.Data == nil { // the bias
						table.Initialise(1)
						for i := range table.Data {
							table.Data[i] = float32(i%7) / 10
						}
					}
				}
				b := graph.NewBuilder[float64]()
				g := NewCheck(b, set.Contexts(), 4, set.Classes())
				h, err := Encode(g, m)
				require.NoError(t, err)
				attached, err := head.Attach(g, m, h, softmax, 8)
				require.NoError(t, err)
				c, err := graph.MeanRows(attached.Loss(), attached.Targets())
				require.NoError(t, err)
				require.NoError(t, g.Contexts.Fill(testBatch.Rows))
				require.NoError(t, attached.Set(3, testBatch))
				p, err := b.Train(c)
				require.NoError(t, err)
				defer p.Close()
				for range 2 { // a second run draws the same
					require.NoError(t, p.Run())
				}
				if computed, ok := attached.(*attachedSampled[float64]); ok && computed.w == nil {
					require.NotEmpty(t, computed.unique)
					require.LessOrEqual(t, len(computed.unique), 6+len(computed.draws.IDs))
				}
				return p.Cost()
			}
			require.InDelta(t, cost(free), cost(m), 1e-6, "%s %s", scheme, score) // the table is float32
		}
	}
}

// scaled trains one number: user and class vectors of width 1 stay as they are drawn.
type scaled struct{ user, item, by *Table }

func (m scaled) Dim() int { return 1 }

func (m scaled) Contexts(in *Inputs) (*gorgonia.Node, error) {
	ids, err := in.IDs("user")
	var e graph.Expr
	return e.N(graph.MatMul(e.N(graph.Lookup(in.Table(m.user), ids)), in.Table(m.by), false, false)), joinErr(err, e.Err)
}

func (m scaled) Classes(in *Inputs) (*gorgonia.Node, error) { return in.Table(m.item), nil }

// TestCheckGradientWeights: the gradient that is checked is that of the weighted mean.
// A row of weight 2 beside one of weight 1 counts as a row that comes twice.
func TestCheckGradientWeights(t *testing.T) {
	set := featured(t)
	s := HeadSetting{Setting: Setting{Set: set, Dim: 1, Init: 0.6, Seed: 7}, Score: Dot, Temperature: 0.7, Loss: softmax}
	m := scaled{s.NewTable("user", set.Users, 1), s.NewTable("item", set.Items, 1), s.NewTable("by", 1, 1)}
	m.user.Frozen, m.item.Frozen = true, true
	head, err := NewHead("all", s)
	require.NoError(t, err)
	built(t, m, set)
	twice := &data.Examples{Context: set.Contexts(), Row: []int32{3, 3, 17}, Targets: data.Targets{Class: []int32{5, 5, 8}}}
	weighted := &data.Examples{Context: set.Contexts(), Row: []int32{3, 17}, Targets: data.Targets{Class: []int32{5, 8}}, Weight: []float32{2, 1}}
	check := func(x *data.Examples) float64 {
		report, err := CheckGradient(m, head, softmax, x, set.Classes(), 9, graph.GradientCheck{})
		require.NoError(t, err)
		require.Len(t, report.Rows, 3)            // the table at two precisions, and the cost
		return math.Abs(report.Rows[0].By(Fused)) // along the entry or against it
	}
	want := check(twice)
	require.InDelta(t, want, check(weighted), 1e-12)
	plain := *weighted
	plain.Weight = nil
	require.Greater(t, math.Abs(want-check(&plain)), 1e-4)

	// And what an objective cannot take is refused.
	b := graph.NewBuilder[float64]()
	o, err := NewObjective(b, NewCheck(b, set.Contexts(), 3, set.Classes()), m, head, softmax, 3, true)
	require.NoError(t, err)
	batch, err := twice.First(3)
	require.NoError(t, err)
	require.ErrorContains(t, o.Set(0, batch), "a batch of 3 rows and 0 weights for an objective with weights: true")
	batch, err = weighted.First(3)
	require.NoError(t, err)
	require.NoError(t, o.Set(0, batch))
	short := *batch
	short.Weight = short.Weight[:1]
	require.ErrorContains(t, o.Set(0, &short), "a batch of 2 rows and 1 weights")
}

// TestTiedStepIsSparse: a step of a tied model under sparsemax over all classes moves the
// rows of its history, its targets and the support, and no others; under softmax it moves
// all, and so do cosines, whose vectors of norm 1 are computed from the whole table.
func TestTiedStepIsSparse(t *testing.T) {
	set := featured(t)
	for _, c := range []struct {
		loss   string
		score  Score
		sparse bool
	}{{"sparsemax", Dot, true}, {"softmax", Dot, false}, {"sparsemax", Cosine, false}} {
		l, err := losses.Parse(c.loss)
		require.NoError(t, err)
		s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 3, Seed: 7}, Score: c.score, Temperature: 0.2, Bias: true, Loss: l}
		m := tied{s.NewTable("item", set.Items, s.Dim)}
		head, err := NewHead("all", s)
		require.NoError(t, err)
		_, classSide, err := Tables(m, head, l, set.Contexts(), set.Classes())
		require.NoError(t, err)
		for _, table := range append(classSide, m.item) {
			table.Initialise(7)
		}
		b := graph.NewBuilder[float32]()
		g := NewGraph(b, set.Contexts(), 3, set.Classes())
		o, err := NewObjective(b, g, m, head, l, 8, false)
		require.NoError(t, err)
		p, err := b.Train(o.Cost())
		require.NoError(t, err)
		require.NoError(t, o.Set(0, testBatch))
		require.NoError(t, p.Run())
		rows := p.GradRows(g.Node(m.item))
		require.Equal(t, c.sparse, rows != nil, "%s, %s", c.loss, c.score)
		if c.sparse {
			require.Less(t, len(rows), set.Items/2)
			for _, y := range testBatch.Targets.Class {
				require.Contains(t, rows, y)
			}
			history, err := set.Contexts().Field("history")
			require.NoError(t, err)
			for _, r := range testBatch.Rows {
				ids, _ := history.Row(int(r))
				for _, id := range ids {
					require.Contains(t, rows, id)
				}
			}
			before := append([]float32{}, m.item.Data...)
			require.NoError(t, g.Step(p, func(*Table) graph.Updater[float32] { return descend{} }))
			moved := 0
			for i := range m.item.Rows {
				if !slices.Equal(before[i*s.Dim:(i+1)*s.Dim], m.item.Row(int32(i))) {
					require.Contains(t, rows, int32(i))
					moved++
				}
			}
			require.Positive(t, moved)
			t.Logf("%d of %d rows have a gradient, %d moved", len(rows), set.Items, moved)
		}
		require.NoError(t, p.Close())
	}
}

// descend subtracts the gradient, row by row.
type descend struct{}

func (descend) Update(t *Table, g graph.Gradient[float32]) error {
	if g.Rows == nil {
		for j, v := range g.Data {
			t.Data[j] -= v
		}
	}
	for i, id := range g.Rows {
		for j, v := range g.Data[i*t.Dim : (i+1)*t.Dim] {
			t.Row(id)[j] -= v
		}
	}
	return nil
}
