package kernel

import "fmt"

// Weighed is a Fenchel-Young loss, whose gradient is c (p − t), with the weight ω on all of
// it and the rest on the target:
//
//	ℓ_ω = ω ℓ + (ω−1) c ⟨z, t⟩,  ∂ℓ_ω/∂z = c (ω p − t) = ω c (p − t/ω)
//
// The backward pass is that of ℓ for ω times the upstream gradient and a target of t/ω.
type Weighed struct {
	Loss          // Softmax, Entmax, Normmax or ThresholdMap
	Omega float64 // ω, > 0
	Unit  float64 // c
}

// Forward is that of [Loss].
func (l Weighed) Forward(ws *Workspace, x *Linear, loss []float32) error {
	if !(l.Omega > 0) {
		return fmt.Errorf("kernel: a weight of %v of the negatives; it is positive", l.Omega)
	}
	if err := l.Loss.Forward(ws, x, loss); err != nil {
		return err
	}
	more := (l.Omega - 1) * l.Unit
	ws.parallel(x.B, func(worker, i int) {
		if !ws.live[i] {
			return
		}
		v := l.Omega * float64(loss[i])
		for k := range ws.targets(i) {
			e := &ws.targets(i)[k]
			w := float64(e.weight)
			v += more * w * float64(ws.score(worker, i, int(e.class))) / float64(ws.scale)
			// One of the two is what the loss's backward pass reads.
			e.weight = float32(w / l.Omega)
			e.grad = float32(float64(e.grad) + more*w/l.Omega)
		}
		loss[i] = float32(v)
	})
	return nil
}

// Backward is that of [Loss].
func (l Weighed) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	ws.weighed = grow(ws.weighed, len(g))
	for i, v := range g {
		ws.weighed[i] = float32(l.Omega * float64(v))
	}
	return l.Loss.Backward(ws, x, ws.weighed, out)
}
