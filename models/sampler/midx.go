package sampler

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/fenchel-ml/fenchel/graph"
)

func init() {
	Register(Spec{
		Name:   "midx",
		Doc:    "inverted multi-index: softmax over pairs of codewords, then a class of the cell",
		Source: "Chen et al. 2022, Fast variational autoencoder with inverted multi-index for collaborative filtering: q(i|h) ∝ exp(h·c¹_a + h·c²_b) [pop_i]",
		Params: []Param{
			{Name: "codewords", Doc: "codewords K of each of the two codebooks, at most C are used", Default: 32, Min: 1, Max: 1024, Integer: true, Probe: []float64{4}},
			{Name: "code", Doc: "residual codebooks of full width, or product codebooks of half the width each", Choices: Enum("residual", "product"), DefaultString: "residual"},
			{Name: "cell", Doc: "how a cell yields a class: uniform, or popularity (by count + 1)", Choices: Enum("uniform", "popularity"), DefaultString: "uniform"},
			refreshParam,
		},
		Props:  Exact | Adaptive | FullSupport | Refreshes,
		Growth: GrowthLog,
		Cost:   "O(K d + min(K², C)) a row, O(log K + log cell) a draw; a refresh is O(K d C); 20 bytes a class",
		Bytes:  midxBytes,
		New: func(c Config, v Values) (Proposal, error) {
			m := newMidx(c, v)
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

// newMidx returns the sampler before its first refresh, with cells of equal weights.
func newMidx(c Config, v Values) *midx {
	m := &midx{
		every: every(v.Int("refresh")), c: c.C, d: c.D, seed: c.Seed,
		k: min(v.Int("codewords"), c.C), residual: v.String("code") == "residual",
	}
	if !m.residual {
		m.lo2 = m.width1()
	}
	return m
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
	d1 := m.width1()
	if m.a == nil {
		m.c1, m.c2 = make([]float32, m.k*d1), make([]float32, m.k*(m.d-m.lo2))
		m.a, m.b = make([]int32, m.c), make([]int32, m.c)
	}
	var x1, x2 vectors = table{W, m.d}, residuals{W, m.c1, m.a, m.d}
	if !m.residual {
		x1, x2 = columns{W, m.d, 0, d1}, columns{W, m.d, d1, m.d}
	}
	m.codebook(m.c1, m.a, x1, &rng)
	m.codebook(m.c2, m.b, x2, &rng)
	m.index()
	return nil
}

// midxBytes is the size of a midx: its tables, and the two codebooks' making.
func midxBytes(c Config, v Values) Footprint {
	m := newMidx(c, v)
	n, k, cells := int64(c.C), int64(m.k), int64(min(m.k*m.k, c.C))
	s := Footprint{Kept: 20*n + 8*cells + 4, Peak: 8 * k * k}
	rows := m.trainRows()
	for _, d := range [2]int{m.width1(), c.D - m.lo2} {
		s.Kept += 4 * k * int64(d)
		s.Peak += 4*int64(rows+1)*int64(d) + kmeansBytes(rows, d, m.k, iterations) + assignBytes(c.C, d, m.k)
	}
	return s
}

// residuals are x − c_{code} of each row.
type residuals struct {
	x, centre []float32
	code      []int32
	d         int
}

func (r residuals) row(i int, room []float32) []float32 {
	x, c := r.x[i*r.d:(i+1)*r.d], r.centre[int(r.code[i])*r.d:]
	for j, v := range x {
		room[j] = v - c[j]
	}
	return room[:r.d]
}

// columns are the columns lo to hi of rows of width d.
type columns struct {
	x         []float32
	d, lo, hi int
}

func (c columns) row(i int, _ []float32) []float32 { return c.x[i*c.d+c.lo : i*c.d+c.hi] }

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
	if m.a, err = entries[int32](state[2], m.c); err != nil {
		return err
	}
	if m.b, err = entries[int32](state[3], m.c); err != nil {
		return err
	}
	for i, a := range m.a {
		if b := m.b[i]; a < 0 || int(a) >= m.k || b < 0 || int(b) >= m.k {
			return fmt.Errorf("class %d has codes %d and %d, outside [0, %d)", i, a, b, m.k)
		}
	}
	m.index()
	return nil
}

// trainRows is how many rows a codebook is fitted to.
func (m *midx) trainRows() int { return min(m.c, kmeansRows*m.k) }

// codebook fits the K codewords centre to rows of x and stores each row's code.
func (m *midx) codebook(centre []float32, code []int32, x vectors, rng *Stream) {
	d, most := len(centre)/m.k, m.trainRows()
	train, room := make([]float32, most*d), make([]float32, d)
	for j := range most { // every (C/most)-th row
		i := int(int64(j) * int64(m.c) / int64(most))
		copy(train[j*d:(j+1)*d], x.row(i, room))
	}
	kmeans(centre, train, most, d, m.k, iterations, rng)
	assign(code, x, centre, d, m.k)
}

// index sorts the classes into cells by their codes.
func (m *midx) index() {
	if m.ids == nil {
		cells := min(m.k*m.k, m.c)
		m.ids, m.cum = make([]int32, m.c), make([]float64, m.c)
		m.cell, m.start = make([]int32, 0, cells), make([]int32, 0, cells+1)
	}
	cellOf := func(i int) int { return int(m.a[i])*m.k + int(m.b[i]) }
	size := make([]int32, m.k*m.k)
	for i := range m.c {
		size[cellOf(i)]++
	}
	m.cell, m.start = m.cell[:0], append(m.start[:0], 0)
	at := make([]int32, m.k*m.k)
	for j := range at {
		at[j] = m.start[len(m.start)-1]
		if size[j] > 0 {
			m.cell = append(m.cell, int32(j))
			m.start = append(m.start, at[j]+size[j])
		}
	}
	for i := range m.c {
		j := cellOf(i)
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
