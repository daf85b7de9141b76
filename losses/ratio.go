package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// A ratio is the cross-entropy of p = f(z)/Σf(z) for a positive function f in
// place of the exponential.
//
//	ℓ = Σ_k t_k log(F/f(z_k)),   F = Σ_j f(z_j)
//	∂ℓ/∂z_j = f'(z_j)/F − t_j f'(z_j)/f(z_j)
//
// A masked candidate has f = 0. fd returns f and f'.
type ratio[T Float] struct {
	fd func(s float64) (f, df float64)
}

func (ratio[T]) WorkLen(int) int { return 0 }

func (l ratio[T]) Eval(dz, z []T, t Target[T], _ []T) T {
	m, _ := peak(z)
	if m != m {
		return nan[T]()
	}
	// The label's own f stays out of the sum: log1p(rest/f) keeps the digits of a
	// small loss. With several positives there is no small loss.
	y, hard := t.Label()
	var rest float64
	for j, s := range z {
		if masked(s) || hard && j == y {
			continue
		}
		f, _ := l.fd(float64(s))
		rest += f
	}
	total := rest
	var loss float64
	if hard {
		f, _ := l.fd(float64(z[y]))
		total += f
		loss = math.Log1p(rest / f)
	}
	for j, s := range z {
		dz[j] = 0
		if !masked(s) {
			_, df := l.fd(float64(s))
			dz[j] = T(df / total)
		}
	}
	for i, k := range t.Pos {
		f, df := l.fd(float64(z[k]))
		w := float64(t.Weight[i])
		if hard {
			dz[k] = T(-df / f * (rest / total)) // f'/F − f'/f
			break
		}
		loss += w * math.Log(total/f)
		dz[k] = T(df/total - w*df/f)
	}
	return T(loss)
}

// ratioNode states log F − Σ t log f for the graph f of the scores with masks
// at 0, where it is atMask.
func ratioNode(f func(e *graph.Expr, x *gorgonia.Node) *gorgonia.Node, atMask float64, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	var e graph.Expr
	y := f(&e, e.N(graph.FillMasked(z, 0)))
	if e.Err != nil {
		return nil, e.Err
	}
	// The masks' share leaves the sum again.
	count := e.N(graph.AddScalar(e.N(graph.RowCount(z)), -float64(z.Shape()[1])))
	total := e.N(graph.Add(e.N(graph.RowSum(y)), e.N(graph.Scale(count, atMask))))
	return e.N(graph.Sub(e.N(graph.Log(total)), e.N(graph.TargetDot(e.N(graph.Log(y)), t)))), e.Err
}

// ratioRef is −Σ t log p with p = f/F.
func ratioRef(f func(s float64) float64, z []float64, t Target[float64]) float64 {
	var total, loss float64
	for i := len(z) - 1; i >= 0; i-- {
		total += f(z[i])
	}
	for i, k := range t.Pos {
		loss -= t.Weight[i] * math.Log(f(z[k])/total)
	}
	return loss
}

// ratioMap stores f/F in p.
func ratioMap(f func(s float64) float64, p, z []float64) {
	var total float64
	for j, s := range z {
		p[j] = f(s)
		total += p[j]
	}
	for j := range p {
		p[j] /= total
	}
}
