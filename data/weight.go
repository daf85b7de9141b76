package data

import (
	"fmt"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A RowWeight says what counts as one in the mean Σwℓ/Σw over training rows: the weight of
// a row that has n interactions as its targets, of a context that has m in all rows
// together, is n·m^−γ. So tasks user, a row of whose has n = m, and pair, n = 1, weigh a
// context alike, and under a loss whose gradient is affine in the target both are one
// objective.
type RowWeight string

// The weights. Exact softmax over every interaction is ByInteraction: the rows of a user
// with m interactions then count m.
const (
	ByInteraction RowWeight = "interaction" // γ = 0: rows weigh n, interactions alike
	ByUser        RowWeight = "user"        // γ = 1: rows weigh n/m, contexts alike
	BySqrt        RowWeight = "sqrt"        // γ = ½: rows weigh n/√m
)

// String returns the text of w.
func (w RowWeight) String() string { return string(w) }

// RowWeights lists the choices.
func RowWeights() []string {
	return []string{string(ByInteraction), string(ByUser), string(BySqrt)}
}

// ParseRowWeight returns the weight of that name; the error of an unknown one lists the
// choices.
func ParseRowWeight(text string) (RowWeight, error) {
	if !slices.Contains(RowWeights(), text) {
		return "", fmt.Errorf("data: unknown row weight %q%s", text, registry.Offer(text, RowWeights()))
	}
	return RowWeight(text), nil
}

// Weighted returns e with its rows weighed by w. Weights that e has are multiplied: they
// say what an example is worth beside that. A context is the id of the field "user", where
// each row has one, else the row of Context; classes of a target count one each, whatever
// their weights within it, and a row without any, which is padding, keeps its own. The
// other slices are shared. Weight is nil where every row weighs 1.
func (e *Examples) Weighted(w RowWeight) (*Examples, error) {
	if _, err := ParseRowWeight(string(w)); err != nil {
		return nil, err
	}
	if e == nil || e.Context == nil {
		return nil, fmt.Errorf("data: no examples to weigh")
	}
	if err := e.checkBounds(); err != nil {
		return nil, err
	}
	context := func(i int) int32 { return e.Row[i] }
	if f, err := e.Context.Field("user"); err == nil && f.single() {
		context = func(i int) int32 { return f.One(int(e.Row[i])) }
	}
	total := map[int32]int{}
	for i := range e.Row {
		total[context(i)] += len(e.Targets.Row(i))
	}
	gamma := map[RowWeight]float64{ByInteraction: 0, ByUser: 1, BySqrt: 0.5}[w]
	out := *e
	out.Weight = make([]float32, len(e.Row))
	alike := true
	for i := range e.Row {
		share := 1.0
		if e.Weight != nil {
			share = float64(e.Weight[i])
		}
		if n := len(e.Targets.Row(i)); n > 0 {
			share *= float64(n) * math.Pow(float64(total[context(i)]), -gamma)
		}
		out.Weight[i] = float32(share)
		alike = alike && out.Weight[i] == 1
	}
	if alike {
		out.Weight = nil
	}
	return &out, nil
}
