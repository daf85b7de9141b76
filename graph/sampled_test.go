package graph

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// sampledData is a batch of 4 rows: one positive, three, none (padding), one;
// 5 draws a row, some of them hits, one an empty place.
type sampledData struct {
	pos, neg, posLogQ, logQ []float64
	targets                 []Target[float64]
	ids, from               []int32
	shared                  bool
}

func newSampledData(shared, from bool) sampledData {
	rng := rand.New(rand.NewPCG(11, 12))
	normal := func(n int, shift float64) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64() + shift
		}
		return x
	}
	d := sampledData{shared: shared, pos: normal(7, 0), neg: normal(20, 0), posLogQ: normal(7, -3), logQ: normal(20, -3),
		targets: []Target[float64]{
			{Pos: []int32{3}, Weight: []float64{1}},
			{Pos: []int32{0, 3, 8}, Weight: []float64{0.25, 0.5, 0.25}},
			{},
			{Pos: []int32{7}, Weight: []float64{1}},
		},
		ids: []int32{3, 1, 8, -1, 3, 3, 0, 2, 8, 8, 1, 1, 1, 1, 1, 7, 7, 7, -1, 7}}
	if shared {
		d.ids, d.logQ = d.ids[:5], d.logQ[:5]
	}
	if from {
		d.from = []int32{0, 3, -1, -1, 1}
	}
	return d
}

// loss is the definition of a positive's loss, one candidate at a time.
func (d sampledData) loss(row RowLoss[float64], row_, at int, y int32, c Correction, drop bool) float64 {
	z := []float64{d.pos[at]}
	var lq []float64
	for j := range 5 {
		m := row_*5 + j
		own := m
		if d.shared {
			own = j
		}
		id := d.ids[own]
		if id < 0 || d.from != nil && d.from[j] == int32(row_) || (drop || c == CorrectImportance) && id == y {
			continue
		}
		z, lq = append(z, d.neg[m]), append(lq, d.logQ[own])
	}
	k := float64(len(lq))
	switch {
	case k == 0:
	case c == CorrectLogQ:
		z[0] -= 0.7 * (math.Log(k) + d.posLogQ[at])
		for j := range lq {
			z[1+j] -= 0.7 * (math.Log(k) + lq[j])
		}
	case c == CorrectImportance:
		for j := range lq {
			z[1+j] -= 0.7 * math.Log(k*math.Exp(lq[j])/(1-math.Exp(d.posLogQ[at])))
		}
	}
	return row.Eval(make([]float64, len(z)), z, Target[float64]{Pos: []int32{0}, Weight: []float64{1}}, make([]float64, row.WorkLen(len(z))))
}

// TestSampledLoss holds values against the definition and gradients against
// central differences, for every correction, with hits and without.
func TestSampledLoss(t *testing.T) {
	for _, l := range []Analytic{testAnalytic(0.7), {Text: "many", F32: testMany[float32]{testSoftmax[float32]{0.7}}, F64: testMany[float64]{testSoftmax[float64]{0.7}}}} {
		testSampledLoss(t, l)
	}
	testSampledLoss(t, testDefined(0.7))
}

// testMany takes several positives one after the other.
type testMany[T Float] struct{ testSoftmax[T] }

func (l testMany[T]) EvalShared(dpos, dneg, pos, neg, weight []T) T {
	z := append([]T{0}, neg...)
	dz := make([]T, len(z))
	clear(dneg)
	var loss T
	for i, s := range pos {
		z[0] = s
		loss += weight[i] * l.Eval(dz, z, Target[T]{Pos: []int32{0}, Weight: []T{1}}, make([]T, l.WorkLen(len(z))))
		dpos[i] = weight[i] * dz[0]
		for j, d := range dz[1:] {
			dneg[j] += weight[i] * d
		}
	}
	return loss
}

func testSampledLoss(t *testing.T, l Analytic) {
	for _, shared := range []bool{false, true} {
		for _, from := range []bool{false, true} {
			for c := Uncorrected; c <= CorrectImportance; c++ {
				for _, drop := range []bool{false, true} {
					d := newSampledData(shared, from)
					b := NewBuilder[float64]()
					tg, td := b.Targets("t", 4, 7)
					require.NoError(t, td.Set(d.targets))
					s := Sampled{Correction: c, DropHits: drop, Classes: 9, Unit: 0.7}
					s.Pos, s.Neg = b.Param("pos", d.pos, 7), b.Param("neg", d.neg, 4, 5)
					var id, fr []int32
					var lq, plq []float64
					if shared {
						s.IDs, id = b.Indices("ids", 5)
						s.LogQ, lq = b.Input("logq", 5)
					} else {
						s.IDs, id = b.IndexMatrix("ids", 4, 5)
						s.LogQ, lq = b.Input("logq", 4, 5)
					}
					s.PosLogQ, plq = b.Input("poslogq", 7)
					copy(id, d.ids)
					copy(lq, d.logQ)
					copy(plq, d.posLogQ)
					if from {
						s.From, fr = b.Indices("from", 5)
						copy(fr, d.from)
					}
					loss, err := SampledLoss(l, s, tg)
					require.NoError(t, err)
					u, up := b.Input("u", 4)
					copy(up, []float64{1, 2.5, 7, -0.5})
					var e Expr
					cost := e.N(Sum(e.N(Mul(loss, u))))
					require.NoError(t, e.Err)
					p, err := b.Train(cost)
					require.NoError(t, err)
					_, err = CheckGradient(p, GradientCheck{Probes: 50})
					require.NoErrorf(t, err, "shared=%v from=%v correction=%d drop=%v", shared, from, c, drop)
					require.NoError(t, p.Close())

					eval, err := b.Eval(loss)
					require.NoError(t, err)
					require.NoError(t, eval.Run())
					at := 0
					for i, target := range d.targets {
						want := 0.0
						for j, y := range target.Pos {
							want += target.Weight[j] * d.loss(l.F64, i, at, y, c, drop)
							at++
						}
						require.Truef(t, check.Near(eval.Value(loss)[i], want, 1e-12, 1e-12), "row %d is %g, want %g", i, eval.Value(loss)[i], want)
					}
					require.NoError(t, eval.Close())
				}
			}
		}
	}
}

// TestRaggedLoss holds segments and pairs against Loss, and their gradients and
// those of SegmentSum against central differences.
func TestRaggedLoss(t *testing.T) {
	testRaggedLoss(t, testAnalytic(0.7), 0)
	testRaggedLoss(t, testDefined(0.7), 1e-13)
	testRaggedLoss(t, testDefinedEach(0.7), 1e-13)
}

func testRaggedLoss(t *testing.T, l Analytic, tol float64) {
	b := NewBuilder[float64]()
	zd := []float64{0.3, -1, 0.7, 2, 0.1, -0.4, 1.1, 5, 9}
	z := b.Param("z", zd, 9)
	ptr, ptrd := b.Indices("ptr", 5)
	copy(ptrd, []int32{0, 3, 4, 7, 7})
	tg, td := b.Targets("t", 4, 6)
	targets := []Target[float64]{{Pos: []int32{2}, Weight: []float64{1}}, {Pos: []int32{0}, Weight: []float64{1}}, {Pos: []int32{0, 2}, Weight: []float64{0.75, 0.25}}, {}}
	require.NoError(t, td.Set(targets))
	seg, err := RaggedLoss(l, z, ptr, tg)
	require.NoError(t, err)
	bit, bits := b.Indices("bit", 9)
	copy(bits, []int32{0, 1, 1, -1, 0, 1, 0, -1, 1})
	pair, err := BinaryLoss(l, z, bit)
	require.NoError(t, err)
	row, rows := b.Indices("row", 9)
	copy(rows, []int32{1, 0, 1, 1, -1, 2, 2, 2, 0})
	weight, weights := b.Input("weight", 9)
	for i := range weights {
		weights[i] = 0.5 + float64(i)
	}
	sum, err := SegmentSum(pair, weight, row, 3)
	require.NoError(t, err)
	u, up := b.Input("u", 4)
	copy(up, []float64{1, -2, 3, 4})
	var e Expr
	cost := e.N(Add(e.N(Sum(e.N(Mul(seg, u)))), e.N(Sum(e.N(Square(sum))))))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	_, err = CheckGradient(p, GradientCheck{Probes: 50})
	require.NoError(t, err)

	eval, err := b.Eval(seg, pair, sum)
	require.NoError(t, err)
	defer eval.Close()
	require.NoError(t, eval.Run())
	for i, target := range targets {
		want := 0.0
		if len(target.Pos) > 0 {
			s := zd[ptrd[i]:ptrd[i+1]]
			want = l.F64.Eval(make([]float64, len(s)), s, target, make([]float64, l.F64.WorkLen(len(s))))
		}
		require.InDelta(t, want, eval.Value(seg)[i], tol)
	}
	sums := make([]float64, 3)
	for m, y := range bits {
		want := 0.0
		if y >= 0 {
			want = l.F64.Eval(make([]float64, 2), []float64{0, zd[m]}, Target[float64]{Pos: []int32{y}, Weight: []float64{1}}, make([]float64, l.F64.WorkLen(2)))
		}
		require.InDelta(t, want, eval.Value(pair)[m], tol)
		if rows[m] >= 0 {
			sums[rows[m]] += weights[m] * want
		}
	}
	require.InDeltaSlice(t, sums, eval.Value(sum), 20*tol)

	ptrd[2] = 10
	require.ErrorContains(t, eval.Run(), "segment 1 is [3:10] of 9 scores")
	copy(ptrd, []int32{0, 1, 4, 7, 7})
	require.ErrorContains(t, eval.Run(), "segment 0: position 2 of 1 candidates")
	copy(ptrd, []int32{0, 3, 4, 7, 7})
	bits[1] = 2
	require.ErrorContains(t, eval.Run(), "bit 2 at place 1")
	bits[1] = 1
	rows[0] = 3
	require.ErrorContains(t, eval.Run(), "row 3 at place 0")
}

// TestSampledFaults names what is missing.
func TestSampledFaults(t *testing.T) {
	b := NewBuilder[float64]()
	tg, _ := b.Targets("t", 2, 3)
	ids, _ := b.Indices("ids", 4)
	s := Sampled{Pos: b.Param("pos", make([]float64, 3), 3), Neg: b.Param("neg", make([]float64, 8), 2, 4), IDs: ids, Classes: 5}
	_, err := SampledLoss(testAnalytic(0.7), s, tg)
	require.NoError(t, err)
	for want, change := range map[string]func(*Sampled){
		"scores of positives are": func(s *Sampled) { s.Pos = b.Param("short", make([]float64, 2), 2) },
		"classes of draws are":    func(s *Sampled) { s.IDs = nil },
		"log q of positives are":  func(s *Sampled) { s.Correction = CorrectLogQ },
		"rows of draws are":       func(s *Sampled) { s.From = b.Param("from", make([]float64, 1), 1) },
		"the scores of draws":     func(s *Sampled) { s.Neg = nil },
	} {
		broken := s
		change(&broken)
		_, err := SampledLoss(testAnalytic(0.7), broken, tg)
		require.ErrorContains(t, err, want)
	}
	_, err = SampledLoss(Analytic{}, s, tg)
	require.ErrorContains(t, err, "no analytic form")
	var none *gorgonia.Node
	_, err = RaggedLoss(testAnalytic(0.7), none, ids, tg)
	require.ErrorContains(t, err, "z is nil")
}

// testLogistic sums log(1+e^∓z): unlike a softmax, it sees what all scores gain.
type testLogistic[T Float] struct{}

func (testLogistic[T]) WorkLen(int) int { return 0 }

func (l testLogistic[T]) Eval(dz, z []T, _ Target[T], _ []T) T {
	return l.EvalShared(dz[:1], dz[1:], z[:1], z[1:], []T{1})
}

func (testLogistic[T]) EvalShared(dpos, dneg, pos, neg, weight []T) T {
	var loss, mass float64
	for i, s := range pos {
		w := float64(weight[i])
		mass += w
		loss += w * math.Log1p(math.Exp(-float64(s)))
		dpos[i] = T(-w / (1 + math.Exp(float64(s))))
	}
	for j, s := range neg {
		loss += mass * math.Log1p(math.Exp(float64(s)))
		dneg[j] = T(mass / (1 + math.Exp(-float64(s))))
	}
	return T(loss)
}

// TestSampledLossAlone: positives that keep no draw are alone, with the scores that
// they have, also where they are taken together.
func TestSampledLossAlone(t *testing.T) {
	b := NewBuilder[float64]()
	scores := []float64{1, -2, 0.5}
	tg, data := b.Targets("t", 1, 3)
	require.NoError(t, data.Append([]int32{1, 2, 5}, nil))
	ids, id := b.IndexMatrix("ids", 1, 2)
	copy(id, []int32{-1, -1})
	s := Sampled{Pos: b.Param("pos", scores, 3), Neg: b.Param("neg", []float64{1, 2}, 1, 2), IDs: ids, Correction: CorrectLogQ, Classes: 9}
	s.LogQ, _ = b.Input("logq", 1, 2)
	var logQ []float64
	s.PosLogQ, logQ = b.Input("poslogq", 3)
	copy(logQ, []float64{-1, -2, -3})
	loss, err := SampledLoss(Analytic{Text: "logistic", F32: testLogistic[float32]{}, F64: testLogistic[float64]{}}, s, tg)
	require.NoError(t, err)
	p, err := b.Eval(loss)
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Run())
	want := 0.0
	for _, z := range scores {
		want += math.Log1p(math.Exp(-z)) / 3
	}
	require.InDelta(t, want, p.Value(loss)[0], 1e-12)
}

// A correction is its text and back, and another text is an error with the choices.
func TestParseCorrection(t *testing.T) {
	require.Equal(t, []string{"none", "logq", "importance"}, Corrections())
	for i, text := range Corrections() {
		c, err := ParseCorrection(text)
		require.NoError(t, err)
		require.Equal(t, Correction(i), c)
		require.Equal(t, text, c.String())
	}
	_, err := ParseCorrection("log-q")
	require.EqualError(t, err, `graph: unknown correction "log-q"; the choices are none, logq, importance`)
}
