package optim

import (
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Adagrad: a ← a + g², w ← w − ηg/(√a + ε), entry by entry, a starting at init.
//
// With state=row a row of the table has one a, to which the mean of its g² is added. That is
// another algorithm: entries of a row share their rate, which does not depend on the basis
// of the vectors then. Its state is 1/Dim of the other's, and a step that moves scattered
// rows of a large table, which takes as long as their memory does, takes about half.
func init() {
	Register(Spec{
		Name:   "adagrad",
		Doc:    "w ← w − ηg/(√a + ε) with a ← a + g²",
		Source: "Duchi, Hazan, Singer: Adaptive subgradient methods (2011), diagonal form; ε = 1e-10 as in PyTorch; state=row: Lerer et al.: PyTorch-BigGraph (2019)",
		Rate:   0.1,
		Params: []Param{
			{Name: "eps", Doc: "ε", Default: 1e-10, Min: 1e-30, Max: 1},
			{Name: "init", Doc: "start of a", Min: 0, Max: 1e6, Probe: []float64{0.1}},
			{Name: "state", Doc: "what has an a: each entry; row, which adds the mean of its g²", Choices: Enum("entry", "row"), DefaultString: "entry"},
		},
		New: func(v Values, rows, dim int) Rule {
			n, byRow := rows*dim, v.String("state") == "row"
			if byRow {
				n = rows
			}
			a := adagrad{eps: float32(v.Num("eps")), a: kernel.Make[float32](n)}
			if first := float32(v.Num("init")); first != 0 {
				for i := range a.a {
					a.a[i] = first
				}
			}
			if byRow {
				return &rowAdagrad{a, dim}
			}
			return &a
		},
	})
}

type adagrad struct {
	rate, eps float32
	a         []float32
}

func (s *adagrad) Begin(_ int64, rate float64) { s.rate = float32(rate) }

func (s *adagrad) Move(at int, w, g []float32) {
	kernel.Adagrad(w, s.a[at:][:len(w)], g, len(w), only, s.rate, s.eps)
}

func (s *adagrad) MoveRows(w []float32, dim int, rows []int32, g []float32) {
	kernel.Adagrad(w, s.a, g, dim, rows, s.rate, s.eps)
}

func (s *adagrad) MoveUnit(at int, w, g []float32, dim int) float32 {
	return kernel.UnitAdagrad(w, s.a[at:][:len(w)], g, dim, s.rate, s.eps)
}

func (s *adagrad) State() []graph.Array { return []graph.Array{graph.Vector("square-sum", s.a)} }

// rowAdagrad is that of state=row.
type rowAdagrad struct {
	adagrad
	dim int
}

func (s *rowAdagrad) Move(at int, w, g []float32) {
	for i := 0; i < len(w); i += s.dim {
		row := (at + i) / s.dim
		kernel.RowAdagrad(w[i:][:s.dim], s.a[row:row+1], g[i:][:s.dim], s.dim, only, s.rate, s.eps)
	}
}

func (s *rowAdagrad) MoveUnit(at int, w, g []float32, dim int) float32 {
	return throughNorm(s, at, w, g, dim)
}

func (s *rowAdagrad) MoveRows(w []float32, dim int, rows []int32, g []float32) {
	kernel.RowAdagrad(w, s.a, g, dim, rows, s.rate, s.eps)
}
