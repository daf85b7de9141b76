package optim

import (
	"math"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Adam: m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², w ← w − η m̂/(√v̂ + ε) with
// m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ).
//
// With mode=dense every row moves each step, also by the moments of earlier
// gradients: the published algorithm. With mode=lazy a row without a gradient
// stands still, and so do its moments: after a pause of s steps its next step
// uses m where dense has β₁ˢm, and the row has not moved meanwhile. Decoupled
// decay (decay=λ') makes it AdamW.
func init() {
	Register(Spec{
		Name:   "adam",
		Doc:    "w ← w − η m̂/(√v̂ + ε) with moving averages m of g and v of g², bias-corrected",
		Source: "Kingma, Ba: Adam (2015), algorithm 1; decay: Loshchilov, Hutter (2019), algorithm 2",
		Rate:   0.001,
		Params: []Param{
			{Name: "beta1", Doc: "β₁", Default: 0.9, Min: 0, Max: 0.999999, Probe: []float64{0}},
			{Name: "beta2", Doc: "β₂", Default: 0.999, Min: 0, Max: 0.999999, Probe: []float64{0.5}},
			{Name: "eps", Doc: "ε", Default: 1e-8, Min: 1e-30, Max: 1},
		},
		New: func(v Values, rows, dim int) Rule {
			return &adam{
				beta1: float32(v.Num("beta1")), beta2: float32(v.Num("beta2")), eps: v.Num("eps"),
				m: kernel.Make[float32](rows * dim), v: kernel.Make[float32](rows * dim),
			}
		},
	})
}

type adam struct {
	beta1, beta2 float32
	eps          float64
	m, v         []float32

	// Of the step: η√(1−β₂ᵗ)/(1−β₁ᵗ) and ε√(1−β₂ᵗ), in float64 because 1−β₂ᵗ
	// cancels, and of the rounded β₂ because v averages by it.
	rate, floor float32
}

func (a *adam) Begin(t int64, rate float64) {
	root := math.Sqrt(1 - math.Pow(float64(a.beta2), float64(t)))
	a.rate = float32(rate * root / (1 - math.Pow(float64(a.beta1), float64(t))))
	a.floor = float32(a.eps * root)
}

func (a *adam) Move(at int, w, g []float32) {
	kernel.Adam(w, a.m[at:][:len(w)], a.v[at:][:len(w)], g, len(w), only, a.rate, a.floor, a.beta1, a.beta2)
}

func (a *adam) MoveRows(w []float32, dim int, rows []int32, g []float32) {
	kernel.Adam(w, a.m, a.v, g, dim, rows, a.rate, a.floor, a.beta1, a.beta2)
}

func (a *adam) MoveUnit(at int, w, g []float32, dim int) float32 {
	return kernel.UnitAdam(w, a.m[at:][:len(w)], a.v[at:][:len(w)], g, dim, a.rate, a.floor, a.beta1, a.beta2)
}

func (a *adam) State() []graph.Array {
	return []graph.Array{graph.Vector("mean", a.m), graph.Vector("square", a.v)}
}
