package main

func init() {
	torch := func(name, variant string, rounds int) contestant {
		return contestant{name: name, peer: "torch", work: "entmax", variant: variant, env: tuned, rounds: rounds}
	}
	softmax := contestant{name: "fenchel softmax", work: "linear", loss: "softmax", other: true}
	for i, r := range []struct{ name, loss string }{{"sparsemax", "sparsemax"}, {"entmax", "entmax:alpha=1.5"}} {
		rows = append(rows, &row{
			order: 5 + i,
			name:  r.name + "-100k", doc: r.loss + " forward and backward at scores of deviation 2.4, B=256, C=100,000, d=64",
			prepare:   withLoss(r.loss, linearInputs(256, 100_000, 64, 1, 0.3)),
			tolerance: 1e-4,
			repeat:    3,
			contestants: []contestant{
				{name: "fenchel", work: "linear"}, unfiltered("linear"), softmax,
				torch("entmax package k=100", r.name+" k=100", 0), torch("entmax package sort", r.name, 2),
			},
			targets: []target{faster("fenchel", "fenchel unfiltered", 1.5, 2), within("fenchel", "fenchel softmax", 0.4, 0.27), faster("fenchel", "entmax package k=100", 8, 10)},
		})
	}
	for i, r := range []struct {
		name, doc string
		sdW       float64
	}{
		{"entmax-fresh", "at a fresh initialisation, H and W of deviation 0.1", 0.1},
		{"entmax-dense", "at scores so alike that most classes keep probability, W of deviation 0.01", 0.01},
	} {
		rows = append(rows, &row{
			order: 7 + i, name: r.name, doc: "entmax:alpha=1.5 forward and backward " + r.doc + ", B=256, C=100,000, d=64",
			prepare:   withLoss("entmax:alpha=1.5", linearInputs(256, 100_000, 64, 0.1, r.sdW)),
			tolerance: 1e-4,
			repeat:    3,
			contestants: []contestant{
				{name: "fenchel", work: "linear"}, softmax, torch("entmax package sort", "entmax", 2),
			},
			targets: []target{within("fenchel", "fenchel softmax", 2, 1.3)},
		})
	}
}

// withLoss is prepare with another loss, whose gradients may need no product of all classes.
// They may be rows: which are memory that it takes beyond what all contestants hold.
func withLoss(loss string, prepare func(settings, string) (job, error)) func(settings, string) (job, error) {
	return func(s settings, dir string) (job, error) {
		j, err := prepare(s, dir)
		j.Loss, j.outBytes, j.limit = loss, 0, 1
		return j, err
	}
}
