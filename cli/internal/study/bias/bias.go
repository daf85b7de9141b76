package bias

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/sampler"
	"github.com/fenchel-ml/fenchel/train"
)

// A Problem is a set of queries to the class side of a model, with scores
// s_j = ⟨h, w_j⟩ + b_j: norms and the temperature are in h and w already.
type Problem struct {
	C, D   int
	W      []float64   // [C,D]
	Bias   []float64   // [C] or nil
	H      [][]float64 // encodings
	Y      []int       // a positive of each
	Counts []float64   // [C] how often a class is a positive in training; nil where unknown
}

func (p *Problem) row(j int) []float64 { return p.W[j*p.D : (j+1)*p.D] }

// minus stores w_j − mu in dst.
func (p *Problem) minus(dst []float64, j int, mu []float64) {
	for i, v := range p.row(j) {
		dst[i] = v - mu[i]
	}
}

// scores stores the scores of encoding h in s [C].
func (p *Problem) scores(s, h []float64) {
	for j := range s {
		s[j] = dot(h, p.row(j))
		if p.Bias != nil {
			s[j] += p.Bias[j]
		}
	}
}

// FromTrained takes queries users of a model at random, with a random item of
// each in the train set. The head must score classes by vectors of their own:
// all, or sampled.
func FromTrained(t *train.Trained, set *data.Dataset, queries int, seed uint64) (*Problem, error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	class, err := t.ClassScores()
	if err != nil {
		return nil, fmt.Errorf("bias: %w", err)
	}
	var users []int32
	for u := range set.Users {
		if len(set.Train.ItemsOf(u)) > 0 {
			users = append(users, int32(u))
		}
	}
	if queries < 1 || queries > len(users) {
		return nil, fmt.Errorf("bias: %d queries of %d users who have items", queries, len(users))
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	rng.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
	users = users[:queries]
	d := class.Dim
	h, err := t.Encode(users)
	if err != nil {
		return nil, err
	}
	p := &Problem{C: set.Items, D: d, W: wide(class.W), Counts: make([]float64, set.Items)}
	for i, n := range set.Train.ItemCounts() {
		p.Counts[i] = float64(n)
	}
	if class.Bias != nil {
		p.Bias = wide(class.Bias)
	}
	x := wide(h)
	if class.Cosine {
		normalize(p.W, d) // at float64
		normalize(x, d)
	}
	for i, u := range users {
		row := x[i*d : (i+1)*d]
		for k := range row {
			row[k] /= class.Temperature
		}
		items := set.Train.ItemsOf(int(u))
		p.H, p.Y = append(p.H, row), append(p.Y, int(items[rng.IntN(len(items))]))
	}
	return p, nil
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

func normalize(x []float64, d int) {
	for ; len(x) > 0; x = x[d:] {
		n := max(math.Sqrt(dot(x[:d], x[:d])), 1e-12)
		for i := range x[:d] {
			x[i] /= n
		}
	}
}

// An Estimator is a loss over candidates: what stands in for the full loss.
type Estimator struct {
	Text string
	Loss losses.Loss

	// Of a sampled one; Sampler.Spec is nil of a loss over all classes.
	Sampler    sampler.Choice
	correction graph.Correction
	drop       bool
	draws      int

	choice models.Choice
}

// at returns the estimator of k draws: its loss may depend on them.
func (e *Estimator) at(classes, k int) (*Estimator, error) {
	if e.choice.Recipe == nil || !e.Sampled() {
		return e, nil
	}
	at := *e
	var err error
	at.Loss, err = e.choice.LossOf(classes, k)
	return &at, err
}

// Parse returns the estimator that text denotes among classes classes: a loss, a
// recipe, or either with candidates of its own, as in
// "sparsemax@sampled:n=16,correction=none".
func Parse(text string, classes int) (*Estimator, error) {
	r, err := models.Resolve(text, "", classes)
	if err != nil {
		return nil, err
	}
	e := &Estimator{Text: text, Loss: r.Loss, choice: r}
	head := r.Head
	if head.Spec.Name == "all" {
		return e, nil
	}
	if head.Spec.Name != "sampled" {
		return nil, fmt.Errorf("bias: %s: candidates %s are another model, not an estimate of the full loss; the choices are all and sampled", text, head.Spec.Name)
	}
	v := head.Values
	if e.Sampler, err = sampler.Parse(v.String("sampler")); err != nil {
		return nil, err
	}
	if e.Sampler.Spec.Props.Has(sampler.InBatch) {
		return nil, fmt.Errorf("bias: %s: sampler %s draws from batches, and a query is alone", text, e.Sampler.Spec.Name)
	}
	e.Sampler.Values, e.draws, e.drop = v, v.Int("n"), v.String("hits") == "drop"
	switch v.String("correction") {
	case "logq":
		e.correction = graph.CorrectLogQ
	case "importance":
		e.correction, e.drop = graph.CorrectImportance, true
	}
	return e, nil
}

// Sampled reports whether the estimator draws candidates.
func (e *Estimator) Sampled() bool { return e.Sampler.Spec != nil }

// Options say how Measure looks. The zero value of a field is its default.
type Options struct {
	Draws   int    // k of sampled estimators; default each one's own n
	Repeats int    // Monte Carlo repetitions of a query, a multiple of 10; default 1000
	Seed    uint64 // of the draws

	// Raw leaves the scores of a corrected nce as they are. Default: they are shifted
	// to log Σ e^s = log Z₀, which softmax does not see and without which noise-contrastive
	// estimation is biased by as much as the scores are off their normalisation.
	Raw bool

	Reference string // loss over all classes whose gradient is the truth; default softmax

	// Enumerate is the largest number of tuples of draws for which the moments are
	// exact sums over all of them; default 20000. It needs a static sampler.
	Enumerate int
}

// A Result is one estimator's medians over the queries. Squares are relative to
// ‖g‖². What has no formula is NaN.
type Result struct {
	Estimator string  `json:"estimator"`
	Draws     int     `json:"draws"` // 0 of a loss over all classes
	Bias      float64 `json:"bias2"`
	BiasErr   float64 `json:"bias2_error"` // one standard error of Monte Carlo; 0 where exact
	Var       float64 `json:"variance"`
	VarErr    float64 `json:"variance_error"`
	Cos       float64 `json:"cosine"` // of E ĝ and g

	Theory, TheoryVar   float64 `json:"-"` // predicted bias² and variance
	BiasRatio, VarRatio float64 `json:"-"` // medians of measured over predicted
	Exact               bool    `json:"exact"`
}

// blocks is how many blocks of repetitions the error is estimated from.
const blocks = 10

// The bounds of Options. Candidates take as many draws as MaxDraws, and more repetitions
// than MaxRepeats measure less than float64's digits.
const (
	MaxDraws   = 1 << 20
	MaxRepeats = 1_000_000_000
)

// Measure returns the bias and variance of an estimator's gradient.
func Measure(ctx context.Context, p *Problem, e *Estimator, o Options) (*Result, error) {
	if o.Repeats == 0 {
		o.Repeats = 1000
	}
	if o.Enumerate == 0 {
		o.Enumerate = 20000
	}
	if o.Reference == "" {
		o.Reference = "softmax"
	}
	k := o.Draws
	if k == 0 {
		k = e.draws
	}
	if o.Repeats < 2*blocks || o.Repeats > MaxRepeats || o.Repeats%blocks != 0 {
		return nil, fmt.Errorf("bias: %d repetitions are not a multiple of %d, at least %d and at most %d", o.Repeats, blocks, 2*blocks, MaxRepeats)
	}
	if k < 0 || k > MaxDraws {
		return nil, fmt.Errorf("bias: %d draws are outside [1, %d]", k, MaxDraws)
	}
	if len(p.H) == 0 {
		return nil, errors.New("bias: no queries")
	}
	reference, err := losses.Parse(o.Reference)
	if err != nil {
		return nil, err
	}
	res := &Result{Estimator: e.Text, Exact: true}
	var m measurer
	if e.Sampled() {
		if k < 1 {
			return nil, fmt.Errorf("bias: %d draws", k)
		}
		res.Draws = k
		if e, err = e.at(p.C, k); err != nil {
			return nil, err
		}
		if m, err = newMeasurer(p, e, k, o); err != nil {
			return nil, err
		}
		defer m.close()
		res.Exact = m.weight != nil
	}
	var bias, biasErr, vari, variErr, cos, theory, theoryVar, biasRatio, varRatio []float64
	s := make([]float64, p.C)
	for i, h := range p.H {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		y := p.Y[i]
		p.scores(s, h)
		g := p.fullGradient(reference, s, y)
		if e.Loss.Spec.Name == "nce" && e.correction == graph.CorrectLogQ && !o.Raw {
			shift(s, e.Loss.Values.Num("log-z")-logSumExp(s))
		}
		size := dot(g, g)
		if !(size > 0) {
			return nil, fmt.Errorf("bias: query %d: the gradient of %s is %g: nothing to compare with", i, reference, math.Sqrt(size))
		}
		var q query
		if e.Sampled() {
			if q, err = m.query(i, s, h, y, g); err != nil {
				return nil, err
			}
		} else {
			mean := p.fullGradient(e.Loss, s, y)
			q = query{mean: mean, bias: square(mean, g)}
		}
		bias, biasErr = append(bias, q.bias/size), append(biasErr, q.biasErr/size)
		vari, variErr = append(vari, q.vari/size), append(variErr, q.variErr/size)
		cos = append(cos, dot(q.mean, g)/math.Sqrt(size*dot(q.mean, q.mean)))
		if e.Sampled() && m.q != nil {
			if t, ok := e.theory(p, s, h, m.q, y, k); ok {
				b := square(t.mean, g)
				theory, theoryVar = append(theory, b/size), append(theoryVar, t.trace/size)
				if b > 1e-12*size { // else none, but for rounding
					biasRatio = append(biasRatio, q.bias/b)
				}
				varRatio = append(varRatio, q.vari/t.trace)
			}
		}
	}
	// A median of n values with independent errors σ has the error √(π/2)·σ/√n.
	spread := func(errs []float64) float64 {
		return math.Sqrt(math.Pi/2) * median(errs) / math.Sqrt(float64(len(errs)))
	}
	res.Bias, res.BiasErr, res.Var, res.VarErr, res.Cos = median(bias), spread(biasErr), median(vari), spread(variErr), median(cos)
	res.Theory, res.TheoryVar, res.BiasRatio, res.VarRatio = median(theory), median(theoryVar), median(biasRatio), median(varRatio)
	return res, nil
}

func shift(s []float64, c float64) {
	for j := range s {
		s[j] += c
	}
}

func logSumExp(s []float64) float64 {
	top, sum := slices.Max(s), 0.0
	for _, x := range s {
		sum += math.Exp(x - top)
	}
	return top + math.Log(sum)
}

// median returns the median of x, NaN of none.
func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// square returns ‖a − b‖².
func square(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += (v - b[i]) * (v - b[i])
	}
	return sum
}

// fullGradient returns the gradient by h of a loss over all classes.
func (p *Problem) fullGradient(l losses.Loss, s []float64, y int) []float64 {
	dz := make([]float64, p.C)
	l.Analytic.F64.Eval(dz, s, losses.Target[float64]{Pos: []int32{int32(y)}, Weight: []float64{1}}, make([]float64, l.Analytic.F64.WorkLen(p.C)))
	g := make([]float64, p.D)
	for j, v := range dz {
		if v != 0 {
			axpy(g, v, p.row(j))
		}
	}
	return g
}

// A query is what was measured of one.
type query struct {
	mean          []float64
	bias, biasErr float64
	vari, variErr float64
}

// A measurer runs one estimator with k draws: a compiled graph of as many rows as
// there are repetitions, or tuples where they are enumerated.
type measurer struct {
	p    *Problem
	e    *Estimator
	k    int
	rows int
	s    *sampler.Sampler
	seed uint64
	w32  []float32

	weight []float64 // of each tuple, where the moments are exact
	tuples [][]int32
	q      []float64 // [C] proposal of the query at hand; nil where log q is no exact law

	program          *graph.Program[float64]
	pos, neg         *gorgonia.Node
	posData, negData []float64
	ids, label       []int32
	logQ, posLogQ    []float64
	draws            *sampler.Draws
	independent      bool // all repetitions are draws of one row
	batch            sampler.Batch
}

func newMeasurer(p *Problem, e *Estimator, k int, o Options) (m measurer, err error) {
	m = measurer{p: p, e: e, k: k, rows: o.Repeats, seed: o.Seed, w32: narrow(p.W)}
	props := e.Sampler.Spec.Props
	if m.s, err = e.Sampler.New(sampler.Config{C: p.C, D: p.D, Counts: p.Counts, Seed: o.Seed}); err != nil {
		return m, err
	}
	if _, err := m.s.Refresh(0, m.w32); err != nil {
		return m, err
	}
	if props.Has(sampler.Exact) {
		m.q = make([]float64, p.C)
	}
	if n := math.Pow(float64(p.C), float64(k)); n <= float64(o.Enumerate) && props.Has(sampler.Exact) && !props.Has(sampler.Adaptive) && !props.Has(sampler.Distinct) {
		m.rows = int(n)
		m.weight = make([]float64, m.rows)
		for r := range m.rows {
			tuple := make([]int32, k)
			for j, rest := 0, r; j < k; j, rest = j+1, rest/p.C {
				tuple[j] = int32(rest % p.C)
			}
			m.tuples = append(m.tuples, tuple)
		}
	} else {
		m.independent = props.Has(sampler.Exact) && !props.Has(sampler.Distinct)
		rows, draws := m.rows, k
		if m.independent {
			rows, draws = 1, m.rows*k
		}
		if m.draws, err = m.s.NewDraws(rows, draws, false); err != nil {
			return m, err
		}
		m.batch = sampler.Batch{Seed: o.Seed, H: make([]float32, rows*p.D), W: m.w32, Pos: make([]int32, rows)}
	}
	b := graph.NewBuilder[float64]()
	m.posData, m.negData = make([]float64, m.rows), make([]float64, m.rows*k)
	in := graph.Sampled{Correction: e.correction, DropHits: e.drop, Classes: p.C, Unit: e.Loss.Unit()}
	in.Pos, in.Neg = b.Param("pos", m.posData, m.rows), b.Param("neg", m.negData, m.rows, k)
	in.IDs, m.ids = b.IndexMatrix("ids", m.rows, k)
	in.LogQ, m.logQ = b.Input("logq", m.rows, k)
	in.PosLogQ, m.posLogQ = b.Input("poslogq", m.rows)
	var label *gorgonia.Node
	label, m.label = b.Indices("label", m.rows)
	t, err := graph.LabelTargets(label)
	if err != nil {
		return m, err
	}
	var x graph.Expr
	cost := x.N(graph.Sum(x.N(graph.SampledLoss(e.Loss.Analytic, in, t))))
	if x.Err != nil {
		return m, x.Err
	}
	m.pos, m.neg = in.Pos, in.Neg
	m.program, err = b.Train(cost)
	return m, err
}

func (m *measurer) close() {
	if m.program != nil {
		m.program.Close()
	}
}

// query measures query number i.
func (m *measurer) query(i int, s, h []float64, y int, g []float64) (query, error) {
	p, k := m.p, m.k
	if m.q != nil {
		if err := m.s.LogQ(m.q, narrow(h), m.w32); err != nil {
			return query{}, err
		}
		for j := range m.q {
			m.q[j] = math.Exp(m.q[j])
		}
	}
	if m.weight != nil {
		for r, tuple := range m.tuples {
			m.weight[r] = 1
			for j, id := range tuple {
				m.weight[r] *= m.q[id]
				m.ids[r*k+j], m.logQ[r*k+j] = id, math.Log(m.q[id])
			}
			m.posLogQ[r] = math.Log(m.q[y])
		}
	} else if err := m.draw(i, h, y); err != nil {
		return query{}, err
	}
	for r := range m.rows {
		m.posData[r], m.label[r] = s[y], int32(y)
	}
	for j, id := range m.ids {
		m.negData[j] = s[id]
	}
	if err := m.program.Run(); err != nil {
		return query{}, err
	}
	dpos, dneg := m.program.Grad(m.pos).Data, m.program.Grad(m.neg).Data
	grads := make([]float64, m.rows*p.D)
	for r := range m.rows {
		row := grads[r*p.D : (r+1)*p.D]
		axpy(row, dpos[r], p.row(y))
		for j := range k {
			axpy(row, dneg[r*k+j], p.row(int(m.ids[r*k+j])))
		}
	}
	if m.weight != nil {
		return exact(grads, m.weight, g), nil
	}
	return sampled(grads, g), nil
}

// draw fills ids and log q of the repetitions.
func (m *measurer) draw(i int, h []float64, y int) error {
	b := &m.batch
	b.Step = uint64(i)
	for r := range b.Pos {
		b.Pos[r] = int32(y)
		copy(b.H[r*m.p.D:], narrow(h))
	}
	if err := m.s.Draw(m.draws, b); err != nil {
		return err
	}
	copy(m.ids, m.draws.IDs)
	for j, v := range m.draws.LogQ {
		m.logQ[j] = float64(v)
	}
	for r := range m.posLogQ {
		m.posLogQ[r] = float64(m.draws.PosLogQ[min(r, len(m.draws.PosLogQ)-1)])
	}
	return nil
}

// exact returns the moments of gradients [n,d] with weights that sum to 1.
func exact(grads, weight, g []float64) query {
	d := len(g)
	q := query{mean: make([]float64, d)}
	for r, w := range weight {
		axpy(q.mean, w, grads[r*d:(r+1)*d])
	}
	for r, w := range weight {
		q.vari += w * square(grads[r*d:(r+1)*d], q.mean)
	}
	q.bias = square(q.mean, g)
	return q
}

// sampled estimates the moments from independent gradients [n,d]. The squared
// distance of two blocks' means from g, multiplied crosswise, has the expectation
// bias², where that of the mean of all would add the variance over n. The errors
// are the jackknife's over blocks.
func sampled(grads, g []float64) query {
	d := len(g)
	n := len(grads) / d
	size := n / blocks
	means := make([][]float64, blocks) // of each block, less g
	q := query{mean: make([]float64, d)}
	for b := range means {
		means[b] = make([]float64, d)
		for r := b * size; r < (b+1)*size; r++ {
			axpy(means[b], 1/float64(size), grads[r*d:(r+1)*d])
		}
		axpy(q.mean, 1.0/blocks, means[b])
		axpy(means[b], -1, g)
	}
	var within [blocks]float64 // variance of each block around the mean of all
	for b := range within {
		for r := b * size; r < (b+1)*size; r++ {
			within[b] += square(grads[r*d:(r+1)*d], q.mean) / float64(size)
		}
	}
	cross := func(without int) float64 { // mean of ⟨m_a, m_b⟩ over pairs of different blocks
		sum, squares, count := make([]float64, d), 0.0, 0.0
		for b, m := range means {
			if b != without {
				axpy(sum, 1, m)
				squares += dot(m, m)
				count++
			}
		}
		return (dot(sum, sum) - squares) / (count * (count - 1))
	}
	q.bias = cross(-1)
	var mean, spread, total float64
	var left [blocks]float64
	for b := range left {
		left[b] = cross(b)
		mean += left[b] / blocks
		total += within[b] / blocks
	}
	for _, v := range left {
		spread += (v - mean) * (v - mean)
	}
	q.biasErr = math.Sqrt(spread * (blocks - 1) / blocks)
	q.vari = total * float64(n) / float64(n-1)
	spread = 0
	for _, v := range within {
		spread += (v - total) * (v - total)
	}
	q.variErr = math.Sqrt(spread / (blocks * (blocks - 1)))
	return q
}

// Table lists the estimators of the usual comparison: the corrections of sampled
// softmax with static and adaptive samplers, and the losses that stand in for it.
func Table() []string {
	var texts []string
	for _, c := range []string{"importance", "logq"} {
		for _, s := range []string{"uniform", "popularity,beta=1", "popularity", "midx", "quadratic", "rff", "softmax-exact"} {
			texts = append(texts, "sampled-softmax:correction="+c+",sampler="+s)
		}
	}
	return append(texts,
		"infonce:sampler=uniform", "infonce:sampler=popularity,beta=1", "infonce:sampler=dns",
		"nce:sampler=uniform", "nce:sampler=popularity,beta=1", "bpr:sampler=uniform", "neg:sampler=popularity", "rg2", "rgx")
}
