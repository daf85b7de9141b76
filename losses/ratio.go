package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// Ratio is the family of cross-entropies of p = f(z)/Σf(z) for a positive function f in
// place of the exponential.
//
//	ℓ = Σ_k t_k log(F/f(z_k)),   F = Σ_j f(z_j)
//	∂ℓ/∂z_j = f'(z_j)/F − t_j f'(z_j)/f(z_j)
//
// A masked candidate has f = 0.
type Ratio struct {
	F func(z float64) (f, df float64) // f > 0 and f′ of a finite score

	// Node states f of scores x [B,K] as a graph, in which masked scores are 0. Nil is F,
	// differentiated by its f′.
	Node func(e *graph.Expr, x *gorgonia.Node) *gorgonia.Node
}

// Form returns the loss. It panics if a function is nil or a number out of its range.
func (l Ratio) Form() Form {
	want(l.F != nil, "Ratio", "F")
	f := l.Node
	if f == nil {
		f = func(e *graph.Expr, x *gorgonia.Node) *gorgonia.Node { return elementwise(e, "ratio", l.F, x) }
	}
	atMask, _ := l.F(0)
	return Form{
		Analytic: graph.FromStream(ratio[float32]{f: l.F}, ratio[float64]{f: l.F}),
		Node: func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return ratioNode(f, atMask, z, t)
		},
		Ref:     func(z []float64, t Target[float64]) float64 { return ratioRef(l.F, z, t) },
		Predict: func(p, z []float64) { ratioMap(l.F, p, z) },
	}
}

type ratio[T Float] struct {
	graph.Additive[T]
	f func(z float64) (f, df float64)
}

func (ratio[T]) Layout() graph.Layout { return graph.Layout{Sums: 1, Params: 1} }

func (l ratio[T]) Fold(sums, _ []float64, z []T, _ int) {
	var sum float64
	for j, s := range z {
		if !Masked(s) {
			f, df := l.f(float64(s))
			sum += f
			z[j] = T(df)
		}
	}
	sums[0] += sum
}

func (ratio[T]) Recall(dz, df []T, _, params []float64) {
	for j, v := range df {
		dz[j] = T(float64(v) / params[0])
	}
}

func (l ratio[T]) Solve(sums, params []float64, t *graph.RowTarget[T]) (loss float64) {
	rest := sums[0]
	total := rest
	for _, z := range t.Z {
		f, _ := l.f(float64(z))
		total += f
	}
	params[0] = total
	for i, z := range t.Z {
		f, df := l.f(float64(z))
		if len(t.Z) == 1 { // log1p keeps the digits of a small loss
			t.Grad[i] = -df / f * (rest / total) // f'/F − f'/f
			return math.Log1p(rest / f)
		}
		w := float64(t.Weight[i])
		loss += w * math.Log(total/f)
		t.Grad[i] = df/total - w*df/f
	}
	return loss
}

func (l ratio[T]) Map(dz, z []T, params []float64, _ int) {
	for j, s := range z {
		if !Masked(s) {
			_, df := l.f(float64(s))
			dz[j] = T(df / params[0])
		}
	}
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
func ratioRef(f func(z float64) (f, df float64), z []float64, t Target[float64]) float64 {
	p := make([]float64, len(z))
	ratioMap(f, p, z)
	var loss float64
	for i, k := range t.Pos {
		loss -= t.Weight[i] * math.Log(p[k])
	}
	return loss
}

// ratioMap stores f/F in p.
func ratioMap(f func(z float64) (f, df float64), p, z []float64) {
	var total float64
	for j := len(z) - 1; j >= 0; j-- {
		p[j], _ = f(z[j])
		total += p[j]
	}
	for j := range p {
		p[j] /= total
	}
}
