package sampler

import (
	"fmt"
	"math"
)

func init() {
	Register(Spec{
		Name:   "popularity",
		Doc:    "in proportion to a power of the smoothed count",
		Source: "q ∝ (count+δ)^β; Mikolov et al. 2013, Distributed representations of words and phrases, §2.2 (β = 3/4)",
		Params: []Param{
			{Name: "beta", Doc: "power β: 0 is uniform, 1 the smoothed frequency", Default: 0.75, Min: 0, Max: 1, Probe: []float64{0, 1}},
			{Name: "delta", Doc: "δ added to each count: no class has q = 0", Default: 1, Min: 1e-6, Max: 1e9, Probe: []float64{0.01}},
		},
		Props:  Exact | FullSupport,
		Growth: GrowthConstant,
		Cost:   "O(1) a draw; O(C) to build, 20 bytes a class",
		// The alias table and log q stay, the stack of its making goes.
		Bytes: func(c Config, _ Values) Footprint { return Footprint{20 * int64(c.C), 4 * int64(c.C)} },
		New: func(c Config, v Values) (Proposal, error) {
			if err := needCounts(c); err != nil {
				return nil, err
			}
			return newPopularity(c.Counts, v.Num("beta"), v.Num("delta"))
		},
	})
}

// popularity is q_i = (count_i+δ)^β / Z, drawn from an alias table.
type popularity struct {
	alias aliasTable
	logQ  []float64 // [C]
}

func newPopularity(counts []float64, beta, delta float64) (*popularity, error) {
	q := make([]float64, len(counts))
	var z float64
	for i, n := range counts {
		q[i] = math.Pow(n+delta, beta)
		z += q[i]
	}
	if !isFinite(z) {
		return nil, fmt.Errorf("the sum of the counts overflows")
	}
	p := &popularity{alias: newAlias(q, z), logQ: q}
	for i := range q {
		q[i] = math.Log(q[i] / z)
	}
	return p, nil
}

func (p *popularity) Scratch(int) (int, int) { return 0, 0 }

func (p *popularity) At(*RowState) error { return nil }

func (p *popularity) Draw(ids []int32, logQ []float64, st *RowState) error {
	for j := range ids {
		i := p.alias.draw(&st.Rand)
		ids[j], logQ[j] = i, p.logQ[i]
	}
	st.Ops += 3 * int64(len(ids)) // two random numbers, one table row
	return nil
}

func (p *popularity) LogQ(logQ []float64, ids []int32, _ *RowState) {
	if ids == nil {
		copy(logQ, p.logQ)
		return
	}
	for j, i := range ids {
		logQ[j] = p.logQ[i]
	}
}

// An aliasTable draws from any distribution over n places in O(1): place i
// yields i with probability keep[i], else other[i].
// Source: Walker 1977; built as in Vose 1991, in order of the index.
type aliasTable struct {
	keep  []float64
	other []int32
}

// newAlias builds the table of weights w ≥ 0 with sum z > 0.
func newAlias(w []float64, z float64) aliasTable {
	n := len(w)
	t := aliasTable{keep: make([]float64, n), other: make([]int32, n)}
	for i, x := range w {
		t.keep[i] = x / z * float64(n)
		t.other[i] = int32(i)
	}
	// One array holds both stacks: places that are short of 1 grow from the left,
	// those with 1 or more from the right.
	stack := make([]int32, n)
	short, long := 0, n
	for i, p := range t.keep {
		if p < 1 {
			stack[short] = int32(i)
			short++
		} else {
			long--
			stack[long] = int32(i)
		}
	}
	for short > 0 && long < n {
		short--
		s, l := stack[short], stack[long]
		t.other[s] = l
		t.keep[l] -= 1 - t.keep[s] // what l fills up in place s
		if t.keep[l] < 1 {
			long++
			stack[short] = l
			short++
		}
	}
	// Rounding leaves places near 1 on either stack: they keep themselves.
	for _, i := range stack[:short] {
		t.keep[i], t.other[i] = 1, i
	}
	for _, i := range stack[long:] {
		t.keep[i], t.other[i] = 1, i
	}
	return t
}

func (t aliasTable) draw(r *Stream) int32 {
	i := int32(r.IntN(len(t.keep)))
	if r.Float64() < t.keep[i] {
		return i
	}
	return t.other[i]
}
