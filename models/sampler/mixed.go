package sampler

import "math"

func init() {
	Register(Spec{
		Name:   "mixed",
		Doc:    "positives of the batch's other rows and uniform classes",
		Source: "q = (n f + n′/C)/(n+n′); Yang et al. 2020, Mixed negative sampling for learning two-tower neural networks in recommendations",
		Params: append([]Param{
			{Name: "share", Doc: "share of the k draws that come from the batch, as far as it has them", Default: 0.5, Min: 0, Max: 1, Probe: []float64{0.25}},
		}, frequencyParams...),
		Props:  FullSupport | InBatch | Observes,
		Growth: GrowthConstant,
		Cost:   "O(1) a draw; freq=stream keeps 28 bytes a class",
		Bytes:  frequencyBytes,
		New: func(c Config, v Values) (Proposal, error) {
			f, err := newFrequency(c, v)
			return &mixed{f, v.Num("share")}, err
		},
	})
}

// mixed takes n draws from the batch and n′ = k − n uniformly from all classes,
// so that classes that are nobody's positive are negatives too.
type mixed struct {
	frequency
	share float64
}

// Scratch: Floats holds n/(n+n′).
func (p *mixed) Scratch(int) (int, int) { return 1, 0 }

// At: before a draw the share is the one asked for.
func (p *mixed) At(st *RowState) error {
	st.Floats[0] = p.share
	return nil
}

func (p *mixed) Draw(ids []int32, logQ []float64, st *RowState) error {
	k := len(ids)
	n := takePositives(ids[:int(math.Round(p.share*float64(k)))], st)
	for j := n; j < k; j++ {
		ids[j], st.From[j] = int32(st.Rand.IntN(p.c)), -1
	}
	st.Ops += int64(k - n)
	st.Floats[0] = float64(n) / float64(k)
	p.LogQ(logQ, ids, st)
	return nil
}

func (p *mixed) LogQ(logQ []float64, ids []int32, st *RowState) {
	share := st.Floats[0]
	for j := range logQ {
		i := j
		if ids != nil {
			i = int(ids[j])
		}
		logQ[j] = math.Log(share*p.at(i) + (1-share)/float64(p.c))
	}
	st.Ops += int64(len(ids))
}
