package models

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
)

// TestProbabilities: what a head declares its rankers do, and under every loss that permits
// it the probabilities of all classes sum to 1, are of the textbook form, in the order in
// which classes rank, the same beside other rows and at any GOMAXPROCS; other losses say
// why not.
func TestProbabilities(t *testing.T) {
	set := demo(t)
	all := make([]int32, set.Items)
	for c := range all {
		all[c] = int32(c)
	}
	want := func(int) []int32 { return all }
	given, refused := []string{}, []string{}
	for _, spec := range losses.All() {
		l := spec.Bind(spec.Defaults())
		odds, err := oddsScale(l)
		if err != nil {
			refused = append(refused, spec.Name)
		} else {
			given = append(given, spec.Name)
		}
		for _, text := range []string{"all", "sampled:n=4", "tree", "classes:k=4", "adaptive"} {
			s, scheme := settingFor(set, l, text)
			s.Init = 1
			kind, errKind := ParseHead(scheme)
			require.NoError(t, errKind)
			choice := Choice{Loss: l, Head: kind}
			require.Equal(t, err != nil, choice.Probabilities() != nil)
			ranker := rankerOf(t, scheme, s)
			prober, ok := ranker.(Prober)
			require.Equal(t, kind.Spec.Probabilities, ok, text)
			h := []float32{1, 2, -3, 1, 0, 0.5, -1, 2, 0, 1}
			logP := make([][]float64, 2)
			got := prober.LogProbs(logP, slices.Clone(h), want)
			if err != nil {
				require.EqualError(t, got, err.Error())
				continue
			}
			require.NoError(t, got)
			for i := range logP {
				require.Len(t, logP[i], set.Items)
				sum := 0.0
				for _, lp := range logP[i] {
					require.LessOrEqual(t, lp, 0.0)
					sum += math.Exp(lp)
				}
				require.InDelta(t, 1, sum, 1e-5, "%s with %s", l, text)
				alone := make([][]float64, 1)
				require.NoError(t, prober.LogProbs(alone, slices.Clone(h[5*i:5*i+5]), func(int) []int32 { return []int32{7, 3} }))
				require.Equal(t, []float64{logP[i][7], logP[i][3]}, alone[0], "beside other rows")
			}
			tops := make([]Top, 2)
			require.NoError(t, ranker.Rank(tops, slices.Clone(h), func(int) []int32 { return nil }, set.Items))
			for i, top := range tops {
				for r := 1; r < len(top.IDs); r++ {
					require.GreaterOrEqual(t, logP[i][top.IDs[r-1]]+1e-5, logP[i][top.IDs[r]], "%s with %s: rank %d", l, text, r)
				}
				if text == "all" { // log p is odds·z less a constant
					for r := range top.IDs {
						require.InDelta(t, odds*float64(top.Scores[r]-top.Scores[0]), logP[i][top.IDs[r]]-logP[i][top.IDs[0]], 1e-4*(1+odds))
					}
				}
			}
			procs := runtime.GOMAXPROCS(3)
			again := make([][]float64, 2)
			err := prober.LogProbs(again, slices.Clone(h), want)
			runtime.GOMAXPROCS(procs)
			require.NoError(t, err)
			require.Equal(t, logP, again)
			require.ErrorContains(t, prober.LogProbs(again, slices.Clone(h), func(int) []int32 { return []int32{int32(set.Items)} }), "outside [0,")
			require.ErrorContains(t, prober.LogProbs(again, h[:5], want), "have 5 numbers")
			h[2] = float32(math.NaN())
			require.ErrorContains(t, prober.LogProbs(again, h, want), "the model has diverged")
		}
	}
	for _, name := range []string{"softmax", "bce", "nce", "bpr", "cosine", "arcface", "am-softmax", "hinge", "sl"} {
		require.Contains(t, given, name)
	}
	for _, name := range []string{"sparsemax", "entmax", "squared", "taylor", "spherical", "ccl", "perceptron"} {
		require.Contains(t, refused, name)
	}
	choice, err := Resolve("sparsemax", "", 0)
	require.NoError(t, err)
	require.ErrorContains(t, choice.Probabilities(), "loss sparsemax has a map of its own from scores to shares, which is no softmax")
	require.ErrorContains(t, choice.Probabilities(), "the losses that have such scores are am-softmax, arcface, bce")
	l, err := losses.Parse("softmax:tau=0.5")
	require.NoError(t, err)
	odds, err := oddsScale(l)
	require.NoError(t, err)
	require.InDelta(t, 2, odds, 1e-9)
}
