package sampler

func init() {
	Register(Spec{
		Name:   "quadratic",
		Doc:    "in proportion to a quadratic function of the score, by a tree of second moments",
		Source: "q ∝ a s² + 1, a = 100; Blanc & Rendle 2018, Adaptive sampled softmax with kernel based sampling",
		Params: []Param{
			{Name: "a", Doc: "weight a of the squared score", Default: 100, Min: 0, Max: 1e6, Probe: []float64{1}},
			refreshParam,
		},
		Props:  Exact | Adaptive | FullSupport | Refreshes,
		Growth: GrowthLog,
		Cost:   "O(d² log C) a draw and a positive; a refresh is O(d² C); about as much memory as W",
		Bytes:  func(c Config, _ Values) Footprint { return treeBytes(c, quadratic{d: c.D}.width()) },
		New: func(c Config, v Values) (Proposal, error) {
			return newKernelTree(c, v.Int("refresh"), quadratic{c.D, v.Num("a")}), nil
		},
	})
}

// quadratic is K(h, w) = a⟨h, w⟩² + 1: ⟨h, w⟩² = Σ_{i≤j} (2−[i=j]) h_i h_j · w_i w_j,
// the upper triangle of wwᵀ row by row, D = d(d+1)/2.
type quadratic struct {
	d int
	a float64
}

func (q quadratic) width() int { return q.d * (q.d + 1) / 2 }

func (q quadratic) class(dst []float64, w []float32, _ []float64) {
	at := 0
	for i, x := range w {
		for _, y := range w[i:] {
			dst[at] += float64(x) * float64(y)
			at++
		}
	}
}

func (q quadratic) row(dst, h1 []float64, h []float32) (float64, int) {
	at := 0
	for i, x := range h {
		h1[i] = float64(x)
		dst[at] = q.a * float64(x) * float64(x)
		at++
		for _, y := range h[i+1:] {
			dst[at] = 2 * q.a * float64(x) * float64(y)
			at++
		}
	}
	return 1, len(dst)
}

func (q quadratic) at(h1 []float64, w []float32) float64 {
	s := dotMixed(h1, w)
	return q.a*s*s + 1
}
