package models

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models/sampler"
	"github.com/fenchel-ml/fenchel/models/tree"
)

// schemes are the texts of every head at every probed setting. Of the samplers
// there are the static ones: what an adaptive one draws changes with the
// parameters, and neither draws nor log q are differentiated.
func schemes(t *testing.T) []string {
	var texts []string
	require.NotEmpty(t, Heads())
	for _, s := range Heads() {
		if s.Name == "sampled" {
			continue
		}
		for _, c := range registry.NewChoice(s.Name, s, s.Params).Probes() {
			texts = append(texts, c.String())
		}
	}
	for _, s := range sampler.All() {
		if !s.Props.Has(sampler.Adaptive) {
			texts = append(texts, "sampled:n=4,sampler="+s.Name)
		}
	}
	return append(texts, "sampled:n=4,per=row", "sampled:n=4,correction=none,hits=drop,per=row", "sampled:n=5,correction=importance,per=row")
}

// settingFor returns a head's setting that suits the loss, and the scheme
// without a correction that the loss does not take.
func settingFor(set *data.Dataset, l losses.Loss, scheme string) (HeadSetting, string) {
	s := HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Dot, Temperature: 0.5, Bias: true, Loss: l}
	if l.Spec.Domain == losses.Cosines {
		s.Score, s.Temperature, s.Bias = Cosine, 1, false
		if name, settings := registry.CutSpec(scheme); name == "sampled" {
			settings, _, _ = strings.Cut(settings, ",correction=")
			scheme = "sampled:" + settings + ",correction=none"
		}
	}
	return s, scheme
}

var testBatch = &data.Batch{Rows: []int32{4, 9, 2}, Targets: data.Targets{
	Ptr: []int32{0, 1, 4, 6}, Class: []int32{7, 1, 8, 30, 0, 89}, Weight: []float32{1, .25, .5, .25, .5, .5}}}

// given is a model whose encodings are what they are said to be: the h of a head's
// test. Its classes are free.
type given struct {
	h *Table
	FreeClasses
}

func (m given) Dim() int { return m.h.Dim }

func (m given) Contexts(in *Inputs) (*gorgonia.Node, error) { return in.Table(m.h), nil }

// newGiven returns given encodings of rows rows, and free classes of the setting.
func newGiven(s Setting, rows int) given {
	m := given{&Table{Name: "h", Rows: rows, Dim: s.Dim, Init: graph.Normal(1)}, NewFreeClasses(s)}
	m.h.Initialise(9)
	return m
}

// rankerOf returns what ranks by a new head.
func rankerOf(t *testing.T, text string, s HeadSetting) Ranker {
	head, m := newHead(t, text, s, 1)
	r, err := head.Ranker(m, s.Set.Classes())
	require.NoError(t, err)
	return r
}

// attached attaches a head to given encodings at float64.
func attached(t *testing.T, head Head, m given, set *data.Dataset, l losses.Loss, positions int) (*graph.Builder[float64], Attached) {
	b := graph.NewBuilder[float64]()
	g := NewCheck(b, set.Contexts(), m.h.Rows, set.Classes())
	h, err := Encode(g, m)
	require.NoError(t, err)
	attached, err := head.Attach(g, m, h, l, positions)
	require.NoError(t, err)
	return b, attached
}

// TestEveryLossWithEveryScheme: the gradient of the mean loss by the encodings
// and by every table is the central difference, in float64, on a batch of rows
// with one and several positives and a padding row.
func TestEveryLossWithEveryScheme(t *testing.T) {
	set := demo(t)
	for _, spec := range losses.All() {
		// A difference moves what a gradient may hold constant: here it is a parameter.
		l := spec.Bind(spec.Defaults()).Held(make([]float64, 4))
		for _, scheme := range schemes(t) {
			if testing.Short() && spec.Name != "softmax" && spec.Name != "sparsemax" {
				continue
			}
			s, text := settingFor(set, l, scheme)
			t.Run(spec.Name+"/"+text, func(t *testing.T) {
				head, m := newHead(t, text, s, 4)
				b, attached := attached(t, head, m, set, l, 8)
				cost, err := graph.MeanRows(attached.Loss(), attached.Targets())
				require.NoError(t, err)
				require.NoError(t, attached.Set(3, testBatch))
				p, err := b.Train(cost)
				require.NoError(t, err)
				defer p.Close()
				_, err = graph.CheckGradient(p, graph.GradientCheck{Probes: 3, Tolerance: 1e-5})
				require.NoError(t, err)
				require.False(t, math.IsNaN(p.Cost()) || math.IsInf(p.Cost(), 0))
			})
		}
	}
}

// TestHierarchiesNormalise: under softmax the ranker's scores are log p, which
// sum to 1, and the training loss of a class is −log p of it.
func TestHierarchiesNormalise(t *testing.T) {
	set := demo(t)
	for _, text := range []string{"tree", "tree:kind=balanced", "classes", "classes:k=4", "adaptive", "adaptive:clusters=3,div=2"} {
		for _, s := range headSettings(set) {
			t.Run(text+"/"+s.name(), func(t *testing.T) {
				const rows = 90
				head, m := newHead(t, text, s, rows)
				hd := m.h.Data
				for i := range rows { // one encoding, each class in turn
					copy(hd[i*5:], hd[:5])
				}
				b := graph.NewBuilder[float32]()
				g := NewGraph(b, set.Contexts(), rows, set.Classes())
				attached, err := head.Attach(g, m, g.Contexts.Table(m.h), softmax, rows)
				require.NoError(t, err)
				batch := &data.Batch{Targets: data.Targets{Ptr: []int32{0}}}
				for i := range int32(rows) {
					x := &batch.Targets
					batch.Rows, x.Class = append(batch.Rows, i), append(x.Class, i)
					x.Ptr, x.Weight = append(x.Ptr, i+1), append(x.Weight, 1)
				}
				require.NoError(t, attached.Set(0, batch))
				eval, err := b.Eval(attached.Loss())
				require.NoError(t, err)
				defer eval.Close()
				require.NoError(t, eval.Run())

				tops := make([]Top, 1)
				rank := func(h []float32, skip []int32, k int) error {
					r, err := head.Ranker(m, set.Classes())
					require.NoError(t, err)
					return r.Rank(tops, h, func(int) []int32 { return skip }, k)
				}
				require.NoError(t, rank(hd[:5], nil, rows))
				require.Len(t, tops[0].IDs, rows)
				sum := 0.0
				for r, id := range tops[0].IDs {
					sum += math.Exp(float64(tops[0].Scores[r]))
					require.InDelta(t, -tops[0].Scores[r], eval.Value(attached.Loss())[id], 1e-4, "class %d", id)
					if r > 0 {
						require.LessOrEqual(t, tops[0].Scores[r], tops[0].Scores[r-1])
					}
				}
				require.InDelta(t, 1, sum, 1e-4)

				require.NoError(t, rank(hd[:5], tops[0].IDs[:1:1], 3))
				require.Len(t, tops[0].IDs, 3)
				require.ErrorContains(t, rank(hd[:4], nil, 3), "1 encodings of width 5")
				g.Tables()[1].Data[0] = float32(math.NaN()) // the first of the head's
				require.ErrorContains(t, rank(hd[:5], nil, 3), "diverged")
			})
		}
	}
}

// TestEveryLossRanksByItsMap: whatever the head, classes rank by the probabilities of
// the loss; equal ones by score where the map keeps the order of scores, and else, with
// no two alike here, never.
func TestEveryLossRanksByItsMap(t *testing.T) {
	set := demo(t)
	reordered := 0
	for _, spec := range losses.All() {
		if spec.Predict == nil {
			continue
		}
		for _, l := range spec.Probes() {
			for _, text := range []string{"all", "sampled:n=4"} {
				s, scheme := settingFor(set, l, text)
				s.Init = 1
				head, m := newHead(t, scheme, s, 1)
				ranker, err := head.Ranker(m, set.Classes())
				require.NoError(t, err)
				tops := make([]Top, 1)
				require.NoError(t, ranker.Rank(tops, m.h.Data, func(int) []int32 { return nil }, set.Items))
				z, p := scores(s, m.h.Data, classTables(m, head)), make([]float64, set.Items)
				require.True(t, l.Predict(p, z))
				byScore := make([]int32, set.Items)
				for c := range byScore {
					byScore[c] = int32(c)
				}
				slices.SortFunc(byScore, func(a, b int32) int { return cmp.Or(cmp.Compare(z[b], z[a]), cmp.Compare(a, b)) })
				byP := slices.Clone(byScore)
				slices.SortStableFunc(byP, func(a, b int32) int { return cmp.Compare(p[b], p[a]) })
				require.Equal(t, byP, tops[0].IDs, "%s with %s", l, scheme)
				if !slices.Equal(byP, byScore) {
					require.Equal(t, losses.OrderNone, l.Theory().MapOrder, "%s", l)
					reordered++
				}
			}
			// The other heads rank by log p of their decisions, which the map of each makes.
			for _, text := range []string{"tree", "classes:k=4", "adaptive"} {
				s, _ := settingFor(set, l, text)
				tops := make([]Top, 1)
				require.NoError(t, rankerOf(t, text, s).Rank(tops, []float32{1, 2, -3, 1, 0}, func(int) []int32 { return nil }, set.Items))
				sum := 0.0
				for _, logP := range tops[0].Scores {
					sum += math.Exp(float64(logP))
				}
				require.InDelta(t, 1, sum, 1e-4, "%s with %s", l, text)
			}
		}
	}
	require.NotZero(t, reordered)
}

// TestTiesOfTheMapGoToTheLowerClass: the spherical softmax gives z and −z one
// probability.
func TestTiesOfTheMapGoToTheLowerClass(t *testing.T) {
	l, err := losses.Parse("spherical")
	require.NoError(t, err)
	s := HeadSetting{Setting: Setting{Set: demo(t), Dim: 1, Init: 1, Seed: 7}, Score: Dot, Temperature: 1, Loss: l}
	head, m := newHead(t, "all", s, 1)
	w := m.W.Data
	clear(w)
	copy(w, []float32{0.5, -2, 1, 2, -1, -3})
	ranker, err := head.Ranker(m, s.Set.Classes())
	require.NoError(t, err)
	tops := make([]Top, 1)
	require.NoError(t, ranker.Rank(tops, []float32{1}, func(int) []int32 { return nil }, 6))
	require.Equal(t, []int32{5, 1, 3, 2, 4, 0}, tops[0].IDs)
	require.Equal(t, []float32{3, 2, 2, 1, 1, 0.5}, tops[0].Scores)
	w[80] = float32(math.Inf(-1))
	require.ErrorContains(t, ranker.Rank(tops, []float32{1}, func(int) []int32 { return nil }, 6), "diverged")

	// A map that leaves the order of scores and says nothing of its own.
	spec := *l.Spec
	spec.Rank = nil
	s.Loss = spec.Bind(l.Values)
	b, err := ParseHead("all")
	require.NoError(t, err)
	_, err = b.New(s)
	require.ErrorContains(t, err, "spherical: its probabilities are not in the order of its scores")
}

// TestSparseTreeRanksEverything: where decisions are certain, every class still
// has a place.
func TestSparseTreeRanksEverything(t *testing.T) {
	set := demo(t)
	for _, rule := range []string{"sparsemax", "bce", "bpr", "hinge"} {
		l, err := losses.Parse(rule)
		require.NoError(t, err)
		for _, text := range []string{"tree", "classes", "adaptive"} {
			s := HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 3, Seed: 7}, Score: Dot, Temperature: 1, Loss: l}
			tops := make([]Top, 1)
			require.NoError(t, rankerOf(t, text, s).Rank(tops, []float32{1, 2, -3, 1, 0}, func(int) []int32 { return nil }, 1000))
			require.Len(t, tops[0].IDs, set.Items)
		}
	}
}

// TestSampledEverySampler trains one head a few steps with each sampler and
// finds the gradients of W in the rows of positives and draws alone.
func TestSampledEverySampler(t *testing.T) {
	set := demo(t)
	for _, name := range sampler.Names() {
		for _, s := range headSettings(set) {
			if s.Temperature != 0.2 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s", name, s.name()), func(t *testing.T) {
				head, m := newHead(t, "sampled:n=6,sampler="+name, s, 4)
				b := graph.NewBuilder[float32]()
				g := NewGraph(b, set.Contexts(), 4, set.Classes())
				attached, err := head.Attach(g, m, g.Contexts.Table(m.h), softmax, 8)
				require.NoError(t, err)
				cost, err := graph.MeanRows(attached.Loss(), attached.Targets())
				require.NoError(t, err)
				p, err := b.Train(cost)
				require.NoError(t, err)
				defer p.Close()
				var last []int32
				different := false
				for step := range 4 {
					require.NoError(t, attached.Set(step, testBatch))
					require.NoError(t, p.Run())
					require.False(t, math.IsNaN(float64(p.Cost())))
					rows := 0
					require.NoError(t, g.Step(p, func(table *Table) graph.Updater[float32] {
						if table == m.h {
							return recorder{func(graph.Gradient[float32]) {}}
						}
						return recorder{func(g graph.Gradient[float32]) {
							require.NotNil(t, g.Rows, table.Name)
							rows = len(g.Rows)
							for i, id := range g.Rows { // a small step
								for k := range table.Dim {
									table.Data[int(id)*table.Dim+k] -= 0.01 * g.Data[i*table.Dim+k]
								}
							}
						}}
					}))
					attached.Moved(p)
					require.LessOrEqual(t, rows, 6+4*6)
					ids := attached.(*attachedSampled[float32]).draws.IDs
					different = different || last != nil && fmt.Sprint(ids) != fmt.Sprint(last)
					last = append(last[:0], ids...)
				}
				if name != "in-batch" { // the batch is the same in each step
					require.True(t, different, "steps draw anew")
				}
				// The same step again draws the same.
				require.NoError(t, attached.Set(3, testBatch))
			})
		}
	}
}

// TestSampledParams: parameters of samplers are the head's, in either order, and
// what does not fit is named.
func TestSampledParams(t *testing.T) {
	set := demo(t)
	b, err := ParseHead("sampled:beta=0.5,sampler=popularity,n=9")
	require.NoError(t, err)
	require.Equal(t, "sampled:n=9,sampler=popularity,beta=0.5", b.String())
	again, err := ParseHead(b.String())
	require.NoError(t, err)
	require.Equal(t, b.Values, again.Values)
	for _, name := range sampler.Names() {
		_, err := ParseHead("sampled:sampler=" + name)
		require.NoError(t, err)
	}
	for text, want := range map[string]string{
		"sampled:beta=0.5":                   `no parameter "beta"; the choices are n, sampler, correction, hits, per`,
		"sampled:sampler=popularity,gamma=1": `no parameter "gamma"; the choices are n, sampler, correction, hits, per, beta, delta`,
		"sampled:sampler=popular":            `sampler="popular" is not one of`,
		"sampled:sampler=dns,per=batch":      `per="batch" is not one of row`,
		"sampled:sampler=in-batch,per=row":   `per="row" is not one of batch`,
		"sampled:n=0":                        "n=0 is outside",
		"tree:kind=oak":                      `kind="oak" is not one of balanced, huffman`,
	} {
		_, err := ParseHead(text)
		require.ErrorContains(t, err, want, text)
	}
	l, err := losses.Parse("ccl")
	require.NoError(t, err)
	b, err = ParseHead("sampled")
	require.NoError(t, err)
	_, err = b.New(HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Cosine, Temperature: 1, Loss: l})
	require.ErrorContains(t, err, "use correction=none")
	for text, want := range map[string]string{
		"classes:k=91":           "91 groups of 90 classes",
		"adaptive:shortlist=90":  "must rise within [1, 90)",
		"adaptive:shortlist=500": "must rise within [1, 90)",
	} {
		b, err := ParseHead(text)
		require.NoError(t, err)
		_, err = b.New(HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Dot, Temperature: 1})
		require.ErrorContains(t, err, want)
	}
}

// TestAdaptiveProposalSeesTheScores: draws of the oracle follow softmax of the
// head's own scores, whatever the score and temperature.
func TestAdaptiveProposalSeesTheScores(t *testing.T) {
	set := demo(t)
	for _, s := range headSettings(set) {
		if s.Bias { // proposals leave biases out
			continue
		}
		head, m := newHead(t, "sampled:n=3,sampler=softmax-exact", s, 4)
		hd := m.h.Data
		b := graph.NewBuilder[float32]()
		g := NewGraph(b, set.Contexts(), 4, set.Classes())
		attached, err := head.Attach(g, m, g.Contexts.Table(m.h), softmax, 8)
		require.NoError(t, err)
		require.NoError(t, attached.Set(0, testBatch))
		eval, err := b.Eval(attached.Loss())
		require.NoError(t, err)
		require.NoError(t, eval.Run())
		d := attached.(*attachedSampled[float32]).draws
		for r := range 4 {
			z, p := scores(s, hd[r*5:(r+1)*5], g.Tables()[1:]), make([]float64, set.Items)
			softmax.Predict(p, z)
			ids, logQ := d.Row(r)
			for j, id := range ids {
				require.InDelta(t, math.Log(p[id]), logQ[j], 1e-3)
			}
		}
		require.NoError(t, eval.Close())
	}
}

// TestState: what an attached head keeps has one list of names, before the first step and after,
// and another state than that is an error.
func TestState(t *testing.T) {
	set := demo(t)
	setting := HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Cosine, Temperature: 0.5}
	for scheme, names := range map[string][]string{
		"all": nil, "tree": nil, "sampled": nil,
		"sampled:n=3,sampler=in-batch":             nil, // a set's counts are known
		"sampled:n=3,sampler=in-batch,freq=stream": {"in-batch/clock", "in-batch/gap", "in-batch/last", "in-batch/seen"},
		"sampled:n=3,sampler=dns":                  {"unit"},
		"sampled:n=3,sampler=quadratic":            {"quadratic/sum", "unit"},
	} {
		head, m := newHead(t, scheme, setting, 4)
		g := NewGraph(graph.NewBuilder[float32](), set.Contexts(), 4, set.Classes())
		attached, err := head.Attach(g, m, g.Contexts.Table(m.h), softmax, 8)
		require.NoError(t, err)
		state := attached.State()
		require.NoError(t, attached.SetState(state), "of a run that has done no step")
		require.NoError(t, attached.Set(0, testBatch))
		for _, state := range [][]graph.Array{state, attached.State()} {
			var got []string
			for _, s := range state {
				got = append(got, s.Name)
			}
			require.Equal(t, names, got, scheme)
		}
		state = attached.State()
		require.NoError(t, attached.SetState(state))
		require.ErrorContains(t, attached.SetState(append([]graph.Array{{Name: "x", Data: []float32{1}}}, state...)), "x", scheme)
		if names != nil {
			require.ErrorContains(t, attached.SetState(state[:len(state)-1]), "state", scheme)
		}
		if unit := len(state) - 1; unit >= 0 && state[unit].Name == "unit" {
			require.Len(t, state[unit].Data, set.Items*5)
			state[unit].Data = make([]float32, 7)
			require.ErrorContains(t, attached.SetState(state), "unit has 7 numbers, want ", scheme)
		}
	}
}

// TestSelectTop holds it against a full sort.
func TestSelectTop(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		z := make([]float32, 1+rng.IntN(40))
		for i := range z {
			z[i] = float32(rng.IntN(8)) // ties
		}
		var skip []int32
		for i := range z {
			if rng.IntN(4) == 0 {
				skip = append(skip, int32(i))
			}
		}
		k := rng.IntN(12)
		got, err := selectTop(z, skip, k)
		require.NoError(t, err)
		var want []int32
		for v := float32(7); v >= 0; v-- {
			for i, s := range z {
				masked := false
				for _, m := range skip {
					masked = masked || m == int32(i)
				}
				if s == v && !masked {
					want = append(want, int32(i))
				}
			}
		}
		want = want[:min(k, len(want))]
		require.Equal(t, len(want), len(got.IDs))
		for i := range want {
			require.Equal(t, want[i], got.IDs[i])
			require.Equal(t, z[want[i]], got.Scores[i])
		}
	}
}

// TestUserTree: a tree that a program registers is one of the choices.
func TestUserTree(t *testing.T) {
	tree.Register(tree.Spec{Name: "comb", Doc: "each node splits one class off", Source: "this test",
		New: func(c int, _ []float64) (*tree.Tree, error) {
			parent := make([]int32, 2*c-1)
			for y := range c {
				parent[y] = int32(c + min(y, c-2))
			}
			parent[c] = -1
			for n := 1; n < c-1; n++ {
				parent[c+n] = int32(c + n - 1)
			}
			return tree.FromParents(parent)
		}})
	s := HeadSetting{Setting: Setting{Set: demo(t), Dim: 5, Init: 0.5, Seed: 7}, Score: Dot, Temperature: 1}
	tops := make([]Top, 1)
	require.NoError(t, rankerOf(t, "tree:kind=comb", s).Rank(tops, make([]float32, 5), func(int) []int32 { return nil }, 2))
	require.InDelta(t, math.Log(0.5), tops[0].Scores[0], 1e-6)
	require.Equal(t, []int32{0, 1}, tops[0].IDs)
}

// TestTreeFile: a tree from a file is that tree, and each wrong use is an error.
func TestTreeFile(t *testing.T) {
	set := demo(t)
	s := HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Dot, Temperature: 1}
	file := filepath.Join(t.TempDir(), "tree.tsv")
	write := func(swap bool) {
		var b strings.Builder
		for i := range set.Items { // each node splits one class off
			y := i
			if swap && i < 2 {
				y = 1 - i
			}
			fmt.Fprintf(&b, "%s\t%s%s\n", set.ItemName(y), strings.Repeat("1", i), "0"[min(1, i/(set.Items-1)):])
		}
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o600))
	}
	write(false)
	tops := make([]Top, 1)
	require.NoError(t, rankerOf(t, "tree:file="+file, s).Rank(tops, make([]float32, 5), func(int) []int32 { return nil }, 2))
	require.Equal(t, []int32{0, 1}, tops[0].IDs)
	require.InDeltaSlice(t, []float64{math.Log(0.5), math.Log(0.25)}, []float64{float64(tops[0].Scores[0]), float64(tops[0].Scores[1])}, 1e-6)
	nodes := func() string {
		head, _ := newHead(t, "tree:file="+file, s, 1)
		return head.(*treeHead).w.Name
	}
	first := nodes()
	require.Equal(t, first, nodes())
	write(true)
	require.NotEqual(t, first, nodes(), "weights are those of one tree")

	for text, want := range map[string]string{
		"tree:file=" + file + ",kind=balanced": "are two trees; give one",
		"tree:file=" + file + "x":              "models: tree: open " + file + "x",
	} {
		b, err := ParseHead(text)
		require.NoError(t, err)
		_, err = b.New(s)
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, os.WriteFile(file, []byte("0\t0\nx\t1\n"), 0o600))
	b, err := ParseHead("tree:file=" + file)
	require.NoError(t, err)
	_, err = b.New(s)
	require.EqualError(t, err, "models: tree: "+file+`:2: there is no class "x"`)
}
