package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// priorSoftmax is the cross-entropy of p ∝ π_c e^{z_c} with the prior π_c = 1/(1+c): a
// stream that needs to know which classes it sees. It keeps Σ π e^z as it is, of scores
// that are small.
type priorSoftmax[T Float] struct {
	Additive[T]
	each bool
}

func (l priorSoftmax[T]) Layout() Layout { return Layout{Sums: 1, Params: 1, Each: l.each} }

func prior(class int) float64 { return 1 / float64(1+class) }

func (priorSoftmax[T]) Fold(sums, _ []float64, z []T, first int) {
	for j, s := range z {
		sums[0] += prior(first+j) * math.Exp(float64(s))
		z[j] = 7 // it may be overwritten
	}
}

func (priorSoftmax[T]) Solve(sums, params []float64, t *RowTarget[T]) (loss float64) {
	total := sums[0]
	for i, z := range t.Z {
		total += prior(int(t.Pos[i])) * math.Exp(float64(z))
	}
	params[0] = total
	for i, z := range t.Z {
		p, w := prior(int(t.Pos[i]))*math.Exp(float64(z))/total, float64(t.Weight[i])
		if len(t.Z) == 1 {
			w = 1
		}
		loss -= w * math.Log(p)
		t.Grad[i] = p - w
	}
	return loss
}

func (priorSoftmax[T]) Map(dz, z []T, params []float64, first int) {
	for j, s := range z {
		dz[j] = T(prior(first+j) * math.Exp(float64(s)) / params[0])
	}
}

// streamLayer returns loss and gradients of a stream's linear layer, with the class c−2
// masked, and rows of one target, of three and of none.
func streamLayer[T Float](t *testing.T, l Analytic, b, c, d int) (float64, [3][]float64) {
	rng := rand.New(rand.NewPCG(1, uint64(c)))
	bd := NewBuilder[T]()
	normal := func(n int) []T {
		x := make([]T, n)
		for i := range x {
			x[i] = T(float32(0.5 * rng.NormFloat64()))
		}
		return x
	}
	bias := normal(c)
	bias[c-2] = T(math.Inf(-1))
	lin := Linear{H: bd.Param("h", normal(b*d), b, d), W: bd.Param("w", normal(c*d), c, d), Bias: bd.Param("bias", bias, c)}
	tg, td := bd.Targets("t", b, 3*b)
	for i := range b {
		switch i % 3 {
		case 0:
			require.NoError(t, td.Append([]int32{int32(i * (c - 3) / b)}, nil))
		case 1:
			require.NoError(t, td.Append([]int32{0, int32(c / 2), int32(c - 1)}, []T{0.25, 0.5, 0.25}))
		default:
			require.NoError(t, td.Append(nil, nil))
		}
	}
	var e Expr
	p, err := bd.Train(e.N(MeanRows(e.N(LinearLoss(l, lin, tg)), tg)))
	require.NoError(t, e.Err)
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Run())
	var grads [3][]float64
	for i, n := range []node{lin.H, lin.W, lin.Bias} {
		for _, v := range p.Grad(n).Data {
			grads[i] = append(grads[i], float64(v))
		}
	}
	return float64(p.Cost()), grads
}

// TestStream holds a stream of tiles against the same stream of rows, at float64.
func TestStream(t *testing.T) {
	for _, each := range []bool{false, true} {
		for _, size := range [][3]int{{4, 5, 3}, {70, 1300, 9}} {
			t.Run(fmt.Sprintf("each=%t,C=%d", each, size[1]), func(t *testing.T) {
				l := FromStream(priorSoftmax[float32]{each: each}, priorSoftmax[float64]{each: each})
				l.Text = "prior"
				require.True(t, l.Fused())
				require.False(t, l.Rows().Fused())
				want, dwant := streamLayer[float64](t, l, size[0], size[1], size[2])
				for what, form := range map[string]Analytic{"tiles": l, "rows": l.Rows()} {
					got, dgot := streamLayer[float32](t, form, size[0], size[1], size[2])
					require.Truef(t, check.Near(got, want, 1e-5, 1e-6), "%s: %g, want %g", what, got, want)
					for i := range dwant {
						require.Len(t, dgot[i], len(dwant[i]))
						for j := range dwant[i] {
							require.InDelta(t, dwant[i][j], dgot[i][j], 1e-5, "%s: gradient %d, entry %d", what, i, j)
						}
					}
				}
			})
		}
	}
}

// TestStreamSameBitsAtAnyGOMAXPROCS: summaries merge in the order of classes.
func TestStreamSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	l := FromStream(priorSoftmax[float32]{}, priorSoftmax[float64]{})
	l.Text = "prior"
	want, dwant := streamLayer[float32](t, l, 70, 3000, 9)
	for _, n := range []int{1, 3, 8} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
		got, dgot := streamLayer[float32](t, l, 70, 3000, 9)
		require.Equal(t, want, got)
		require.Equal(t, dwant, dgot)
	}
}

// TestStreamOfBadScores: NaN and +Inf make a row NaN, whatever the stream makes of them.
func TestStreamOfBadScores(t *testing.T) {
	row := RowOf[float64](deafStream{})
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		z := []float64{1, bad, math.Inf(-1)}
		loss := row.Eval(make([]float64, 3), z, Target[float64]{Pos: []int32{0}, Weight: []float64{1}}, make([]float64, row.WorkLen(3)))
		require.True(t, math.IsNaN(loss))
	}
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		for _, label := range []int32{0, 2} { // beside it and at it
			bd := NewBuilder[float32]()
			h, w := bd.Param("h", []float32{1}, 1, 1), bd.Param("w", []float32{1, 0, bad}, 3, 1)
			tg, td := bd.Targets("t", 1, 1)
			require.NoError(t, td.SetLabels([]int32{label}))
			var e Expr
			loss := e.N(LinearLoss(Analytic{Text: "deaf", F32: RowOf[float32](deafStream32{}), F64: row}, Linear{H: h, W: w}, tg))
			p, err := bd.Eval(loss)
			require.NoError(t, e.Err)
			require.NoError(t, err)
			require.NoError(t, p.Run())
			require.True(t, math.IsNaN(float64(p.Value(loss)[0])))
			require.NoError(t, p.Close())
		}
	}
}

// deaf streams are 1 whatever the scores are.
type deaf[T Float] struct{ Additive[T] }

func (deaf[T]) Layout() Layout                                { return Layout{} }
func (deaf[T]) Fold(_, _ []float64, _ []T, _ int)             {}
func (deaf[T]) Solve(_, _ []float64, _ *RowTarget[T]) float64 { return 1 }
func (deaf[T]) Map(dz, _ []T, _ []float64, _ int)             { clear(dz) }

type deafStream = deaf[float64]
type deafStream32 = deaf[float32]
