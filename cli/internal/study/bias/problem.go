package bias

import (
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/train"
)

// A Problem is a set of queries to the class side of a model, with scores
// s_j = ⟨h, w_j⟩ + b_j: norms and the temperature are in h and w already.
type Problem struct {
	C, D   int
	W      []float64   // [C,D]
	Bias   []float64   // [C] or nil
	H      [][]float64 // encodings
	Y      []int       // a positive of each
	Counts []float64   // [C] how often a class is a positive in training; nil where unknown
}

func (p *Problem) row(j int) []float64 { return p.W[j*p.D : (j+1)*p.D] }

// minus stores w_j − mu in dst.
func (p *Problem) minus(dst []float64, j int, mu []float64) {
	floats.SubTo(dst, p.row(j), mu)
}

// Scores stores the scores of the encoding h [D] in s [C].
func (p *Problem) Scores(s, h []float64) {
	for j := range s {
		s[j] = floats.Dot(h, p.row(j))
		if p.Bias != nil {
			s[j] += p.Bias[j]
		}
	}
}

// FromTrained takes queries users of a model at random, with a random item of
// each in the train set. The head must score classes by vectors of their own:
// all, or sampled.
func FromTrained(t *train.Recommender, set *data.Dataset, queries int, seed uint64) (*Problem, error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	if _, err := t.ClassScores(); err != nil {
		return nil, fmt.Errorf("bias: %w", err)
	}
	users := set.Train.Active()
	if queries < 1 || queries > len(users) {
		return nil, fmt.Errorf("bias: %d queries of %d users who have items", queries, len(users))
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	rng.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
	users = users[:queries]
	p, err := Queries(t, set, users)
	if err != nil {
		return nil, err
	}
	p.Counts = make([]float64, set.Items)
	for i, n := range set.Train.ItemCounts() {
		p.Counts[i] = float64(n)
	}
	for _, u := range users {
		items := set.Train.ItemsOf(int(u))
		p.Y = append(p.Y, int(items[rng.IntN(len(items))]))
	}
	return p, nil
}

// Queries returns the encodings of users as queries without positives. The head must
// score classes by vectors of their own: all, or sampled.
func Queries(t *train.Recommender, set *data.Dataset, users []int32) (*Problem, error) {
	class, err := t.ClassScores()
	if err != nil {
		return nil, fmt.Errorf("bias: %w", err)
	}
	h, err := t.Encode(users)
	if err != nil {
		return nil, err
	}
	d := class.Dim
	p := &Problem{C: set.Items, D: d, W: wide(class.W)}
	if class.Bias != nil {
		p.Bias = wide(class.Bias)
	}
	x := wide(h)
	if class.Cosine {
		normalize(p.W, d) // at float64
		normalize(x, d)
	}
	for i := range users {
		row := x[i*d : (i+1)*d]
		floats.Scale(1/class.Temperature, row)
		p.H = append(p.H, row)
	}
	return p, nil
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

func normalize(x []float64, d int) {
	for ; len(x) > 0; x = x[d:] {
		floats.Scale(1/kernel.Norm(x[:d]), x[:d])
	}
}

// fullGradient returns the gradient by h of a loss over all classes.
func (p *Problem) fullGradient(l losses.Loss, s []float64, y int) []float64 {
	dz := make([]float64, p.C)
	l.Analytic.F64.Eval(dz, s, losses.Target[float64]{Pos: []int32{int32(y)}, Weight: []float64{1}}, make([]float64, l.Analytic.F64.WorkLen(p.C)))
	g := make([]float64, p.D)
	for j, v := range dz {
		if v != 0 {
			floats.AddScaled(g, v, p.row(j))
		}
	}
	return g
}
