package metric

import (
	"math"
	"slices"
)

// Graded-NDCG@K = DCG@K / IDCG@K where a relevant class gains by its grade g ≥ 0, such as its
// rating: DCG@K = Σ_{r≤K} gain(g_r)/log₂(r+1), with gain 2^g − 1 or g and of a class that is not
// relevant 0, and IDCG@K that of the relevant classes in the order of falling grades, ranked or
// not. An example whose classes all have the grade 0 has nothing to gain: its value is 0.
func init() {
	Register(Metric{
		Name:   "graded-ndcg",
		Doc:    "Σ_{r≤K} gain(g_r)/log₂(r+1) divided by its best value, g the grade of a relevant class, its rating: NDCG for data with ratings",
		Source: "Järvelin, Kekäläinen: Cumulated gain-based evaluation of IR techniques (2002), gain=linear; Burges et al.: Learning to rank using gradient descent (ICML 2005), section 6, gain=exp and the discount",
		Graded: true,
		Params: []Param{{
			Name: "gain", Doc: "what a class of grade g gains: exp is 2^g − 1, linear is g",
			Choices: func() []string { return []string{"exp", "linear"} }, DefaultString: "exp",
		}},
		With: func(v Values) (func(k int, s Set) Accumulator, func(all []Whole, k int, s Set) float64) {
			if v.String("gain") == "linear" {
				return gradedNDCG(linearGain), gradedRef(func(g float64) float64 { return g })
			}
			return gradedNDCG(expGain), gradedRef(func(g float64) float64 { return math.Pow(2, g) - 1 })
		},
	})
}

// A gain returns what a grade is worth, up to a factor that is the same for all grades of an
// example, of which most is the largest and above 0: no grade is too large.
type gain func(grade, most float64) float64

// expGain is (2^g − 1)/2^most.
func expGain(g, most float64) float64 { return math.Exp2(g-most) * -math.Expm1(-g*math.Ln2) }

// linearGain is g/most.
func linearGain(g, most float64) float64 { return g / most }

func gradedNDCG(of gain) func(k int, s Set) Accumulator {
	return func(k int, _ Set) Accumulator {
		var own []float64 // the grades of an example, falling: scratch
		return &mean{score: func(l List) float64 {
			own = own[:0]
			for _, g := range l.Grade {
				own = append(own, float64(g))
			}
			slices.Sort(own)
			slices.Reverse(own)
			if len(own) == 0 || own[0] == 0 {
				return 0
			}
			dcg, ideal := 0.0, 0.0
			for r, hit := range l.Hit {
				if hit {
					at, _ := slices.BinarySearch(l.Relevant, l.IDs[r])
					dcg += of(float64(l.Grade[at]), own[0]) / math.Log2(float64(r+2))
				}
			}
			for r, g := range own[:min(k, len(own))] {
				ideal += of(g, own[0]) / math.Log2(float64(r+2))
			}
			return min(1, dcg/ideal) // sums in another order may pass by a rounding
		}}
	}
}

// gradedRef looks each relevant class up in the whole ranking.
func gradedRef(of func(grade float64) float64) func(all []Whole, k int, s Set) float64 {
	return func(all []Whole, k int, _ Set) float64 {
		value := 0.0
		for _, w := range all {
			dcg, ideal := 0.0, 0.0
			for i, c := range w.Relevant {
				g := float64(w.Grade[i])
				if place := slices.Index(w.IDs, c); place >= 0 && place < k {
					dcg += of(g) * math.Ln2 / math.Log1p(float64(place+1))
				}
				better := 0 // classes that come before it in the best ranking
				for j, other := range w.Grade {
					if float64(other) > g || float64(other) == g && j < i {
						better++
					}
				}
				if better < k {
					ideal += of(g) * math.Ln2 / math.Log1p(float64(better+1))
				}
			}
			if ideal > 0 {
				value += dcg / ideal / float64(len(all))
			}
		}
		return value
	}
}
