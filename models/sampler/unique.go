package sampler

import (
	"math"
	"math/bits"
)

func init() {
	Register(Spec{
		Name:   "log-uniform-unique",
		Doc:    "log-uniform without replacement; log q is that of the expected count, as TensorFlow corrects",
		Source: "Ec_i = 1 − (1−q_i)^tries; TensorFlow log_uniform_candidate_sampler, unique=True",
		Params: []Param{rankParam},
		Props:  FullSupport | Distinct,
		Growth: GrowthConstant,
		Cost:   "O(1) a draw while k ≪ C, O(C log² C) for all C",
		Bytes:  ranksBytes,
		New: func(c Config, v Values) (Proposal, error) {
			l, err := newLogUniform(c, v)
			return unique{l}, err
		},
	})
}

// unique draws from a log-uniform until it has k distinct classes.
//
// Its log q is log(Ec_i/k), so that k·q is the expected count Ec that
// TensorFlow subtracts the logarithm of. Ec is an approximation: the number of
// tries is random and depends on what was drawn.
type unique struct{ *logUniform }

// Scratch: Floats holds tries and k; Ints is a hash table of at least 2k places.
func (u unique) Scratch(k int) (int, int) { return 2, 1 << bits.Len(uint(2*k)) }

// At: before a draw, log q is that of a single try.
func (u unique) At(st *RowState) error {
	st.Floats[0], st.Floats[1] = 1, 1
	return nil
}

func (u unique) Draw(ids []int32, logQ []float64, st *RowState) error {
	seen := st.Ints // id+1 by open addressing, 0 for an empty place
	clear(seen)
	st.Ops += int64(len(seen))
	tries := 0
	for j := range ids {
		for {
			tries++
			i := u.one(st)
			if add(seen, i) {
				ids[j] = i
				break
			}
		}
	}
	st.Floats[0], st.Floats[1] = float64(tries), float64(len(ids))
	u.LogQ(logQ, ids, st)
	return nil
}

// add puts i into the table and reports whether it was new.
func add(seen []int32, i int32) bool {
	mask := len(seen) - 1
	for at := int(uint32(i)*0x9e3779b1) & mask; ; at = (at + 1) & mask {
		switch seen[at] {
		case 0:
			seen[at] = i + 1
			return true
		case i + 1:
			return false
		}
	}
}

func (u unique) LogQ(logQ []float64, ids []int32, st *RowState) {
	u.logUniform.LogQ(logQ, ids, st)
	tries, k := st.Floats[0], st.Floats[1]
	for j, lq := range logQ {
		logQ[j] = math.Log(ExpectedCount(math.Exp(lq), tries) / k)
	}
}

// ExpectedCount returns 1 − (1−q)^tries, the probability that a class of
// probability q is among that many independent tries, without cancellation for
// small q.
func ExpectedCount(q, tries float64) float64 { return -math.Expm1(tries * math.Log1p(-q)) }
