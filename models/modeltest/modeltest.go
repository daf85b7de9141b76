package modeltest

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// Check checks the kind of model at each of its probed settings, over the rows of set, and
// returns every fault that it finds, joined, each named by setting and check; nil is a
// kind that passes. A panic of the model is a fault. set has the fields that the model
// reads and at least eight users; nil is a generated one of 60 users and 90 items, with
// histories and with features of both sides: names, lists, numbers and several numbers,
// of some rows none, and of users weights of any sign.
//
//   - New makes a model whose methods are as Factored declares, and a factored one scores
//     by the product of its two tables;
//   - tables have names of their own and are one leaf each, and nothing writes to them;
//   - encodings are [rows,Dim] and finite, differ between rows, and each depends on its own
//     row alone: the same bits beside any rows and from several goroutines, and the same
//     numbers up to rounding in batches of any size;
//   - class vectors are [classes,Dim] and finite, and there are such of classes that are
//     drawn in a run;
//   - the symbolic gradient by every table is the central difference, in float64: of a
//     weighing of both sides, and of softmax over all classes and over drawn ones;
//   - where the set has histories, as the generated one does, and the model reads them: in
//     one pass over a history each position is encoded as the history up to it alone is,
//     whatever follows, and the gradient of such a pass is right too. A model that declares
//     Ordered encodes another order otherwise, and one that does not is not moved by it.
func Check(spec *models.Spec, set *data.Dataset) error {
	set, err := orGenerated(set)
	if err != nil {
		return err
	}
	return check.Suite(func(t *check.T) {
		for _, k := range spec.Probes() {
			t.Run(k.String(), func(t *check.T) {
				setting := models.Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}
				m, err := k.New(setting)
				t.NoError(err, "New")
				want := 5
				if spec.Width != nil {
					want = spec.Width(k.Values, setting)
				}
				t.True(m.Dim() == want, "a model of width %d has Dim() %d", want, m.Dim())
				run(t, m, set, spec.Ordered)
			})
		}
	})
}

// CheckModel is Check of one model, which need not be registered, over the rows of the set
// that it was made for. It fills the tables that the model reads.
func CheckModel(m models.Model, set *data.Dataset) error {
	set, err := orGenerated(set)
	if err != nil {
		return err
	}
	return check.Suite(func(t *check.T) {
		g := models.NewGraph(graph.NewPlan[float32](), set.Contexts(), 2, nil)
		_, err := models.Encode(g, m)
		run(t, m, set, err != nil && set.Histories != nil)
	})
}

func orGenerated(set *data.Dataset) (*data.Dataset, error) {
	if set == nil {
		set, err := data.Load(data.Config{Source: "demo:users=60,items=90,per-user=8"})
		if err != nil {
			return nil, err
		}
		set = withFeatures(set)
		set.UserFields = append(set.UserFields, weighted(set.Users))
		return withHistories(set)
	}
	if err := set.Validate(); err != nil {
		return nil, err
	}
	if set.Users < 8 {
		return nil, fmt.Errorf("modeltest: a set of %d users, want at least 8", set.Users)
	}
	return set, nil
}

// weighted returns a field of rows that have none to four of 17 ids, with values.
func weighted(rows int) data.Field {
	f := data.Field{Name: "features", Size: 17, ID: []int32{}, Value: []float32{}}
	for u := range rows {
		f.Lo = append(f.Lo, len(f.ID))
		for k := range u % 5 {
			f.ID, f.Value = append(f.ID, int32((u+4*k)%17)), append(f.Value, float32(k+1)/float32(2+u%3))
		}
		f.Hi = append(f.Hi, len(f.ID))
	}
	return f
}

// withHistories returns set as if its train pairs had come in another order than that of
// ids, and every third one twice.
func withHistories(set *data.Dataset) (*data.Dataset, error) {
	var ptr, item, mark = []int{0}, []int32{}, []uint8{}
	for u := range set.Users {
		own := slices.Clone(set.Train.ItemsOf(u))
		slices.Reverse(own)
		for k, i := range own {
			if item = append(item, i); k%3 == 2 {
				item = append(item, own[k/2])
			}
		}
		mark = append(mark, make([]uint8, len(item)-len(mark))...)
		ptr = append(ptr, len(item))
	}
	with := *set
	var err error
	with.Histories, err = data.HistoriesFrom(set.Users, set.Items, ptr, item, mark)
	return &with, err
}

// A rig is one model under test.
type rig struct {
	models.Model
	set      *data.Dataset
	ordered  bool
	contexts *data.Frame // a row for each user
	task     string      // whose contexts those are
}

func run(t *check.T, m models.Model, set *data.Dataset, ordered bool) {
	r := &rig{Model: m, set: set, ordered: ordered, contexts: set.Contexts(), task: "user"}
	if ordered {
		t.True(set.Histories != nil, "the model reads histories in order, and the set has none: give one with times")
		r.task = "last:len=6"
		task, err := data.ParseTask(r.task)
		t.NoError(err, "the task")
		r.contexts, err = task.Contexts(set, 1)
		t.NoError(err, "the contexts")
	}
	// What follows reads the tables, so it has no sense without them.
	if !t.Run("tables", r.tables) {
		return
	}
	t.Run("encodings", r.encodings)
	t.Run("classes", r.classes)
	t.Run("factored", r.factored)
	t.Run("gradient", r.gradient)
	for _, scheme := range []string{"all", "sampled:n=4"} {
		t.Run("gradient@"+scheme, func(t *check.T) { r.trained(t, scheme, r.task) })
	}
	if set.Histories != nil && r.readsHistories(t) {
		t.Run("positions", r.positions)
		t.Run("order", r.order)
		t.Run("gradient of positions", func(t *check.T) { r.trained(t, "all", "next:len=6,stride=4") })
	}
}

// both returns the encodings and the class vectors of g.
func (r *rig) both(t *check.T, g *models.Graph) (h, w *gorgonia.Node) {
	h, err := models.Encode(g, r.Model)
	t.NoError(err, "Contexts")
	w, err = r.Classes(g.Classes)
	t.NoError(err, "Classes")
	t.True(w != nil, "Classes returned no node and no error")
	t.True(w.Shape().Eq([]int{r.set.Items, r.Dim()}), "Classes returned %v; want [%d,%d]", w.Shape(), r.set.Items, r.Dim())
	return h, w
}

// tables makes the tables that the model reads, as training does, and holds that each is
// one leaf with a name of its own.
func (r *rig) tables(t *check.T) {
	plan := models.NewGraph(graph.NewPlan[float32](), r.contexts, 2, r.set.Classes())
	r.both(t, plan)
	t.True(len(plan.Tables()) > 0, "the model reads no table: there is nothing to train")
	for _, table := range plan.Tables() {
		table.Initialise(7)
		t.True(len(table.Data) > 0 && len(table.Data) == table.Rows*table.Dim, "table %q has %d numbers, want %d×%d", table.Name, len(table.Data), table.Rows, table.Dim)
	}
	b := graph.NewBuilder[float32]()
	g := models.NewGraph(b, r.contexts, 2, r.set.Classes())
	h, w := r.both(t, g)
	t.Equal(plan.Tables(), g.Tables(), "the tables that another graph reads")
	of := map[*float32]int{} // leaves by the memory that they hold
	for _, n := range slices.Concat(h.Graph().AllNodes(), w.Graph().AllNodes()) {
		if x, ok := dataOf(n); ok {
			of[&x[0]]++
		}
	}
	graphs := 1
	if h.Graph() == w.Graph() {
		graphs = 2 // its nodes were counted twice
	}
	for _, table := range g.Tables() {
		t.True(of[&table.Data[0]] == graphs, "table %q is %d leaves of the graph, want one by Inputs.Table", table.Name, of[&table.Data[0]]/graphs)
	}
}

// dataOf returns the numbers of a leaf.
func dataOf(n *gorgonia.Node) ([]float32, bool) {
	if n.Op() != nil || n.Value() == nil {
		return nil, false
	}
	x, ok := n.Value().Data().([]float32)
	return x, ok && len(x) > 0
}

// tableData returns copies of what the tables hold.
func (r *rig) tableData(t *check.T) (all [][]float32) {
	g := models.NewGraph(graph.NewPlan[float32](), r.contexts, 2, r.set.Classes())
	r.both(t, g)
	for _, table := range g.Tables() {
		all = append(all, slices.Clone(table.Data))
	}
	return all
}

// encode returns the encodings of rows of the contexts, in batches of size rows.
func (r *rig) encode(size int, rows []int32) ([]float32, error) {
	e, err := models.NewEncoder(r.Model, r.contexts, size)
	if err != nil {
		return nil, err
	}
	h := make([]float32, len(rows)*r.Dim())
	if err := e.Encode(h, rows); err != nil {
		return nil, err
	}
	return h, e.Close()
}

// encodings holds that an encoding depends on its own row alone.
func (r *rig) encodings(t *check.T) {
	before := r.tableData(t)
	last := int32(r.set.Users - 1)
	rows := []int32{3, 0, last, 3, 5, 1, 6}
	all, err := r.encode(len(rows), rows)
	t.NoError(err, "encoding a batch")
	d := r.Dim()
	differ := false
	for i, v := range all {
		t.True(check.Finite(float64(v)), "row %d: entry %d of the encoding is %g", rows[i/d], i%d, v)
		differ = differ || v != all[i%d]
	}
	t.True(differ, "the encodings of the rows %v are one", rows)
	for i, row := range rows {
		h, err := r.encode(len(rows), []int32{row})
		t.NoError(err, "encoding one row")
		t.Equal(all[i*d:(i+1)*d], h, "the encoding of row %d beside padding, which is another than among other rows", row)
	}
	// Products of matrices of other sizes may add in another order.
	size := 0.0
	for _, v := range all {
		size = max(size, math.Abs(float64(v)))
	}
	for n, what := range map[int]string{1: "alone", 3: "in batches with a short last one", 64: "in a batch that is not full"} {
		h, err := r.encode(n, rows)
		t.NoError(err, "encoding "+what)
		for i, v := range h {
			t.True(check.Near(float64(v), float64(all[i]), 0, 1e-5*size), "row %d: entry %d of the encoding is %g %s, %g in one batch", rows[i/d], i%d, v, what, all[i])
		}
	}
	var wg sync.WaitGroup
	var together [3][]float32
	var faults [3]error
	for i := range together {
		wg.Go(func() { together[i], faults[i] = r.encode(len(rows), rows) })
	}
	wg.Wait()
	for i := range together {
		t.NoError(faults[i], "encoding beside other goroutines")
		t.Equal(all, together[i], "encodings beside other goroutines")
	}
	t.Equal(before, r.tableData(t), "what the tables hold after rows were encoded")
}

// classes holds the vectors of all classes.
func (r *rig) classes(t *check.T) {
	before := r.tableData(t)
	w, err := models.ClassVectors(r.Model, r.set.Classes())
	t.NoError(err, "the class vectors")
	t.True(len(w) == r.set.Items*r.Dim(), "the class vectors have %d numbers, want %d×%d", len(w), r.set.Items, r.Dim())
	differ := false
	for i, v := range w {
		t.True(check.Finite(float64(v)), "class %d: entry %d of the vector is %g", i/r.Dim(), i%r.Dim(), v)
		differ = differ || v != w[i%r.Dim()]
	}
	t.True(differ, "the vectors of all classes are one")
	again, err := models.ClassVectors(r.Model, r.set.Classes())
	t.NoError(err, "the class vectors")
	t.Equal(w, again, "the class vectors of another graph")
	t.Equal(before, r.tableData(t), "what the tables hold after classes were encoded")
}

// factored holds that a factored model's two tables are its two sides.
func (r *rig) factored(t *check.T) {
	m, ok := r.Model.(models.Factored)
	if !ok {
		return
	}
	users, classes := m.Factors()
	t.True(users != nil && classes != nil, "Factors returned a nil table")
	w, err := models.ClassVectors(r.Model, r.set.Classes())
	t.NoError(err, "the class vectors")
	t.Equal(classes.Data, w, "the class vectors, beside the table of Factors")
	user, err := r.contexts.Field("user")
	t.NoError(err, "a factored model is of users")
	for row := range int32(5) {
		h, err := r.encode(1, []int32{row})
		t.NoError(err, "encoding one row")
		t.Equal(users.Row(user.One(int(row))), h, "the encoding of user %d, beside the table of Factors", row)
	}
}

// gradient holds the symbolic gradient of Σ c∘h + Σ c'∘w by every table against central
// differences, in float64 and with a row of padding.
func (r *rig) gradient(t *check.T) {
	b := graph.NewBuilder[float64]()
	g := models.NewCheck(b, r.contexts, 5, r.set.Classes())
	h, w := r.both(t, g)
	var e graph.Expr
	weigh := func(x *gorgonia.Node, name string) *gorgonia.Node {
		c, cd := b.Input(name, x.Shape()...)
		for i := range cd {
			cd[i] = math.Sin(float64(i + 1))
		}
		return e.N(graph.Sum(e.N(graph.Mul(x, c))))
	}
	cost := e.N(graph.Add(weigh(h, "modeltest.h"), weigh(w, "modeltest.w")))
	t.NoError(e.Err, "weighing both sides")
	p, err := b.Train(cost)
	t.NoError(err, "the program that trains")
	defer p.Close()
	t.NoError(g.Contexts.Fill([]int32{3, 0, int32(r.set.Users - 1), 5}), "filling a batch")
	report, err := graph.CheckGradient(p, graph.GradientCheck{})
	t.NoError(err, "the gradient")
	trained := 0
	for _, table := range g.Tables() {
		if !table.Frozen {
			trained++
		}
	}
	t.True(len(report.Rows) == trained, "%d tables of %d that are not frozen have a gradient", len(report.Rows), trained)
}

// trained holds the gradient of the mean softmax loss under a head, of the examples of a
// task.
func (r *rig) trained(t *check.T, scheme, task string) {
	softmax, err := losses.Parse("softmax")
	t.NoError(err, "softmax")
	head, err := models.NewHead(scheme, models.HeadSetting{
		Setting: models.Setting{Set: r.set, Dim: r.Dim(), Init: 0.5, Seed: 7}, Score: models.Dot, Temperature: 1, Loss: softmax})
	t.NoError(err, "the head")
	examples, err := r.set.Examples(task)
	t.NoError(err, "the examples")
	_, classSide, err := models.Tables(r.Model, head, softmax, examples.Context, r.set.Classes())
	t.NoError(err, "the training graph")
	for _, table := range classSide {
		if table.Data == nil { // the head's own
			table.Initialise(7)
		}
	}
	_, err = models.CheckGradient(r.Model, head, softmax, examples, r.set.Classes(), 4, graph.GradientCheck{Probes: 4})
	t.NoError(err, "the gradient")
}
