package models

import (
	"fmt"
	"math"
	"os"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models/tree"
)

// treeHead is the head over a binary tree whose leaves are the classes: the
// loss of class y is Σ over the nodes n on its path of the row loss of the pair
// (0, z_n) with the bit taken as label. With softmax that is hierarchical
// softmax, p(y) = Π σ(±z_n). A step costs the paths of its positives.
func init() {
	RegisterHead(HeadSpec{
		Name:   "tree",
		Doc:    "a binary tree of classes: the row loss of each decision on the path; ranks by the product of their probabilities",
		Source: "Morin & Bengio 2005, Hierarchical probabilistic neural network language model; Huffman codes: Mikolov et al. 2013, arXiv:1310.4546",
		Params: []Param{
			{Name: "kind", Doc: "the tree", Choices: tree.Names, DefaultString: kindOfTree},
			{Name: "file", Doc: "file of a tree of your own in place of kind: of each class a line with its id, a tab and its path from the root, such as 0110", AnyString: true},
		},
		Cost:          costOfTree,
		Probabilities: true,
		New:           newTree,
	})
}

// kindOfTree is the default: the frequent classes, which most positives are, have
// few decisions.
const kindOfTree = "huffman"

func newTree(v Values, s HeadSetting) (Head, error) {
	kind, file := v.String("kind"), v.String("file")
	if file != "" && kind != kindOfTree {
		return nil, fmt.Errorf("models: tree: kind=%s and file=%s are two trees; give one", kind, file)
	}
	var t *tree.Tree
	var err error
	if file == "" {
		t, err = tree.NewOf(kind, s.Set.Items, counts(s.Set), func() (*tree.Features, error) { return classFeatures(s.Set), nil })
	} else {
		t, err = readTree(file, s)
	}
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	if t.Nodes() == 0 {
		return nil, fmt.Errorf("models: tree: one class makes no decision")
	}
	nodes := "node"
	if file != "" {
		// A run's weights are of one tree: of what the file holds later they have another
		// name, and are not taken for its own.
		nodes = fmt.Sprintf("node-%016x", t.Sum64())
	}
	tau, rule, err := s.newScalars()
	return &treeHead{
		score: s.Score, tau: tau, rule: rule, tree: t,
		w: s.NewTable(nodes, t.Nodes(), s.Dim), bias: s.newBias("node-bias", t.Nodes()),
	}, err
}

// classFeatures are what classes are known by: the field "features" of the contexts of the train
// set that have them, or where there is none the contexts themselves.
func classFeatures(set *data.Dataset) *tree.Features {
	x := set.Train.Transpose()
	f := &tree.Features{Ptr: x.Ptr(), Row: x.Item(), Size: set.Users}
	for _, of := range set.UserFields {
		if of.Name == featuresField && of.Lo != nil {
			f.Size, f.Lo, f.Hi, f.ID, f.Value = of.Size, of.Lo, of.Hi, of.ID, of.Value
		}
	}
	return f
}

func readTree(file string, s HeadSetting) (*tree.Tree, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("tree: %w", err)
	}
	defer f.Close() // it was read alone
	return tree.Read(f, file, s.Set.Items, s.Set.ItemName)
}

type treeHead struct {
	score Score
	tau   temperature
	rule  trainedLoss
	tree  *tree.Tree
	w     *Table // [C−1,d]
	bias  *Table // [C−1,1] or nil
}

func (h *treeHead) Attach(g *Graph, m Model, x *gorgonia.Node, l losses.Loss, positions int) (Attached, error) {
	l, err := h.rule.in(g, l)
	if err != nil {
		return nil, err
	}
	return attach(g,
		func(at output[float32]) (Attached, error) { return attachTree(h, at, m, x, l, positions) },
		func(at output[float64]) (Attached, error) { return attachTree(h, at, m, x, l, positions) })
}

type attachedTree[T graph.Float] struct {
	output[T]
	head *treeHead

	rows, nodes, bits []int32 // [M] of each decision
	weights           []T

	node  []int32 // of a path
	bit   []uint8
	place []int32 // [2(C−1)] where the row at hand has a decision already
	stamp []int32 // and which row that was
	round int32

	x, row, weightNode *gorgonia.Node // of the graph, for ScoredRows
	scored             struct {
		at      []int32
		targets *graph.TargetData[T]
	}
}

func attachTree[T graph.Float](h *treeHead, at output[T], _ Model, x *gorgonia.Node, l losses.Loss, positions int) (*attachedTree[T], error) {
	s := &attachedTree[T]{output: at, head: h}
	b, depth := x.Shape()[0], h.tree.Depth()
	m := positions * depth
	if m > math.MaxInt32 {
		return nil, fmt.Errorf("models: tree: %d positives with paths of up to %d decisions", positions, depth)
	}
	if !at.leaves.plan() {
		s.node, s.bit = make([]int32, depth), make([]uint8, depth)
		s.place, s.stamp = make([]int32, 2*h.tree.Nodes()), make([]int32, 2*h.tree.Nodes())
	}
	s.bytes = bytesOf[T](positions) + 5*int64(depth) + 16*int64(h.tree.Nodes())
	s.targets, s.data = s.b.Targets("target", b, positions)
	var row, node, bit, weight *gorgonia.Node
	row, s.rows = s.b.Indices("path.row", m)
	node, s.nodes = s.b.Indices("path.node", m)
	bit, s.bits = s.b.Indices("path.bit", m)
	weight, s.weights = s.b.Input("path.weight", m)
	var e graph.Expr
	s.x, s.row, s.weightNode = e.N(tempered(s.Graph, x, h.score, h.tau)), row, weight
	c := graph.Classes{H: s.x, W: s.matrix(h.w), Bias: s.vector(h.bias), Unit: h.score == Cosine}
	z := e.N(graph.PairScores(c, row, node))
	s.loss = e.N(graph.SegmentSum(e.N(graph.BinaryLoss(l.Analytic, z, bit)), weight, row, b))
	return s, e.Err
}

func (s *attachedTree[T]) Set(_ int, batch *data.Batch) error {
	if err := s.setTargets(batch); err != nil {
		return err
	}
	m := 0
	for i := range batch.Len() {
		s.round++
		lo, shares := batch.Targets.Ptr[i], s.shares(batch, i)
		for j := lo; j < batch.Targets.Ptr[i+1]; j++ {
			n := s.head.tree.Path(s.node, s.bit, int(batch.Targets.Class[j]))
			for k := range n {
				// A decision that several positives share is made once, at their weight.
				key := 2*s.node[k] + int32(s.bit[k])
				if s.stamp[key] != s.round {
					s.stamp[key], s.place[key] = s.round, int32(m)
					s.rows[m], s.nodes[m], s.bits[m], s.weights[m] = int32(i), s.node[k], int32(s.bit[k]), 0
					m++
				}
				s.weights[s.place[key]] += shares[j-lo]
			}
		}
	}
	for ; m < len(s.rows); m++ {
		s.rows[m], s.nodes[m], s.bits[m] = -1, -1, -1
	}
	if s.scored.at != nil {
		return s.setScored()
	}
	return nil
}

func (h *treeHead) Ranker(Model, *data.Frame) (Ranker, error) {
	return &treeRanker{rowRanker: h.rowRanker(), tree: h.tree, trained: h.rule, rule: h.rule.now(), scores: newScorer(h.w, h.bias, h.score, h.tau)}, nil
}

// rowRanker has scratch for an encoding, and for the logits of nodes and their sums.
func (h *treeHead) rowRanker() rowRanker {
	return rowRanker{classes: h.tree.Classes(), floats: h.w.Dim + 2*h.tree.Nodes()}
}

// Bytes implements Head.
func (h *treeHead) Bytes() Footprint { return Footprint{Kept: tree.Bytes(h.tree.Classes())} }

// RankerBytes implements Head.
func (h *treeHead) RankerBytes(_ Model, _ *data.Frame, rows, k int) (int64, error) {
	r := h.rowRanker()
	return unitBytes(h.score, h.w.Rows, h.w.Dim) + r.bytes(rows, k), nil
}

// treeRanker ranks by log p(y), the sum over y's path, in O(C d) a row.
type treeRanker struct {
	rowRanker
	tree    *tree.Tree
	trained trainedLoss
	rule    losses.Loss // of the moment
	scores  scorer
}

func (r *treeRanker) Renew() error {
	r.rule = r.trained.now()
	r.scores.renew()
	return nil
}

// Share implements Ranker.
func (r *treeRanker) Share() Ranker {
	other := *r
	other.rowRanker = r.rowRanker.share()
	return &other
}

func (r *treeRanker) Rank(tops []Top, h []float32, skip func(i int) []int32, k int) error {
	d := r.scores.d
	if err := fits(len(tops), d, h); err != nil {
		return err
	}
	return r.rank(tops, skip, k, func(i int, logP []float32, scratch room) { r.score(logP, h[i*d:(i+1)*d], scratch) })
}

// LogProbs implements Prober.
func (r *treeRanker) LogProbs(logP [][]float64, h []float32, targets func(i int) []int32) error {
	d := r.scores.d
	if err := fits(len(logP), d, h); err != nil {
		return err
	}
	return r.probs(logP, targets, r.rule, func(i int, logP []float32, scratch room) { r.score(logP, h[i*d:(i+1)*d], scratch) })
}

// score stores the log-probabilities of all classes for encoding h [d].
func (r *treeRanker) score(logP, h []float32, scratch room) {
	d, n := r.scores.d, r.tree.Nodes()
	z, work := scratch.float32s(n), scratch.float32s(n)
	r.scores.row(z, h, scratch.float32s(d))
	if !plain(r.rule) {
		r.logits(z)
	}
	tree.LogP(r.tree, logP, z, work)
}

// logits replaces z by the logits of the probabilities that the rule gives to
// bit 1, so that σ of them is it.
func (r *treeRanker) logits(z []float32) {
	var p, pair [2]float64
	for i, x := range z {
		pair[1] = float64(x)
		decide(r.rule, p[:], pair[:])
		// At most 1e-12 from certain: classes behind a certain decision of a sparse map
		// are still in some order.
		one := min(max(p[1], 1e-12), 1-1e-12)
		z[i] = float32(math.Log(one / (1 - one)))
		if x != x {
			z[i] = x
		}
	}
}

// plain reports whether decisions under rule are softmax's.
func plain(rule losses.Loss) bool { return rule.Spec == nil || rule.String() == "softmax" }
