package sampler

import (
	"fmt"
	"math"
)

func init() {
	poolParam := Param{
		Name: "m", Doc: "M uniform candidates of a row, at least the number of draws",
		Default: 256, Min: 1, Max: 1 << 20, Integer: true, Probe: []float64{16},
	}
	Register(Spec{
		Name:   "dns",
		Doc:    "the top-scoring of M uniform candidates; log q is the candidates', that is: no correction",
		Source: "Zhang et al. 2013, Optimizing top-n collaborative filtering via dynamic negative item sampling",
		Params: []Param{poolParam},
		Props:  Adaptive, // the worst class is drawn once in C^M times: never
		Growth: GrowthConstant,
		Cost:   "O(M d + M log k) a row",
		Fits: func(v Values, k int) error {
			if m := v.Int("m"); k > m {
				return fmt.Errorf("%d draws from a pool of m=%d candidates: lower n or raise m", k, m)
			}
			return nil
		},
		Bytes: nothing,
		New: func(c Config, v Values) (Proposal, error) {
			return dns{pool{c.C, v.Int("m")}}, nil
		},
	})
	Register(Spec{
		Name:   "sir",
		Doc:    "sampling-importance-resampling: k of M uniform candidates by their softmax; no correction",
		Source: "Rubin 1988, Using the SIR algorithm to simulate posterior distributions",
		Params: []Param{poolParam},
		Props:  Adaptive | FullSupport,
		Growth: GrowthConstant,
		Cost:   "O(M d) a row, O(log M) a draw",
		Bytes:  nothing,
		New: func(c Config, v Values) (Proposal, error) {
			return sir{pool{c.C, v.Int("m")}}, nil
		},
	})
}

// A pool scores M uniform candidates of a row, drawn with replacement.
//
// The law of what is then picked has no closed form that is cheap, so log q is the constant −log C of the candidates: a loss that
// subtracts it stays uncorrected, as in the literature, and learns to push down
// hard negatives more than softmax does.
type pool struct{ c, m int }

// Scratch: scores [M]; ids [M].
func (p pool) Scratch(int) (int, int) { return p.m, p.m }

func (p pool) At(*RowState) error { return nil }

// candidates leaves the pool in the scratch.
func (p pool) candidates(st *RowState) (ids []int32, s []float64, err error) {
	ids, s = st.Ints[:p.m], st.Floats[:p.m]
	d := len(st.H)
	var sum float64
	for j := range ids {
		i := st.Rand.IntN(p.c)
		ids[j] = int32(i)
		s[j] = dot(st.H, st.W[i*d:(i+1)*d])
		sum += s[j]
	}
	st.Ops += int64(p.m) * int64(d+1)
	if !isFinite(sum) {
		return nil, nil, errScores
	}
	return ids, s, nil
}

func (p pool) LogQ(logQ []float64, _ []int32, _ *RowState) {
	q := -math.Log(float64(p.c))
	for j := range logQ {
		logQ[j] = q
	}
}

type dns struct{ pool }

// Draw keeps the k best of the pool, best first; equal scores come in order of
// the id.
func (p dns) Draw(ids []int32, logQ []float64, st *RowState) error {
	k := len(ids)
	cand, s, err := p.candidates(st)
	if err != nil {
		return err
	}
	// A heap of the k best so far, the worst at the root, in the first k places.
	for j := k/2 - 1; j >= 0; j-- {
		siftDown(s[:k], cand[:k], j)
	}
	for j := k; j < p.m; j++ {
		if s[j] > s[0] || s[j] == s[0] && cand[j] < cand[0] {
			s[0], cand[0] = s[j], cand[j]
			siftDown(s[:k], cand[:k], 0)
		}
	}
	for n := k; n > 0; n-- { // the root is the worst left: fill from the back
		ids[n-1] = cand[0]
		s[0], cand[0] = s[n-1], cand[n-1]
		siftDown(s[:n-1], cand[:n-1], 0)
	}
	p.LogQ(logQ, ids, st)
	return nil
}

// siftDown restores the heap below place i: parents are worse than children.
func siftDown(s []float64, id []int32, i int) {
	worse := func(a, b int) bool { return s[a] < s[b] || s[a] == s[b] && id[a] > id[b] }
	for {
		c := 2*i + 1
		if c >= len(s) {
			return
		}
		if c+1 < len(s) && worse(c+1, c) {
			c++
		}
		if !worse(c, i) {
			return
		}
		s[i], s[c], id[i], id[c] = s[c], s[i], id[c], id[i]
		i = c
	}
}

type sir struct{ pool }

func (p sir) Draw(ids []int32, logQ []float64, st *RowState) error {
	cand, s, err := p.candidates(st)
	if err != nil {
		return err
	}
	m := math.Inf(-1)
	for _, x := range s {
		m = max(m, x)
	}
	var sum float64
	for j, x := range s {
		sum += math.Exp(x - m)
		s[j] = sum
	}
	for j := range ids {
		ids[j] = cand[searchSum(s, st.Rand.Float64()*sum)]
	}
	st.Ops += int64(len(ids))
	p.LogQ(logQ, ids, st)
	return nil
}
