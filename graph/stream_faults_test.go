package graph

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// A faultyStream is priorSoftmax that panics in one of its methods, and in Merge where it
// gets sums that no Init has made.
type faultyStream[T Float] struct {
	priorSoftmax[T]
	layout Layout
	at     string
}

func (l faultyStream[T]) enter(method string) {
	if method == l.at {
		panic("a fault in " + method)
	}
}

func (l faultyStream[T]) Layout() Layout { return l.layout }

func (l faultyStream[T]) Start(_ []float64, _ *RowTarget[T]) { l.enter("Start") }

func (l faultyStream[T]) Init(sums, _ []float64) {
	l.enter("Init")
	if len(sums) > 1 {
		sums[1] = 1
	}
}

func (l faultyStream[T]) Fold(sums, params []float64, z []T, first int) {
	l.enter("Fold")
	l.priorSoftmax.Fold(sums, params, z, first)
}

func (l faultyStream[T]) Merge(dst, src []float64) {
	l.enter("Merge")
	if len(dst) > 1 && (dst[1] != 1 || src[1] != 1) {
		panic("sums that are of no class")
	}
	dst[0] += src[0]
}

func (l faultyStream[T]) Solve(sums, params []float64, t *RowTarget[T]) float64 {
	l.enter("Solve")
	return l.priorSoftmax.Solve(sums, params, t)
}

// Map does not store what does not matter.
func (l faultyStream[T]) Map(dz, z []T, params []float64, first int) {
	l.enter("Map")
	for j, s := range z {
		if !masked(s) {
			l.priorSoftmax.Map(dz[j:j+1], z[j:j+1], params, first+j)
		}
	}
}

// trainLayer runs one step of a linear layer of b rows and c classes.
func trainLayer[T Float](l Analytic, b, c int) error {
	bd := NewBuilder[T]()
	numbers := func(n int) []T {
		x := make([]T, n)
		for i := range x {
			x[i] = T(math.Sin(float64(i)))
		}
		return x
	}
	lin := Linear{H: bd.Param("h", numbers(4*b), b, 4), W: bd.Param("w", numbers(4*c), c, 4)}
	tg, td := bd.Targets("t", b, b)
	if err := td.SetLabels(make([]int32, b)); err != nil {
		return err
	}
	var e Expr
	cost := e.N(MeanRows(e.N(LinearLoss(l, lin, tg)), tg))
	if e.Err != nil {
		return e.Err
	}
	p, err := bd.Train(cost)
	if err != nil {
		return err
	}
	defer p.Close()
	return p.Run()
}

// TestStreamPanics: a panic in a method is an error of the run, on whichever goroutine the
// method runs: a caller could not recover it there, and the process would end.
func TestStreamPanics(t *testing.T) {
	for _, each := range []bool{false, true} {
		for _, at := range []string{"Start", "Init", "Fold", "Merge", "Solve", "Map"} {
			t.Run(fmt.Sprintf("%s,each=%t", at, each), func(t *testing.T) {
				layout := Layout{Sums: 1, Params: 1, Each: each, Balanced: each}
				l := FromStream(faultyStream[float32]{layout: layout, at: at}, faultyStream[float64]{layout: layout, at: at})
				require.ErrorContains(t, trainLayer[float32](l, 200, 3000), "a fault in "+at)
				if at != "Merge" { // rows are not merged
					require.ErrorContains(t, trainLayer[float64](l, 200, 30), "a fault in "+at)
				}
			})
		}
	}
}

// TestStreamMergesRowsThatAre: the panels of a batch have room for more rows than there
// are; a stream never sees the sums of these.
func TestStreamMergesRowsThatAre(t *testing.T) {
	layout := Layout{Sums: 2, Params: 1}
	l := FromStream(faultyStream[float32]{layout: layout}, faultyStream[float64]{layout: layout})
	require.NoError(t, trainLayer[float32](l, 70, 3000))
}

// TestFormsThatCannotRun: ops refuse a form that no row could take.
func TestFormsThatCannotRun(t *testing.T) {
	stream := func(l Layout) Analytic {
		return FromStream(faultyStream[float32]{layout: l}, faultyStream[float64]{layout: l})
	}
	half := func(p float64) float64 { return p * p / 2 }
	linear := func(slope float64) func(x float64) (p, dp float64) {
		return func(x float64) (p, dp float64) { return slope * x, slope }
	}
	for want, l := range map[string]Analytic{
		"a Stream with a Layout of -1 Sums and 1 Params":                               stream(Layout{Sums: -1, Params: 1}),
		"a Stream with a Layout of 1 Sums and -2 Params":                               stream(Layout{Sums: 1, Params: -2}),
		"a Threshold with Reach 0; want":                                               FromThreshold(Threshold{Map: linear(1), Omega: half}),
		"a Threshold with Reach NaN; want":                                             FromThreshold(Threshold{Reach: math.NaN(), Map: linear(1), Omega: half}),
		"a Threshold with Reach +Inf; want":                                            FromThreshold(Threshold{Reach: math.Inf(1), Map: linear(1), Omega: half}),
		"Reach 1; want one above 0 and at most the largest float32, and Map and Omega": FromThreshold(Threshold{Reach: 1, Omega: half}),
		"a Threshold whose Map is 0.5 at its Reach of 1; want 1 or more":               FromThreshold(Threshold{Reach: 1, Map: linear(0.5), Omega: half}),
		"a Threshold whose Map is NaN at its Reach of 1; want 1 or more":               FromThreshold(Threshold{Reach: 1, Map: linear(math.NaN()), Omega: half}),
	} {
		require.ErrorContains(t, trainLayer[float32](l, 3, 5), want)
		require.ErrorContains(t, trainLayer[float32](l.Rows(), 3, 5), want)
		require.ErrorContains(t, trainLayer[float64](l, 3, 5), want)
	}
}

// TestThresholdOfWrongSlopes: the derivative of Map decides how soon ξ is found, never
// where.
func TestThresholdOfWrongSlopes(t *testing.T) {
	z := []float64{0.3, 0.2, 0.1, -5}
	for _, slope := range []float64{1, 1e-3, 1e20, -1, 0, math.Inf(1), math.NaN()} {
		th := Threshold{Reach: 1, Map: func(x float64) (p, dp float64) { return x, slope }, Omega: func(p float64) float64 { return p * p / 2 }}
		p := make([]float64, 4)
		m, xi := th.Predict(p, z)
		require.Equal(t, 0.3, m)
		require.InDelta(t, -13./30, xi, 1e-11, "slope %g", slope)
		for j, want := range []float64{13. / 30, 1. / 3, 7. / 30, 0} {
			require.InDelta(t, want, p[j], 1e-11, "slope %g", slope)
		}
	}
}

// TestThresholdOfNaN: a map that is NaN or infinite within its reach makes the row NaN, by
// rows and by tiles.
func TestThresholdOfNaN(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		th := Threshold{Reach: 1, Map: func(x float64) (p, dp float64) {
			if x > 0.1 && x < 0.9 {
				return bad, 1
			}
			return x, 1
		}, Omega: func(p float64) float64 { return p * p / 2 }}
		row := FromThreshold(th).F64
		z := []float64{0.3, 0.2, 0.1}
		loss := row.Eval(make([]float64, 3), z, Target[float64]{Pos: []int32{0}, Weight: []float64{1}}, make([]float64, row.WorkLen(3)))
		require.True(t, math.IsNaN(loss))
	}
}

// TestStreamOfScoresBeyondFloat32: a class whose score is −Inf in one row, though its bias
// is finite, has no gradient there, and not what another row has left in memory.
func TestStreamOfScoresBeyondFloat32(t *testing.T) {
	bd := NewBuilder[float32]()
	h := bd.Param("h", []float32{1, 1e20, 1}, 3, 1)
	w := bd.Param("w", []float32{1e-20, -1e19, 1e-20}, 3, 1)
	tg, td := bd.Targets("t", 3, 3)
	require.NoError(t, td.SetLabels([]int32{0, 0, 0}))
	layout := Layout{Sums: 1, Params: 1}
	l := FromStream(faultyStream[float32]{layout: layout}, faultyStream[float64]{layout: layout})
	var e Expr
	p, err := bd.Train(e.N(MeanRows(e.N(LinearLoss(l, Linear{H: h, W: w}, tg)), tg)))
	require.NoError(t, e.Err)
	require.NoError(t, err)
	defer p.Close()
	for range 3 {
		require.NoError(t, p.Run())
		for _, g := range p.Grad(h).Data {
			require.InDelta(t, 0, float64(g), 1e-18)
		}
	}
}
