package sampler

import "math"

func init() {
	Register(Spec{
		Name:   "uniform",
		Doc:    "every class with the same probability",
		Source: "q = 1/C; Bengio & Senécal 2003, Quick training of probabilistic neural nets by importance sampling",
		Props:  Exact | FullSupport,
		Growth: GrowthConstant,
		Cost:   "O(1) a draw, no memory",
		Bytes:  nothing,
		New: func(c Config, _ Values) (Proposal, error) {
			return uniform{c.C}, nil
		},
	})
}

// uniform is q_i = 1/C.
type uniform struct{ c int }

func (u uniform) Scratch(int) (int, int) { return 0, 0 }

func (u uniform) At(*RowState) error { return nil }

func (u uniform) Draw(ids []int32, logQ []float64, st *RowState) error {
	for j := range ids {
		ids[j] = int32(st.Rand.IntN(u.c))
	}
	st.Ops += int64(len(ids))
	u.LogQ(logQ, ids, st)
	return nil
}

func (u uniform) LogQ(logQ []float64, _ []int32, _ *RowState) {
	q := -math.Log(float64(u.c))
	for j := range logQ {
		logQ[j] = q
	}
}
