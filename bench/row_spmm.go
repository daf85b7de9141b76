package main

import (
	"errors"
	"math"
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

// The row of graphs of users and items: the product that LightGCN takes of one side's
// vectors, and its gradient. PyTorch has the matrix and its transpose in compressed rows, made
// beforehand, and takes the two products; its own derivative of one would transpose the
// matrix in each step.
func init() {
	torch := func(name string, env ...string) contestant {
		return contestant{name: name, peer: "torch", work: "spmm", env: env}
	}
	rows = append(rows, &row{
		order: 30, name: "spmm", doc: "product of Gowalla's normalised train matrix with vectors of its items, and the gradient, d=64",
		prepare:     spmmInputs,
		tolerance:   1e-3,
		repeat:      5,
		contestants: []contestant{{name: "fenchel", work: "spmm"}, torch("torch tuned", tuned...), torch("torch default")},
		targets:     []target{faster("fenchel", "torch tuned", 1.2, 1.5)},
	})
	works["spmm"] = spmmWork
}

func spmmInputs(s settings, dir string) (job, error) {
	set, err := gowalla(s.data)
	if err != nil {
		return job{}, err
	}
	ptr, ids, values := normalised(set)
	rng := rand.New(rand.NewPCG(2024, 17))
	j := job{U: set.Users, C: set.Items, D: 64, N: len(ids)}
	normal := func(int) float32 { return float32(rng.NormFloat64()) }
	return j, errors.Join(
		writeInts(dir, "ptr", len(ptr), func(i int) int32 { return ptr[i] }),
		writeInts(dir, "ids", len(ids), func(i int) int32 { return ids[i] }),
		writeFloats(dir, "values", len(values), func(i int) float32 { return values[i] }),
		writeFloats(dir, "x", j.C*j.D, normal),
		writeFloats(dir, "up", j.U*j.D, normal),
	)
}

// normalised returns the train pairs of set as rows of users, each pair with 1/√(n_u n_i).
func normalised(set *data.Dataset) (ptr, ids []int32, values []float32) {
	counts := set.Train.ItemCounts()
	ptr = []int32{0}
	for u := range set.Users {
		items := set.Train.ItemsOf(u)
		for _, i := range items {
			values = append(values, float32(1/math.Sqrt(float64(len(items))*float64(counts[i]))))
		}
		ids = append(ids, items...)
		ptr = append(ptr, int32(len(ids)))
	}
	return ptr, ids, values
}

// spmmWork is y = A·x and the gradient Aᵀ·up; the value is the mean of the first rows of y.
func spmmWork(j job) (func() (float64, float64, error), error) {
	ptr, errP := readInts(j, "ptr", j.U+1)
	ids, errI := readInts(j, "ids", j.N)
	values, errV := readFloats(j, "values", j.N)
	x, errX := readFloats(j, "x", j.C*j.D)
	up, errU := readFloats(j, "up", j.U*j.D)
	if err := errors.Join(errP, errI, errV, errX, errU); err != nil {
		return nil, err
	}
	a, err := graph.NewSparse(j.U, j.C, ptr, ids, values)
	if err != nil {
		return nil, err
	}
	b := graph.NewBuilder[float32]()
	var e graph.Expr
	y := e.N(graph.SpMM(a, b.Param("x", x, j.C, j.D)))
	gradient := e.N(graph.SpMM(a.T(), b.Constant("up", up, j.U, j.D)))
	if e.Err != nil {
		return nil, e.Err
	}
	p, err := b.Eval(y, gradient)
	if err != nil {
		return nil, err
	}
	return timed(func() (float64, error) {
		if err := p.Run(); err != nil {
			return 0, err
		}
		sum := 0.0
		for _, v := range p.Value(y)[:spmmValues] {
			sum += float64(v)
		}
		return sum / spmmValues, nil
	}), nil
}

// spmmValues is how many numbers of a product are compared.
const spmmValues = 6400
