package main

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// tuned are the settings of the C library's allocator that keep memory between
// steps, and lay it out in huge pages: without them PyTorch spends half of its time on page
// faults.
var tuned = []string{"MALLOC_MMAP_THRESHOLD_=100000000000", "MALLOC_TRIM_THRESHOLD_=100000000000", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"}

func init() {
	torch := func(name, variant string, env ...string) contestant {
		return contestant{name: name, peer: "torch", work: "softmax", variant: variant, env: env}
	}
	common := []contestant{
		{name: "fenchel", work: "linear"},
		torch("torch tuned", "plain", tuned...),
		torch("torch default", "plain"),
		torch("torch compiled", "compiled", tuned...),
		torch("torch chunked", "chunked", tuned...),
	}
	rows = append(rows,
		&row{
			order: 1, name: "softmax-100k", doc: "softmax forward and backward, B=256, C=100,000, d=64",
			prepare:   linearInputs(256, 100_000, 64, 1, 0.3),
			tolerance: 1e-4,
			contestants: append(common[:len(common):len(common)],
				contestant{name: "jax", peer: "jax", work: "softmax"},
				torch("torch medium", "medium", tuned...),
				torch("torch autocast", "autocast", tuned...),
				contestant{name: "fenchel avx2", work: "linear", env: []string{"FENCHEL_KERNEL=avx2"}},
				contestant{name: "fenchel go", work: "linear", env: []string{"FENCHEL_KERNEL=go"}, rounds: 2},
				contestant{name: "gorgonia stock", work: "gorgonia", rounds: 2}),
			targets: []target{
				faster("fenchel", "torch tuned", 2.5, 2.8), ofLimit(78, 85), faster("fenchel", "torch default", 5, 6),
				faster("fenchel avx2", "torch tuned", 1, 1.2), within("fenchel go", "fenchel", 25, 20),
			},
		},
		&row{
			order: 2, name: "softmax-wide", doc: "softmax forward and backward, B=1024, C=50,000, d=128",
			prepare: linearInputs(1024, 50_000, 128, 1, 0.2), tolerance: 1e-4, contestants: common,
			targets: []target{faster("fenchel", "torch tuned", 1.9, 2), ofLimit(85, 90), faster("fenchel", "torch default", 3, 4)},
		},
		&row{
			order: 3, name: "softmax-small", doc: "softmax forward and backward, B=128, C=10,000, d=32",
			prepare: linearInputs(128, 10_000, 32, 1, 0.4), tolerance: 1e-4, contestants: common, repeat: 50,
			targets: []target{faster("fenchel", "torch tuned", 2.2, 2.6)},
		},
		&row{
			order: 4, name: "softmax-1m", doc: "memory of softmax forward and backward, B=256, C=1,000,000, d=64",
			prepare: inFewMegabytes(linearInputs(256, 1_000_000, 64, 1, 0.3)), tolerance: 1e-4,
			contestants: []contestant{common[0], torch("torch default", "plain"), torch("torch chunked", "chunked")},
			targets:     []target{ofLimit(78, 85), extraAtMost(5, 4)},
		},
	)
	works["linear"] = linearWork
}

// linearInputs writes H [B,d] and W [C,d], normal with deviations sdH and sdW,
// and labels of a Zipf-like popularity: a softmax layer in the midst of training.
func linearInputs(b, c, d int, sdH, sdW float64) func(settings, string) (job, error) {
	return func(_ settings, dir string) (job, error) {
		rng := rand.New(rand.NewPCG(2024, uint64(c)))
		normal := func(sd float64) func(int) float32 {
			return func(int) float32 { return float32(sd * rng.NormFloat64()) }
		}
		// u³ gives rank r the density r^(−2/3).
		label := func(int) int32 {
			u := rng.Float64()
			return int32(u * u * u * float64(c))
		}
		err := errors.Join(
			writeFloats(dir, "h", b*d, normal(sdH)),
			writeFloats(dir, "w", c*d, normal(sdW)),
			writeInts(dir, "y", b, label),
		)
		bcd := float64(b) * float64(c) * float64(d)
		return job{B: b, C: c, D: d, Loss: "softmax", outBytes: 4 * int64(b*d+c*d), product: 2 * bcd, limit: 3}, err
	}
}

// inFewMegabytes are inputs of a work that may not keep its scores, a matrix of 1 GB: it
// computes them twice, which makes four products.
func inFewMegabytes(prepare func(settings, string) (job, error)) func(settings, string) (job, error) {
	return func(s settings, dir string) (job, error) {
		j, err := prepare(s, dir)
		j.limit = 4
		return j, err
	}
}

// linearWork is a training step's mean loss of H·Wᵀ and its gradients with
// respect to both, through the graph.
func linearWork(j job) (func() (float64, float64, error), error) {
	h, errH := readFloats(j, "h", j.B*j.D)
	w, errW := readFloats(j, "w", j.C*j.D)
	y, errY := readInts(j, "y", j.B)
	loss, errL := losses.Parse(j.Loss)
	precision, errP := j.precision()
	if err := errors.Join(errH, errW, errY, errL, errP); err != nil {
		return nil, err
	}
	b := graph.NewBuilder[float32]()
	lin := graph.Linear{H: b.Param("H", h, j.B, j.D), W: b.Param("W", w, j.C, j.D), Precision: precision}
	label, data := b.Indices("label", j.B)
	copy(data, y)
	t, err := graph.LabelTargets(label)
	if err != nil {
		return nil, err
	}
	l, err := graph.LinearLoss(loss.Analytic, lin, t)
	if err != nil {
		return nil, err
	}
	cost, err := graph.MeanRows(l, t)
	if err != nil {
		return nil, err
	}
	p, err := b.Train(cost)
	if err != nil {
		return nil, err
	}
	return timed(func() (float64, error) {
		if err := p.Run(); err != nil {
			return 0, err
		}
		// The gradients are asked for as an optimizer would.
		for _, n := range []struct {
			name string
			g    graph.Gradient[float32]
		}{{"H", p.Grad(lin.H)}, {"W", p.Grad(lin.W)}} {
			if len(n.g.Data) == 0 {
				return 0, fmt.Errorf("no gradient of %s", n.name)
			}
		}
		return float64(p.Cost()), nil
	}), nil
}
