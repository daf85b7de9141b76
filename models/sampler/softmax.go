package sampler

import (
	"math"
	"math/bits"
)

func init() {
	Register(Spec{
		Name:   "softmax-exact",
		Doc:    "the model's own softmax: the ideal proposal, at the cost of all scores",
		Source: "q = softmax(s/τ); Blanc & Rendle 2018, Adaptive sampled softmax, thm 2.1: the one q without bias",
		Params: []Param{
			{Name: "tau", Doc: "temperature τ", Default: 1, Min: 1e-3, Max: 1e3, Probe: []float64{0.5}},
		},
		Props:  Exact | Adaptive | FullSupport,
		Growth: GrowthLinear,
		Cost:   "O(C d) a row, O(log C) a draw",
		Bytes:  nothing, // beside the scratch of rows
		New: func(c Config, v Values) (Proposal, error) {
			return softmax{c.C, v.Num("tau")}, nil
		},
	})
}

// softmax is q_i = exp(s_i/τ) / Σ_j exp(s_j/τ), s = W h: an oracle.
type softmax struct {
	c   int
	tau float64
}

// Scratch: running sums of e^{s/τ − m} [C], then log q [C].
func (p softmax) Scratch(int) (int, int) { return 2 * p.c, 0 }

func (p softmax) At(st *RowState) error {
	cum, logQ := st.Floats[:p.c], st.Floats[p.c:2*p.c]
	d := len(st.H)
	m := math.Inf(-1)
	for i := range logQ {
		logQ[i] = dot(st.H, st.W[i*d:(i+1)*d]) / p.tau
		m = max(m, logQ[i]) // NaN stays
	}
	var sum float64
	for i, s := range logQ {
		sum += math.Exp(s - m)
		cum[i] = sum
	}
	if !isFinite(m) || !isFinite(sum) {
		return errScores
	}
	logZ := m + math.Log(sum)
	for i := range logQ {
		logQ[i] -= logZ
	}
	st.Ops += int64(p.c) * int64(d)
	return nil
}

func (p softmax) Draw(ids []int32, logQ []float64, st *RowState) error {
	cum, all := st.Floats[:p.c], st.Floats[p.c:2*p.c]
	for j := range ids {
		i := searchSum(cum, st.Rand.Float64()*cum[p.c-1])
		ids[j], logQ[j] = int32(i), all[i]
	}
	st.Ops += int64(len(ids) * bits.Len(uint(p.c)))
	return nil
}

func (p softmax) LogQ(logQ []float64, ids []int32, st *RowState) {
	all := st.Floats[p.c : 2*p.c]
	if ids == nil {
		copy(logQ, all)
		return
	}
	for j, i := range ids {
		logQ[j] = all[i]
	}
}
