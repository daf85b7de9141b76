package sampler

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

func init() {
	Register(Spec{
		Name:   "midx",
		Doc:    "inverted multi-index: softmax over pairs of codewords, then a class of the cell",
		Source: "Chen et al. 2022, Fast variational autoencoder with inverted multi-index for collaborative filtering: q(i|h) ∝ exp(h·c¹_a + h·c²_b) [pop_i]",
		Params: []registry.Param{
			{Name: "codewords", Doc: "codewords K of each of the two codebooks, at most C are used", Default: 32, Min: 1, Max: 1024, Integer: true, Probe: []float64{4}},
			{Name: "code", Doc: "residual codebooks of full width, or product codebooks of half the width each", Choices: registry.Enum("residual", "product"), DefaultString: "residual"},
			{Name: "cell", Doc: "how a cell yields a class: uniform, or popularity (by count + 1)", Choices: registry.Enum("uniform", "popularity"), DefaultString: "uniform"},
			refreshParam,
		},
		Props:  Exact | Adaptive | FullSupport | Refreshes,
		Growth: GrowthLog,
		Cost:   "O(K d + min(K², C)) a row, O(log K + log cell) a draw; a refresh is O(K d C); 20 bytes a class",
		New: func(c Config, v registry.Values) (Proposal, error) {
			m := &midx{
				every: every(v.Int("refresh")), c: c.C, d: c.D, seed: c.Seed,
				k: min(v.Int("codewords"), c.C), residual: v.String("code") == "residual",
			}
			if !m.residual {
				m.lo2 = m.width1()
			}
			if v.String("cell") == "popularity" {
				if err := needCounts(c); err != nil {
					return nil, err
				}
				m.counts = c.Counts
			}
			return m, nil
		},
	})
}

// midx quantises W into pairs of codewords, so that the softmax of the quantised
// scores needs one exponential a cell (pair) instead of one a class:
//
//	q(i|h) = exp(s¹_{a_i} + s²_{b_i}) w_i / Σ_cells exp(s¹_a + s²_b) Σ_{i in cell} w_i
//
// with s¹ = h·c¹, s² = h·c² and w_i = 1, or count_i + 1. Only cells that hold a
// class are visited. KL(q‖softmax) ≤ 2 max_i |h·(w_i − c¹ − c²)| for w_i = 1.
type midx struct {
	every
	c, d     int
	k        int
	residual bool
	counts   []float64 // nil: uniform cells
	seed     uint64

	c1, c2 []float32 // codebooks [K,d1], [K,d2]; nil before Refresh
	lo2    int       // where in h the second codebook's scores begin

	a, b  []int32   // codes of each class [C]
	ids   []int32   // classes by cell [C]
	start []int32   // cell j holds ids[start[j]:start[j+1]]
	cum   []float64 // running sum of w within the cell [C], as ids
	cell  []int32   // codes of each cell: a·K + b, rising
}

// kmeansRows bounds the rows that train a codebook, per codeword; the rest of
// the classes are only assigned. 256 is what Faiss takes (ClusteringParameters,
// max_points_per_centroid).
const kmeansRows = 256

// iterations of Lloyd; Faiss takes 25 for k-means and the codebooks here follow
// a W that moves, so less is enough.
const iterations = 10

// Refresh implements Refresher: new codebooks and cells.
func (m *midx) Refresh(W []float32) error {
	var rng Stream
	rng.Seed(m.seed, 0, 0)
	n, d1 := m.c, m.width1()
	x1, x2 := W, W
	if !m.residual { // columns of W in two halves
		x1, x2 = make([]float32, n*d1), make([]float32, n*(m.d-d1))
		for i := range n {
			row := W[i*m.d : (i+1)*m.d]
			copy(x1[i*d1:(i+1)*d1], row[:d1])
			copy(x2[i*(m.d-d1):(i+1)*(m.d-d1)], row[d1:])
		}
	}
	a, b := make([]int32, n), make([]int32, n)
	m.c1 = m.codebook(a, x1, n, d1, &rng)
	if m.residual {
		x2 = make([]float32, len(W))
		for i := range n {
			c := m.c1[int(a[i])*m.d:]
			for j := range m.d {
				x2[i*m.d+j] = W[i*m.d+j] - c[j]
			}
		}
	}
	m.c2 = m.codebook(b, x2, n, len(x2)/n, &rng)
	m.index(a, b)
	return nil
}

// width1 returns the width of the first codebook: d, or the half of product codes.
func (m *midx) width1() int {
	if m.residual {
		return m.d
	}
	return m.d / 2
}

// State implements Stateful: the codebooks and the codes, which the cells follow from.
func (m *midx) State() []graph.Array {
	return []graph.Array{graph.Vector("c1", m.c1), graph.Vector("c2", m.c2), graph.Vector("a", m.a), graph.Vector("b", m.b)}
}

// SetState implements Stateful.
func (m *midx) SetState(state []graph.Array) error {
	if len(state[2].Data.([]int32)) == 0 { // never refreshed
		m.c1, m.c2, m.a, m.b = nil, nil, nil, nil
		return nil
	}
	d1 := m.width1()
	d2 := m.d - m.lo2
	var err error
	if m.c1, err = entries[float32](state[0], m.k*d1); err != nil {
		return err
	}
	if m.c2, err = entries[float32](state[1], m.k*d2); err != nil {
		return err
	}
	a, err := entries[int32](state[2], m.c)
	if err != nil {
		return err
	}
	b, err := entries[int32](state[3], m.c)
	if err != nil {
		return err
	}
	for i := range a {
		if a[i] < 0 || int(a[i]) >= m.k || b[i] < 0 || int(b[i]) >= m.k {
			return fmt.Errorf("class %d has codes %d and %d, outside [0, %d)", i, a[i], b[i], m.k)
		}
	}
	m.index(a, b)
	return nil
}

// codebook fits K codewords to x [n,d] and stores each row's code.
func (m *midx) codebook(code []int32, x []float32, n, d int, rng *Stream) []float32 {
	train, rows := x, n
	if most := kmeansRows * m.k; n > most { // every (n/most)-th row
		train, rows = make([]float32, most*d), most
		for j := range most {
			i := int(int64(j) * int64(n) / int64(most))
			copy(train[j*d:(j+1)*d], x[i*d:])
		}
	}
	centre := kmeans(train, rows, d, m.k, iterations, rng)
	assign(code, x, centre, n, d, m.k)
	return centre
}

// index sorts the classes into cells by their codes.
func (m *midx) index(a, b []int32) {
	m.a, m.b = a, b
	size := make([]int32, m.k*m.k+1)
	for i := range a {
		size[int(a[i])*m.k+int(b[i])+1]++
	}
	m.cell, m.start = nil, []int32{0}
	at := make([]int32, m.k*m.k)
	for j := range at {
		at[j] = m.start[len(m.start)-1]
		if size[j+1] > 0 {
			m.cell = append(m.cell, int32(j))
			m.start = append(m.start, at[j]+size[j+1])
		}
	}
	m.ids, m.cum = make([]int32, len(a)), make([]float64, len(a))
	for i := range a {
		j := int(a[i])*m.k + int(b[i])
		m.ids[at[j]] = int32(i)
		at[j]++
	}
	for j := range m.cell {
		var sum float64
		for p := m.start[j]; p < m.start[j+1]; p++ {
			sum += m.weight(m.ids[p])
			m.cum[p] = sum
		}
	}
}

// weight returns w_i: every class keeps some, so that q has full support.
func (m *midx) weight(i int32) float64 {
	if m.counts == nil {
		return 1
	}
	return m.counts[i] + 1
}

// Scratch: s¹ [K], s² [K], log Z [1], running sums over the cells.
func (m *midx) Scratch(int) (int, int) { return 2*m.k + 1 + min(m.k*m.k, m.c), 0 }

func (m *midx) split(st *RowState) (s1, s2, logZ, cum []float64) {
	f := st.Floats
	return f[:m.k], f[m.k : 2*m.k], f[2*m.k : 2*m.k+1], f[2*m.k+1:][:len(m.cell)]
}

func (m *midx) At(st *RowState) error {
	s1, s2, logZ, cum := m.split(st)
	d1, d2 := len(m.c1)/m.k, len(m.c2)/m.k
	for j := range m.k {
		s1[j] = dot(st.H[:d1], m.c1[j*d1:(j+1)*d1])
		s2[j] = dot(st.H[m.lo2:m.lo2+d2], m.c2[j*d2:(j+1)*d2])
	}
	most := math.Inf(-1)
	for _, ab := range m.cell {
		most = max(most, s1[int(ab)/m.k]+s2[int(ab)%m.k])
	}
	var sum float64
	for j, ab := range m.cell {
		w := m.cum[m.start[j+1]-1]
		sum += w * math.Exp(s1[int(ab)/m.k]+s2[int(ab)%m.k]-most)
		cum[j] = sum
	}
	if !isFinite(most) || !isFinite(sum) {
		return errScores
	}
	logZ[0] = most + math.Log(sum)
	st.Ops += int64(m.k*len(st.H)*2 + 2*len(m.cell))
	return nil
}

func (m *midx) Draw(ids []int32, logQ []float64, st *RowState) error {
	_, _, _, cum := m.split(st)
	total := cum[len(cum)-1]
	for j := range ids {
		c := searchSum(cum, st.Rand.Float64()*total)
		lo, hi := m.start[c], m.start[c+1]
		within := m.cum[lo:hi]
		p := searchSum(within, st.Rand.Float64()*within[len(within)-1])
		ids[j] = m.ids[int(lo)+p]
		st.Ops += int64(bits.Len(uint(len(cum))) + bits.Len(uint(hi-lo)))
	}
	m.LogQ(logQ, ids, st)
	return nil
}

func (m *midx) LogQ(logQ []float64, ids []int32, st *RowState) {
	s1, s2, logZ, _ := m.split(st)
	for j := range logQ {
		i := int32(j)
		if ids != nil {
			i = ids[j]
		}
		logQ[j] = s1[m.a[i]] + s2[m.b[i]] + math.Log(m.weight(i)) - logZ[0]
	}
}
