package losses

import (
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A contrast sets one positive y against the other candidates of its row, the
// negatives; the loss of a target is the mean over its positives by their weights. Whether
// the other positives of the row are among the negatives of y is the parameter
// "positives": as rivals they are, as in a loss of one label to which a row of several is
// several rows, and apart they are left out, as where a publication draws the negatives of
// a user among what the user has no interaction with. Of a row with one positive the two
// are the same.

// The choices of the parameter.
const (
	asRivals = "rivals"
	asApart  = "apart"
)

// positivesParam declares it with a default.
func positivesParam(def string) Param {
	return Param{Name: "positives", Doc: "other positives of a row: rivals, negatives like any class; or apart, no negatives", Choices: Enum(asRivals, asApart), DefaultString: def}
}

// areApart reports that the other positives are left out.
func areApart(v Values) bool { return v.String("positives") == asApart }

// negativesParam is the weight ω of the negatives. Its published values are 1.06 on
// MovieLens-1M, 1.10 on Yelp2018, 1.22 on Gowalla and 1.32 on Amazon, of the repository of
// the paper on bsl.
var negativesParam = Param{
	Name: "negatives", Doc: "weight ω of the negatives' term beside the positive's; the code of the paper on bsl has 1.06 to 1.32. Where it is not 1 scores must be bounded, as cosines are: a shift of all changes the loss without end",
	Default: 1, Min: 0.5, Max: 2, Probe: []float64{0.5, 2},
}

// NeedsBounds reports whether a shift of all scores changes the loss without end, as it does
// under a weight of the negatives other than 1: training is then of scores that are bounded,
// as cosines without biases are.
func (l Loss) NeedsBounds() bool {
	return slices.ContainsFunc(l.Spec.Params, func(p Param) bool { return p.Name == negativesParam.Name }) && l.Values.Num(negativesParam.Name) != 1
}

// affineIn adds to the facts of a loss over negatives that a row of several positives is
// one objective with a row for each, which it is where they are rivals.
func affineIn(v Values, th Theory) Theory {
	if !areApart(v) {
		th.Props |= AffineInTarget
	}
	return th
}

// tiles is the fused form of a tiled loss in which every positive is a problem of its own.
func tiles(t kernel.Tiled, apart bool) kernel.Loss {
	if apart {
		return kernel.StreamApart(t)
	}
	return kernel.Stream(t)
}

// contrastNode is the graph of a contrast from that of one positive: scores z
// [N,K] and labels y; x is z with the label masked and, if apart, the other positives, s
// [N] the label's score, and some [N] is 1 where there are negatives, else 0.
func contrastNode(z *gorgonia.Node, t *graph.Targets, apart bool, f func(e *graph.Expr, z, x, s, some *gorgonia.Node) *gorgonia.Node) (*gorgonia.Node, error) {
	return eachPositive(z, t, apart, func(z, x *gorgonia.Node, y *graph.Targets) (*gorgonia.Node, error) {
		var e graph.Expr
		other := e.N(graph.AddScalar(e.N(graph.Neg(e.N(graph.TargetMatrix(y, z)))), 1))
		x = e.N(graph.Add(x, e.N(graph.Log(other))))
		some := e.N(graph.PowPositive(e.N(graph.RowCount(x)), 0))
		loss := f(&e, z, x, e.N(graph.TargetDot(z, y)), some)
		return loss, e.Err
	})
}

// eachPositive is [graph.EachPositiveApart] if apart, else [graph.EachPositive], whose x is
// z.
func eachPositive(z *gorgonia.Node, t *graph.Targets, apart bool, f func(z, x *gorgonia.Node, y *graph.Targets) (*gorgonia.Node, error)) (*gorgonia.Node, error) {
	if apart {
		return graph.EachPositiveApart(z, t, f)
	}
	return graph.EachPositive(z, t, func(z *gorgonia.Node, y *graph.Targets) (*gorgonia.Node, error) { return f(z, z, y) })
}

// contrastRef is the mean over positives of f, which gets the positive's score
// and its negatives, at least one.
func contrastRef(z []float64, t Target[float64], apart bool, f func(s float64, negatives []float64) float64) float64 {
	of := func(z []float64, t Target[float64]) (loss float64) {
		for i, y := range t.Pos {
			negatives := append(append([]float64{}, z[:y]...), z[y+1:]...)
			if len(negatives) > 0 {
				loss += t.Weight[i] * f(z[y], negatives)
			}
		}
		return loss
	}
	if apart {
		return apartRef(z, t, of)
	}
	return of(z, t)
}

// apartRef is the mean over the positives, by their weights, of ref of the row without the
// others.
func apartRef(z []float64, t Target[float64], ref func(z []float64, t Target[float64]) float64) float64 {
	var loss float64
	for i, y := range t.Pos {
		var row []float64
		for j, x := range z {
			if _, positive := slices.BinarySearch(t.Pos, int32(j)); !positive || j == int(y) {
				row = append(row, x)
			}
		}
		// As many positives lie before y as have been.
		label := Target[float64]{Pos: []int32{y - int32(i)}, Weight: []float64{1}}
		loss += t.Weight[i] * ref(row, label)
	}
	return loss
}
