package bias

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// A query has the moments that were measured at one query.
type query struct {
	mean          []float64
	bias, biasErr float64
	vari, variErr float64
}

// A measurer runs one estimator with k draws, in a compiled graph of as many rows as
// there are repetitions, or tuples of draws where these are enumerated.
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
		floats.AddScaled(row, dpos[r], p.row(y))
		for j := range k {
			floats.AddScaled(row, dneg[r*k+j], p.row(int(m.ids[r*k+j])))
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
		floats.AddScaled(q.mean, w, grads[r*d:(r+1)*d])
	}
	for r, w := range weight {
		q.vari += w * squaredDistance(grads[r*d:(r+1)*d], q.mean)
	}
	q.bias = squaredDistance(q.mean, g)
	return q
}

// sampled estimates the moments from independent gradients [n,d]. The product of two
// blocks' distances from g has the expectation bias², whereas the squared distance of
// the mean of all would add the variance over n. The errors are the jackknife's over
// blocks.
func sampled(grads, g []float64) query {
	d := len(g)
	n := len(grads) / d
	size := n / blocks
	means := make([][]float64, blocks) // of each block, less g
	q := query{mean: make([]float64, d)}
	for b := range means {
		means[b] = make([]float64, d)
		for r := b * size; r < (b+1)*size; r++ {
			floats.AddScaled(means[b], 1/float64(size), grads[r*d:(r+1)*d])
		}
		floats.AddScaled(q.mean, 1.0/blocks, means[b])
		floats.AddScaled(means[b], -1, g)
	}
	within := make([]float64, blocks) // variance of each block around the mean of all
	for b := range within {
		for r := b * size; r < (b+1)*size; r++ {
			within[b] += squaredDistance(grads[r*d:(r+1)*d], q.mean) / float64(size)
		}
	}
	cross := func(without int) float64 { // mean of ⟨m_a, m_b⟩ over pairs of different blocks
		sum, squares, count := make([]float64, d), 0.0, 0.0
		for b, m := range means {
			if b != without {
				floats.AddScaled(sum, 1, m)
				squares += floats.Dot(m, m)
				count++
			}
		}
		return (floats.Dot(sum, sum) - squares) / (count * (count - 1))
	}
	q.bias = cross(-1)
	left := make([]float64, blocks)
	for b := range left {
		left[b] = cross(b)
	}
	q.biasErr = (blocks - 1) * stat.StdErr(stat.StdDev(left, nil), blocks)
	q.vari = stat.Mean(within, nil) * float64(n) / float64(n-1)
	q.variErr = stat.StdErr(stat.StdDev(within, nil), blocks)
	return q
}
