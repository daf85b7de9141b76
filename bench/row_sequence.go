package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// The rows of histories: what encoders of sequences are made of, on segments of rows that
// lie end to end here, and are padded to the longest in PyTorch, as its users write them.
func init() {
	even := func(length int) func(*rand.Rand) int { return func(*rand.Rand) int { return length } }
	// Of a set such as Amazon's Beauty: 9 events on average, 50 at most.
	ragged := func(r *rand.Rand) int { return min(50, 3+int(-6*math.Log(1-r.Float64()))) }
	for i, r := range []struct {
		name, work, doc string
		longest         int
		length          func(*rand.Rand) int
		limit, aim      float64
	}{
		{"attention-50", "attention", "causal attention of 128 histories of 50, d=64, forward and backward", 50, even(50), 1.2, 1.5},
		{"attention-200", "attention", "causal attention of 128 histories of 200, d=64, forward and backward", 200, even(200), 1.2, 1.5},
		{"attention-ragged", "attention", "causal attention of 128 histories of 3 to 50, 9 on average, d=64, forward and backward", 50, ragged, 2.3, 3},
		{"gru", "gru", "a gated recurrent unit over 128 histories of 50, 64 numbers, forward and backward", 50, even(50), 1.2, 1.5},
		{"encoder-50", "encoder", "two blocks of attention and layers over 128 histories of 50, d=64, forward and backward", 50, even(50), 1.1, 1.3},
		{"encoder-200", "encoder", "two blocks of attention and layers over 128 histories of 200, d=64, forward and backward", 200, even(200), 1.1, 1.3},
	} {
		torch := func(name string, env ...string) contestant {
			return contestant{name: name, peer: "torch", work: r.work, env: env}
		}
		rows = append(rows, &row{
			order: 19 + i, name: r.name, doc: r.doc,
			prepare: func(_ settings, dir string) (job, error) {
				rng := rand.New(rand.NewPCG(2024, 16))
				j := job{B: 128, D: 64, K: r.longest}
				ptr := make([]int32, j.B+1)
				for s := range j.B {
					ptr[s+1] = ptr[s] + int32(r.length(rng))
				}
				j.N = int(ptr[j.B])
				normal := func(mean func(i int) float64, deviation float64) func(int) float32 {
					return func(i int) float32 { return float32(mean(i) + deviation*rng.NormFloat64()) }
				}
				zero := func(int) float64 { return 0 }
				return j, errors.Join(
					writeInts(dir, "ptr", j.B+1, func(i int) int32 { return ptr[i] }),
					writeFloats(dir, "x", 3*j.N*j.D, normal(zero, 1)),
					writeFloats(dir, "up", j.N*j.D, normal(zero, 1)),
					writeFloats(dir, "w", 2*blockWeights*j.D*j.D, normal(zero, 0.1)),
					writeFloats(dir, "vectors", (2*blockVectors+2)*j.D, normal(func(i int) float64 { return gainOrBias(i / j.D) }, 0.1)),
				)
			},
			tolerance:   1e-3,
			repeat:      3,
			contestants: []contestant{{name: "fenchel", work: r.work}, torch("torch tuned", tuned...), torch("torch default")},
			targets:     []target{faster("fenchel", "torch tuned", r.limit, r.aim)},
		})
	}
	works["attention"] = sequenceWork(func(s *sequences) *gorgonia.Node {
		return s.N(graph.CausalAttention(s.x[0], s.x[1], s.x[2], s.ptr, graph.AttentionSetting{Longest: s.job.K}))
	}, 3)
	works["gru"] = sequenceWork(func(s *sequences) *gorgonia.Node {
		w, b := s.take("w", 6*s.job.D, s.job.D), s.take("vectors", 6*s.job.D)
		leaf := func(name string, x []float32, shape ...int) *gorgonia.Node { return s.b.Param(name, x, shape...) }
		half, d := 3*s.job.D*s.job.D, 3*s.job.D
		return s.N(graph.GRU(s.x[0], s.ptr, graph.GRUWeights{WX: leaf("wx", w[:half], d, s.job.D), WH: leaf("wh", w[half:], d, s.job.D), BX: leaf("bx", b[:d], d), BH: leaf("bh", b[d:], d)}, s.job.K))
	}, 1)
	works["encoder"] = sequenceWork((*sequences).encoder, 1)
}

// A block has so many matrices, of q, k, v and o and two layers, and so many vectors: their
// biases, and gain and bias of two norms. After the blocks is one norm more.
const blockWeights, blockVectors = 6, 10

// gainOrBias is the mean of a vector: 1 of gains.
func gainOrBias(vector int) float64 {
	if i := vector % blockVectors; vector == 2*blockVectors || vector < 2*blockVectors && (i == 6 || i == 8) {
		return 1
	}
	return 0
}

// sequences are a graph over the rows of histories.
type sequences struct {
	graph.Expr
	job  job
	b    *graph.Builder[float32]
	x    []*gorgonia.Node // [N,D]
	ptr  *gorgonia.Node
	left map[string][]float32 // what nobody has taken of the numbers of weights
}

// take returns the next numbers of a file of weights, as a leaf's.
func (s *sequences) take(name string, shape ...int) []float32 {
	n := 1
	for _, k := range shape {
		n *= k
	}
	x := s.left[name][:n]
	s.left[name] = s.left[name][n:]
	return x
}

func (s *sequences) encoder() *gorgonia.Node {
	vector := func(name string) *gorgonia.Node { return s.b.Param(name, s.take("vectors", s.job.D), s.job.D) }
	norm := func(name string, x *gorgonia.Node) *gorgonia.Node {
		return s.N(graph.LayerNorm(x, vector(name+".gain"), vector(name+".bias"), 1e-8))
	}
	x := s.x[0]
	for l := range 2 {
		layer := func(name string, x *gorgonia.Node, a graph.AffineSetting) *gorgonia.Node {
			name = fmt.Sprint(name, l)
			return s.N(graph.Affine(x, s.b.Param(name+".w", s.take("w", s.job.D, s.job.D), s.job.D, s.job.D), vector(name+".b"), a))
		}
		// The order of vectors is that of the peer: biases of q, k, v, o and both layers, then norms.
		biases := s.left["vectors"]
		s.left["vectors"] = biases[6*s.job.D:]
		query := norm(fmt.Sprint("query", l), x)
		gain, bias := vector(fmt.Sprint("mid.gain", l)), vector(fmt.Sprint("mid.bias", l))
		rest := s.left["vectors"]
		s.left["vectors"] = biases
		q, k, v := layer("q", query, graph.AffineSetting{}), layer("k", x, graph.AffineSetting{}), layer("v", x, graph.AffineSetting{})
		o := s.N(graph.CausalAttention(q, k, v, s.ptr, graph.AttentionSetting{Longest: s.job.K}))
		x = s.N(graph.LayerNorm(layer("o", o, graph.AffineSetting{Residual: query}), gain, bias, 1e-8))
		inner := layer("in", x, graph.AffineSetting{Activation: graph.ReluActivation})
		x = layer("out", inner, graph.AffineSetting{Residual: x})
		s.left["vectors"] = rest
	}
	return norm("last", x)
}

// sequenceWork is a step of y of the first operands among x, under a given gradient by y; the
// value is ⟨y, that⟩/N.
func sequenceWork(f func(s *sequences) *gorgonia.Node, operands int) func(job) (func() (float64, float64, error), error) {
	return func(j job) (func() (float64, float64, error), error) {
		n := j.N * j.D
		x, errX := readFloats(j, "x", 3*n)
		w, errW := readFloats(j, "w", 2*blockWeights*j.D*j.D)
		vectors, errV := readFloats(j, "vectors", (2*blockVectors+2)*j.D)
		up, errU := readFloats(j, "up", n)
		bounds, errP := readInts(j, "ptr", j.B+1)
		if err := errors.Join(errX, errW, errV, errU, errP); err != nil {
			return nil, err
		}
		s := &sequences{job: j, b: graph.NewBuilder[float32](), left: map[string][]float32{"w": w, "vectors": vectors}}
		for i := range operands {
			s.x = append(s.x, s.b.Param(fmt.Sprint("x", i), x[i*n:(i+1)*n], j.N, j.D))
		}
		var ptr []int32
		s.ptr, ptr = s.b.Indices("ptr", j.B+1)
		copy(ptr, bounds)
		g, given := s.b.Input("up", j.N, j.D)
		copy(given, up)
		y := f(s)
		cost := s.N(graph.Scale(s.N(graph.Sum(s.N(graph.Mul(y, g)))), 1/float64(j.N)))
		if s.Err != nil {
			return nil, s.Err
		}
		p, err := s.b.Train(cost)
		if err != nil {
			return nil, err
		}
		return timed(func() (float64, error) {
			err := p.Run()
			return float64(p.Cost()), err
		}), nil
	}
}
