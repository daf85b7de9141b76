package gradcheck

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

func softmax(t *testing.T) losses.Spec {
	t.Helper()
	spec, err := losses.Lookup("softmax")
	require.NoError(t, err)
	return *spec
}

func TestEveryLossPasses(t *testing.T) {
	require.NotEmpty(t, losses.All())
	ks := []int{1, 2, 30}
	if !testing.Short() {
		ks = append(ks, 300)
	}
	for _, spec := range losses.All() {
		t.Run(spec.Name, func(t *testing.T) {
			probes := len(spec.Probes())
			bounds := append(spec.Probes(), spec.Corners()...)
			for _, k := range ks {
				results, err := Run(bounds, Config{K: k, Scale: 1, Seed: 7})
				require.NoError(t, err)
				require.Len(t, results, len(bounds))
				for i, r := range results {
					require.Len(t, r.Entries, 8)
					if i >= probes {
						r = r.AtCorner()
					}
					require.Truef(t, r.OK(), "%s at K = %d: %+v", r.Loss, k, r.Worst())
				}
			}
		})
	}
}

// TestLargeScores: scores that spread over thousands leave the statements equal, for
// what float32 drops of a log-sum-exp is kept beside it.
func TestLargeScores(t *testing.T) {
	for _, spec := range losses.All() {
		for _, k := range []int{10, 100} {
			results, err := Run(spec.Probes(), Config{K: k, Scale: 1000, Seed: 1})
			require.NoError(t, err)
			for _, r := range results {
				require.Truef(t, r.OK(), "%s at K = %d: %+v", r.Loss, k, r.Worst())
			}
		}
	}
}

// wrongRow is a RowLoss with one fault.
type wrongRow[T graph.Float] struct {
	right           graph.RowLoss[T]
	value, gradient T
}

func (w wrongRow[T]) WorkLen(k int) int { return w.right.WorkLen(k) }

func (w wrongRow[T]) Eval(dz, z []T, t graph.Target[T], work []T) T {
	loss := w.right.Eval(dz, z, t, work)
	for j := range dz {
		dz[j] *= w.gradient
	}
	return loss * w.value
}

// TestEveryFaultIsFound breaks one statement at a time by three parts in a
// thousand and expects the columns that compare it, and no other, to fail.
func TestEveryFaultIsFound(t *testing.T) {
	wrong := func(v64, g64, v32, g32 float64) func(losses.Values) graph.Analytic {
		right := softmax(t)
		return func(v losses.Values) graph.Analytic {
			r := right.New(v)
			return graph.Analytic{
				F32: wrongRow[float32]{r.F32, float32(v32), float32(g32)},
				F64: wrongRow[float64]{r.F64, v64, g64},
			}
		}
	}
	const off = 1.003
	for _, c := range []struct {
		name  string
		spoil func(s *losses.Spec)
		want  []string
	}{
		{"value of Row", func(s *losses.Spec) { s.New = wrong(off, 1, 1, 1) }, []string{"value 64"}},
		// The analytic and the fused node carry Eval itself: at float64 they agree
		// with it, and what the float32 form computes rightly does not.
		{"gradient of Row", func(s *losses.Spec) { s.New = wrong(1, off, 1, 1) },
			[]string{"difference 64", "symbolic 64", "symbolic 32", "analytic 32", "fused 32"}},
		{"gradient of Row at float32", func(s *losses.Spec) { s.New = wrong(1, 1, 1, off) }, []string{"analytic 32", "fused 32"}},
		{"gradient that is not a number", func(s *losses.Spec) { s.New = wrong(1, 1, 1, math.NaN()) }, []string{"analytic 32", "fused 32"}},
		{"Ref", func(s *losses.Spec) {
			ref := s.Ref
			s.Ref = func(v losses.Values, z []float64, t losses.Target[float64]) float64 { return off * ref(v, z, t) }
		}, []string{"value 64", "difference 64"}},
		{"Node", func(s *losses.Spec) {
			node := s.Node
			s.Node = func(v losses.Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
				var e graph.Expr
				return e.N(graph.Scale(e.N(node(v, z, t)), off)), e.Err
			}
		}, []string{"symbolic 64", "symbolic 32"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := softmax(t)
			c.spoil(&spec)
			results, err := Run([]losses.Loss{spec.Bind(spec.Defaults())}, Config{K: 9, Scale: 1, Seed: 3})
			require.NoError(t, err)
			var got []string
			for _, e := range results[0].Entries {
				if !e.OK() {
					got = append(got, e.Against+map[int]string{64: " 64", 32: " 32"}[e.Bits])
					require.NotEmpty(t, e.Where)
				}
			}
			require.ElementsMatch(t, c.want, got)
			require.False(t, results[0].OK())
			require.False(t, results[0].Worst().OK())
		})
	}
}

// remainder is am-softmax whose other positives' share is a difference of sums, in
// which the share of a label that leads drowns it.
type remainder struct{ scale, margin float64 }

func (remainder) WorkLen(int) int { return 0 }

func (l remainder) Eval(dz, z []float64, t graph.Target[float64], _ []float64) float64 {
	m := slices.Max(z)
	at := func(i int) (w, rivals, sum float64) {
		y := int(t.Pos[i])
		for j, c := range z {
			if j != y {
				rivals += math.Exp(l.scale * (c - m))
			}
		}
		return t.Weight[i], rivals, rivals + math.Exp(l.scale*(z[y]-l.margin-m))
	}
	var loss, share float64
	for i, y := range t.Pos {
		w, _, sum := at(i)
		loss += w * (math.Log(sum) - l.scale*(z[y]-l.margin-m))
		share += w / sum
	}
	for j, c := range z {
		dz[j] = l.scale * share * math.Exp(l.scale*(c-m))
	}
	for i, y := range t.Pos {
		w, rivals, sum := at(i)
		dz[y] = l.scale * (max(share-w/sum, 0)*math.Exp(l.scale*(z[y]-m)) - w*rivals/sum)
	}
	return loss
}

// TestALostRemainderIsFound: the rows hold positives so far apart that digits which
// a difference of sums loses are missed.
func TestALostRemainderIsFound(t *testing.T) {
	right, err := losses.Parse("am-softmax:scale=64,margin=0.8")
	require.NoError(t, err)
	wrong := right
	wrong.Analytic.F64 = remainder{64, 0.8}
	for _, k := range []int{2, 3, 9} {
		for seed := range uint64(5) {
			results, err := Run([]losses.Loss{right, wrong}, Config{K: k, Scale: 1, Seed: seed})
			require.NoError(t, err)
			require.Truef(t, results[0].OK(), "K = %d, seed %d: %+v", k, seed, results[0].Worst())
			require.Falsef(t, results[1].OK(), "K = %d, seed %d: nothing is missed", k, seed)
		}
	}
}

// TestRunIsReproducible also holds that a loss is checked on the same rows
// whether it is alone or beside others.
func TestRunIsReproducible(t *testing.T) {
	spec := softmax(t)
	c := Config{K: 20, Scale: 3, Seed: 11}
	all, err := Run(spec.Probes(), c)
	require.NoError(t, err)
	alone, err := Run(spec.Probes()[:1], c)
	require.NoError(t, err)
	require.Equal(t, alone[0].Entries, all[0].Entries)
}

func TestScoresAreFloat32Numbers(t *testing.T) {
	spec := softmax(t)
	for _, scale := range []float64{1e-3, 0.3, 1, 10, 1e4} {
		s := newSample(spec.Bind(spec.Defaults()), Config{K: 500, Scale: scale, Seed: 5})
		sum := 0.0
		for i, z := range s.z {
			require.Equal(t, z, float64(float32(z)))
			sum += z * z
			// The same in the order that loses most.
			var f float32
			for q := width - 1; q >= 0; q-- {
				f += float32(s.h[i/500*width+q]) * float32(s.w[i%500*width+q])
			}
			require.Equal(t, z, float64(f+float32(s.bias[i%500])))
		}
		sd := math.Sqrt(sum / float64(len(s.z)))
		require.InDelta(t, 1, sd/scale, 0.5, "scale %g", scale)
	}
}

func TestValidateReportsAllFaults(t *testing.T) {
	err := Config{K: 0, Scale: math.NaN()}.Validate()
	require.ErrorContains(t, err, "K = 0")
	require.ErrorContains(t, err, "scale = NaN")
	_, err = Run(nil, Config{})
	require.Error(t, err)
}
