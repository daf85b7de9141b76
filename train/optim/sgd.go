package optim

import (
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// SGD: m ← μm + g, w ← w − ηm. With μ = 0 there is no state and w ← w − ηg.
func init() {
	Register(Spec{
		Name:   "sgd",
		Doc:    "w ← w − ηm with m ← μm + g",
		Source: "Robbins, Monro (1951); heavy ball of Polyak (1964), in the form of Sutskever et al. (2013), eq. 1, with η outside m",
		Rate:   0.1,
		Params: []Param{{Name: "momentum", Doc: "μ", Min: 0, Max: 1, Probe: []float64{0.9}}},
		New: func(v Values, rows, dim int) Rule {
			s := &sgd{mu: float32(v.Num("momentum"))}
			if s.mu != 0 {
				s.m = kernel.Make[float32](rows * dim)
			}
			return s
		},
	})
}

type sgd struct {
	mu, rate float32
	m        []float32 // nil without momentum
}

func (s *sgd) Begin(_ int64, rate float64) { s.rate = float32(rate) }

func (s *sgd) Move(at int, w, g []float32) {
	if s.m == nil {
		kernel.Axpy(-s.rate, g, w)
		return
	}
	m := s.m[at:][:len(w)]
	kernel.Scale(s.mu, m)
	kernel.Axpy(1, g, m)
	kernel.Axpy(-s.rate, m, w)
}

func (s *sgd) MoveUnit(at int, w, g []float32, dim int) float32 {
	if s.m == nil {
		return kernel.UnitSGD(w, g, dim, s.rate)
	}
	return throughNorm(s, at, w, g, dim)
}

func (s *sgd) State() []graph.Array {
	if s.m == nil {
		return nil
	}
	return []graph.Array{graph.Vector("momentum", s.m)}
}
