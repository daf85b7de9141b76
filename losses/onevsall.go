package losses

import (
	"math"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// OneVsAll is the family of losses of every class apart:
//
//	ℓ = (1/N) Σ_j φ(t_j, z_j),   ∂ℓ/∂z_j = φ′(t_j, z_j)/N
//
// over the candidates that are not masked.
type OneVsAll struct {
	Phi  func(t, z float64) (v, dv float64) // φ and ∂φ/∂z of a truth in [0,1] and a finite score
	Hot  bool                               // t_j is 1 at every target, whatever its weight
	Mean bool                               // N counts the candidates; else it is 1

	// Node states φ of truths and scores, both [B,K], as a graph, 0 where a score is −Inf.
	// Nil is Phi, differentiated by its φ′.
	Node func(e *graph.Expr, t, z *gorgonia.Node) *gorgonia.Node
}

// labelsParam is the parameter of a loss of the family that says what a positive's truth is.
func labelsParam(usual string) Param {
	return Param{Name: "labels", Doc: "truth of a positive: 1 (hot), so that each class of a row counts once, or its share of the target (mean)",
		Choices: Enum("hot", "mean"), DefaultString: usual}
}

// hotLabels reports whether v has hot labels.
func hotLabels(v Values) bool { return v.String("labels") == "hot" }

// oneVsAllFormulas returns f, which is of mean labels, at the labels of v.
func oneVsAllFormulas(v Values, f Formulas) Formulas {
	if hotLabels(v) {
		hot := strings.NewReplacer("t_j", "[t_j > 0]")
		f.Loss, f.Gradient = Formula(hot.Replace(string(f.Loss))), Formula(hot.Replace(string(f.Gradient)))
	}
	return f
}

// oneVsAllProps returns the facts of a loss of the family that has those of props with mean
// labels, at the labels of v.
func oneVsAllProps(v Values, props Props) Props {
	if hotLabels(v) {
		props &^= FenchelYoungForm | AffineInTarget // the gradient does not follow the shares
		props |= HotLabels
	}
	return props
}

// Form returns the loss. It panics if a function is nil or a number out of its range. It has no prediction map, unless the caller sets one.
func (l OneVsAll) Form() Form {
	want(l.Phi != nil, "OneVsAll", "Phi")
	return Form{
		Analytic: graph.FromStream(oneVsAll[float32]{OneVsAll: l}, oneVsAll[float64]{OneVsAll: l}),
		Node:     l.node,
		Ref: func(z []float64, t Target[float64]) float64 {
			truth, loss := l.truth(t, len(z)), 0.0
			for j, s := range z {
				v, _ := l.Phi(truth[j], s)
				loss += v
			}
			if l.Mean {
				loss /= float64(len(z))
			}
			return loss
		},
	}
}

// truth returns t as a vector over k candidates.
func (l OneVsAll) truth(t Target[float64], k int) []float64 {
	truth := dense(t, k)
	if l.Hot {
		for _, y := range t.Pos {
			truth[y] = 1
		}
	}
	return truth
}

func (l OneVsAll) node(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
	var e graph.Expr
	truth := e.N(graph.TargetMatrix(t, z))
	if l.Hot {
		truth = e.N(graph.PowPositive(truth, 0))
	}
	if e.Err != nil {
		return nil, e.Err
	}
	var sum *gorgonia.Node
	if l.Node != nil {
		sum = e.N(graph.RowSum(l.Node(&e, truth, z)))
	} else {
		sum = e.N(graph.MapRows(l.opaque(z.Shape()[1]), e.N(graph.Concat(1, truth, z))))
	}
	if l.Mean {
		sum = e.N(graph.Div(sum, e.N(graph.RowCount(z))))
	}
	return sum, e.Err
}

// opaque is Σ φ of a row of k truths and k scores.
func (l OneVsAll) opaque(k int) graph.RowFunction {
	return graph.RowFunction{
		Name: "one-vs-all", Scalar: true,
		Eval: func(sum, x []float64) error {
			sum[0] = 0
			for j, s := range x[k:] {
				if !Masked(s) {
					v, _ := l.Phi(x[j], s)
					sum[0] += v
				}
			}
			return nil
		},
		Back: func(dx, x, _, g []float64) error {
			clear(dx)
			for j, s := range x[k:] {
				if !Masked(s) {
					_, dv := l.Phi(x[j], s)
					dx[k+j] = g[0] * dv
				}
			}
			return nil
		},
	}
}

// oneVsAll sums φ(0, z); its parameter is 1/N.
type oneVsAll[T Float] struct {
	graph.Additive[T]
	OneVsAll
}

func (oneVsAll[T]) Layout() graph.Layout { return graph.Layout{Sums: 1, Params: 1} }

func (l oneVsAll[T]) Start(params []float64, t *graph.RowTarget[T]) {
	if params[0] = 1; l.Mean {
		params[0] = 1 / float64(t.Classes)
	}
}

func (l oneVsAll[T]) Fold(sums, _ []float64, z []T, _ int) {
	var sum float64
	for j, s := range z {
		if !Masked(s) {
			v, dv := l.Phi(0, float64(s))
			sum += v
			z[j] = T(dv)
		}
	}
	sums[0] += sum
}

func (oneVsAll[T]) Recall(dz, dv []T, _, params []float64) {
	for j, v := range dv {
		dz[j] = T(float64(v) * params[0])
	}
}

func (l oneVsAll[T]) Solve(sums, params []float64, t *graph.RowTarget[T]) float64 {
	loss := sums[0]
	for i, z := range t.Z {
		w := float64(t.Weight[i])
		if l.Hot {
			w = 1
		}
		v, dv := l.Phi(w, float64(z))
		loss += v
		t.Grad[i] = dv * params[0]
	}
	return loss * params[0]
}

func (l oneVsAll[T]) Map(dz, z []T, params []float64, _ int) {
	for j, s := range z {
		if !Masked(s) {
			_, dv := l.Phi(0, float64(s))
			dz[j] = T(dv * params[0])
		}
	}
}

// EvalShared implements graph.SharedNegatives: negatives count once, at the weights' sum.
func (l oneVsAll[T]) EvalShared(dpos, dneg, pos, neg, weight []T) T {
	scale := 1.0
	if l.Mean {
		scale = 1 / float64(1+Unmasked(neg))
	}
	var loss, mass float64
	for i, s := range pos {
		w := float64(weight[i])
		v, dv := l.Phi(1, float64(s))
		mass += w
		loss += w * v
		dpos[i] = T(w * dv * scale)
	}
	for j, s := range neg {
		dneg[j] = 0
		if !Masked(s) {
			v, dv := l.Phi(0, float64(s))
			loss += mass * v
			dneg[j] = T(mass * dv * scale)
		}
	}
	if math.IsInf(loss, 1) {
		return nan[T]()
	}
	return T(loss * scale)
}
