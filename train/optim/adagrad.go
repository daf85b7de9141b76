package optim

import (
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Adagrad: a ← a + g², w ← w − ηg/(√a + ε), entry by entry, a starting at init.
func init() {
	Register(Spec{
		Name:   "adagrad",
		Doc:    "w ← w − ηg/(√a + ε) with a ← a + g²",
		Source: "Duchi, Hazan, Singer: Adaptive subgradient methods (2011), diagonal form; ε = 1e-10 as in PyTorch",
		Rate:   0.1,
		Params: []Param{
			{Name: "eps", Doc: "ε", Default: 1e-10, Min: 1e-30, Max: 1},
			{Name: "init", Doc: "start of a", Min: 0, Max: 1e6, Probe: []float64{0.1}},
		},
		New: func(v Values, rows, dim int) Rule {
			a := &adagrad{eps: float32(v.Num("eps")), a: kernel.Make[float32](rows * dim)}
			if first := float32(v.Num("init")); first != 0 {
				for i := range a.a {
					a.a[i] = first
				}
			}
			return a
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

func (s *adagrad) State() []graph.Array { return []graph.Array{graph.Vector("square-sum", s.a)} }
