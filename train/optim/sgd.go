package optim

import (
	"math"

	"github.com/fenchel-ml/fenchel/losses/param"
)

// SGD: m ← μm + g, w ← w − ηm. With μ = 0 there is no state and w ← w − ηg.
func init() {
	Register(Spec{
		Name:   "sgd",
		Doc:    "w ← w − ηm with m ← μm + g",
		Source: "Robbins, Monro (1951); heavy ball of Polyak (1964), in the form of Sutskever et al. (2013), eq. 1, with η outside m",
		Rate:   0.1,
		Params: []param.Param{{Name: "momentum", Doc: "μ", Min: 0, Max: 1, Probe: []float64{0.9}}},
		New: func(v param.Values, rows, dim int) Rule {
			s := &sgd{mu: float32(v.Num("momentum"))}
			if s.mu != 0 {
				s.m = make([]float32, rows*dim)
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

func (s *sgd) Row(r int, w, g []float32) {
	if s.m == nil {
		for k, gk := range g {
			w[k] -= float32(s.rate * gk) // the conversion forbids a fused multiply-add: same bits on every machine
		}
		return
	}
	m := s.m[r*len(w) : (r+1)*len(w)]
	for k, gk := range g {
		m[k] = float32(s.mu*m[k]) + gk
		w[k] -= float32(s.rate * m[k])
	}
}

func (s *sgd) Slots() []Slot {
	if s.m == nil {
		return nil
	}
	return []Slot{{"momentum", s.m}}
}

// sqrt is the rounded float32 root: math.Sqrt of a float32 is exact to one
// rounding, and the compiler emits the float32 instruction for it.
func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }
