package losses

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A Form is what a loss states at one setting of its parameters: the fields of [Spec] of
// the same names. The families make it from one or two scalar functions: [Ratio],
// [Rivals], [Margin], [Pairwise], [OneVsAll], [Separable]; [FenchelYoung] from a
// regulariser's map.
type Form struct {
	Analytic graph.Analytic                                                   // the zero value where there is none
	Node     func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) // scores [B,K] to losses [B]
	Ref      func(z []float64, t Target[float64]) float64                     // nil where there is none
	Predict  func(p, z []float64)                                             // nil where there is no map
}

// with returns f with a kernel in place of what its analytic form makes of tiles.
func (f Form) with(k kernel.Loss) Form {
	f.Analytic = withKernel(f.Analytic, k)
	return f
}

// withKernel returns a, whose fused form is k.
func withKernel(a graph.Analytic, k kernel.Loss) graph.Analytic {
	a.F32 = kernelRow{a.F32, k}
	return a
}

// kernelRow is a row with a kernel, by which package graph fuses it.
type kernelRow struct {
	RowLoss[float32]
	kernel kernel.Loss
}

// Unwrap returns the row without the kernel.
func (r kernelRow) Unwrap() RowLoss[float32] { return r.RowLoss }

// Kernel returns the fused form.
func (r kernelRow) Kernel() kernel.Loss { return r.kernel }

// Complete sets from Form what s leaves out, and returns what then lacks. Register does
// so; a program that has a Spec and does not register it calls it once.
func (s *Spec) Complete() error {
	if s.Form != nil {
		s.takeForm(s.Form)
	}
	return s.fault()
}

func (s *Spec) takeForm(form func(v Values) Form) {
	has := form(s.choice().Values)
	if s.New == nil && has.Analytic.F32 != nil && has.Analytic.F64 != nil {
		s.New = func(v Values) graph.Analytic { return form(v).Analytic }
	}
	if s.Node == nil && has.Node != nil {
		s.Node = func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) { return form(v).Node(z, t) }
	}
	if s.Ref == nil && has.Ref != nil {
		s.Ref = func(v Values, z []float64, t Target[float64]) float64 { return form(v).Ref(z, t) }
	}
	if s.Predict == nil && has.Predict != nil {
		s.Predict = func(v Values, p, z []float64) { form(v).Predict(p, z) }
	}
}

// want panics if a family lacks what its Form needs: a mistake of the program, as those
// that Register finds.
func want(ok bool, family, what string) {
	if !ok {
		panic("losses: " + family + " needs " + what)
	}
}
