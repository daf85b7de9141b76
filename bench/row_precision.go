package main

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/graph"
)

// Products of rounded numbers are rows of their own: a processor without tiles has nothing
// to show there, and their values are those of other arithmetic.
func init() {
	at := func(work string, p graph.Precision) contestant {
		return contestant{name: "fenchel " + p.String(), work: work, precision: p.String()}
	}
	torch := func(work, variant string) contestant {
		return contestant{name: "torch " + variant, peer: "torch", work: work, variant: variant, env: tuned}
	}
	rows = append(rows,
		&row{
			order: 17, name: "softmax-100k-rounded", doc: "softmax forward and backward of rounded products, B=256, C=100,000, d=64",
			prepare: onTiles(linearInputs(256, 100_000, 64, 1, 0.3)), tolerance: 1e-4,
			contestants: []contestant{{name: "fenchel", work: "linear"}, at("linear", graph.High), at("linear", graph.Medium), torch("softmax", "medium"), torch("softmax", "autocast")},
			targets: []target{
				faster("fenchel high", "fenchel", 1.25, 1.4), faster("fenchel medium", "fenchel", 2, 2.4), faster("fenchel medium", "torch medium", 3, 3.5),
			},
		},
		&row{
			order: 18, name: "epoch-rounded", doc: "the epoch of the row epoch, of rounded products",
			prepare: onTiles(epochInputs), tolerance: 1e-3,
			contestants: []contestant{{name: "fenchel", work: "epoch"}, at("epoch", graph.High), at("epoch", graph.Medium), {name: "torch tuned", peer: "torch", work: "epoch", env: tuned}},
			targets:     []target{faster("fenchel medium", "torch tuned", 4.5, 5)},
		},
	)
}

// onTiles is prepare of a row that shows nothing where products are not rounded.
func onTiles(prepare func(settings, string) (job, error)) func(settings, string) (job, error) {
	return func(s settings, dir string) (job, error) {
		if why := graph.Untiled(); why != "" {
			return job{}, fmt.Errorf("%w: %s", errProcessor, why)
		}
		return prepare(s, dir)
	}
}
