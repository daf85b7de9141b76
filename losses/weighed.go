package losses

import (
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A weighed loss is a Fenchel-Young loss ℓ, whose gradient is c (p − t'), with a weight ω of
// the negatives beside the positives, as sl and bsl have it:
//
//	ℓ_ω = ω ℓ + (ω − 1) c ⟨z, t⟩,   ∂ℓ_ω/∂z = c (ω p − ω t' + (ω − 1) t)
//
// Where t' is t, without label smoothing, this is ω Ω*(z) − ⟨z, t⟩ and a constant, and its
// gradient ω p − t: that of a Fenchel-Young loss whose map ω p does not sum to 1, so that a
// shift of all scores by s changes the loss by (ω − 1) s.
type weighed struct{ omega, unit float64 } // ω and c

// weighedYoung is of a loss whose gradient is p − t at ω = 1.
func weighedYoung(v Values) weighed { return weighed{v.Num("negatives"), 1} }

// form returns f with the weight.
func (w weighed) form(f Form) Form {
	if w.omega == 1 {
		return f
	}
	g := Form{Predict: f.Predict, Analytic: w.analytic(f.Analytic)}
	g.Node = func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
		return w.node(z, t)(f.Node(z, t))
	}
	g.Ref = func(z []float64, t Target[float64]) float64 { return w.ref(f.Ref(z, t), z, t) }
	return g
}

func (w weighed) analytic(a graph.Analytic) graph.Analytic {
	rows := graph.Analytic{F32: weighedRow[float32]{a.F32, w}, F64: weighedRow[float64]{a.F64, w}}
	if k, ok := a.F32.(interface{ Kernel() kernel.Loss }); ok {
		rows = withKernel(rows, kernel.Weighed{Loss: k.Kernel(), Omega: w.omega, Unit: w.unit})
	}
	return rows
}

// node returns the map of ℓ to ℓ_ω, which hands on an error.
func (w weighed) node(z *gorgonia.Node, t *graph.Targets) func(loss *gorgonia.Node, err error) (*gorgonia.Node, error) {
	return func(loss *gorgonia.Node, err error) (*gorgonia.Node, error) {
		if err != nil || w.omega == 1 {
			return loss, err
		}
		var e graph.Expr
		at := e.N(graph.TargetDot(z, t))
		return e.N(graph.Add(e.N(graph.Scale(loss, w.omega)), e.N(graph.Scale(at, (w.omega-1)*w.unit)))), e.Err
	}
}

func (w weighed) ref(loss float64, z []float64, t Target[float64]) float64 {
	loss *= w.omega
	for i, k := range t.Pos {
		loss += (w.omega - 1) * w.unit * t.Weight[i] * z[k]
	}
	return loss
}

type weighedRow[T Float] struct {
	RowLoss[T]
	weighed
}

// Eval implements [graph.RowLoss].
func (l weighedRow[T]) Eval(dz, z []T, t Target[T], work []T) T {
	loss := l.omega * float64(l.RowLoss.Eval(dz, z, t, work))
	for j, g := range dz {
		dz[j] = T(l.omega * float64(g))
	}
	for i, k := range t.Pos {
		share := (l.omega - 1) * l.unit * float64(t.Weight[i])
		dz[k] = T(float64(dz[k]) + share)
		loss += share * float64(z[k])
	}
	return T(loss)
}

// theory returns what holds of the weighed loss where th holds of the loss.
func (w weighed) theory(th Theory) Theory {
	if w.omega == 1 {
		return th
	}
	th.Props &^= NonNegative | ShiftInvariant
	smooth := th.Smoothness
	th.Smoothness = func(k int) float64 { return w.omega * smooth(k) }
	// All scores together fall to their bound where ω > 1, and rise where it is below: there
	// the classes tie whose t is below, or above, ω times what p is at the bound.
	th.PopulationOrder, th.ZeroOne, th.Link, th.Condition, th.Calibrated = OrderWeak, false, nil, nil, false
	th.Margin = math.Inf(1) // the label's gradient is 0 at p_y = 1/ω alone
	return th
}

// unweighed returns l with the weight 1 of the negatives.
func (l Loss) unweighed() Loss {
	if !slices.ContainsFunc(l.Spec.Params, func(p Param) bool { return p.Name == negativesParam.Name }) {
		return l
	}
	return l.Spec.Bind(l.Values.Set(negativesParam.Name, 1))
}
