package graph

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// RowScores returns the scores [B,K] of K candidates of each row: those of lin,
// z_bk = ⟨h_b, w_c⟩ + bias_c, for the class c = ids[b·K+k] alone. ids [B·K] is
// Int32; a negative one is a masked candidate, of score −Inf and no gradient, and
// one that is no class makes the run fail.
//
// Nothing of size C is touched where the gradients of W and Bias are asked for
// by a Param alone: they then are rows, unique and ascending, each the sum over
// its places in order; see [Gradient]. It is differentiable again in H and W.
func RowScores(lin Linear, ids *gorgonia.Node) (*gorgonia.Node, error) {
	const name = "row scores"
	if err := wantDims(name, "H", lin.H, 2); err != nil {
		return nil, err
	}
	if err := wantDims(name, "W", lin.W, 2); err != nil {
		return nil, err
	}
	if err := wantDims(name, "ids", ids, 1); err != nil {
		return nil, err
	}
	b, d, c, n := lin.H.Shape()[0], lin.H.Shape()[1], lin.W.Shape()[0], ids.Shape()[0]
	switch {
	case lin.W.Shape()[1] != d:
		return nil, fmt.Errorf("graph: %s: H is %v and W is %v; want [B,d] and [C,d]", name, lin.H.Shape(), lin.W.Shape())
	case lin.Bias != nil && !slices.Equal(lin.Bias.Shape(), []int{c}):
		return nil, fmt.Errorf("graph: %s: W is %v and the bias is %v; want [C,d] and [C]", name, lin.W.Shape(), lin.Bias.Shape())
	case ids.Dtype() != tensor.Int32:
		return nil, fmt.Errorf("graph: %s: ids are %v; want Int32", name, ids.Dtype())
	case n%b != 0:
		return nil, fmt.Errorf("graph: %s: %d ids for %d rows", name, n, b)
	}
	r := rowScores{b, n / b, c, d}
	in := []node{lin.H, lin.W, ids}
	if lin.Bias != nil {
		in = append(in, lin.Bias)
	}
	return apply(spec{name: name, shape: tensor.Shape{b, r.k}, f32: scoresBody[float32](r), f64: scoresBody[float64](r),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			grads := gorgonia.Nodes{e.N(r.combine(g, in[1], in[2])), e.N(r.scatter(g, in[0], in[2])), nil}
			if len(in) == 4 {
				grads = append(grads, e.N(r.scatter(g, nil, in[2])))
			}
			return e.grads(grads...)
		}}, in...)
}

// rowScores holds the shapes. The trilinear form Σ g_bk ⟨h_b, w_ids⟩ of g [B,K],
// H and W has the three gradients score, combine and scatter, and each of them
// has the other two.
type rowScores struct{ b, k, c, d int }

func scoresBody[T Float](r rowScores) body[T] {
	return func(dst []T, in []any) error {
		h, w, ids := vec[T](in[0]), vec[T](in[1]), in[2].([]int32)
		if err := r.check(ids); err != nil {
			return err
		}
		var bias []T
		if len(in) == 4 {
			bias = vec[T](in[3])
		}
		return parallel(r.b, 2*len(ids)*r.d, func(_, lo, hi int) error {
			for i := lo * r.k; i < hi*r.k; i++ {
				row, c := i/r.k, int(ids[i])
				if c < 0 {
					dst[i] = T(math.Inf(-1))
					continue
				}
				dst[i] = kernel.Dot(h[row*r.d:(row+1)*r.d], w[c*r.d:(c+1)*r.d])
				if bias != nil {
					dst[i] += bias[c]
				}
			}
			return nil
		})
	}
}

func (r rowScores) check(ids []int32) error {
	for i, id := range ids {
		if int(id) >= r.c {
			return fmt.Errorf("row %d: candidate %d is class %d outside [0,%d)", i/r.k, i%r.k, id, r.c)
		}
	}
	return nil
}

// combine returns Σ_k g_bk w_ids [B,d].
func (r rowScores) combine(g, w, ids node) (node, error) {
	return apply(spec{name: "row scores dH", shape: tensor.Shape{r.b, r.d}, f32: combineBody[float32](r), f64: combineBody[float64](r),
		diff: func(in gorgonia.Nodes, _, gh node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(r.scoresOf(gh, in[1], in[2])), e.N(r.scatter(in[0], gh, in[2])), nil)
		}}, g, w, ids)
}

func combineBody[T Float](r rowScores) body[T] {
	return func(dst []T, in []any) error {
		g, w, ids := vec[T](in[0]), vec[T](in[1]), in[2].([]int32)
		return parallel(r.b, 2*len(ids)*r.d, func(_, lo, hi int) error {
			clear(dst[lo*r.d : hi*r.d])
			for i := lo * r.k; i < hi*r.k; i++ {
				if row, c := i/r.k, int(ids[i]); c >= 0 && g[i] != 0 {
					kernel.Axpy(g[i], w[c*r.d:(c+1)*r.d], dst[row*r.d:(row+1)*r.d])
				}
			}
			return nil
		})
	}
}

// scoresOf returns ⟨h_b, w_ids⟩, 0 at masked candidates: gradients pass there.
func (r rowScores) scoresOf(h, w, ids node) (node, error) {
	var e Expr
	return e.N(Unmask(e.N(RowScores(Linear{H: h, W: w}, ids)), 0)), e.Err
}

// scatter returns [C,d] with g_bk h_b added to row ids; or, where h is nil, [C]
// with g_bk added.
func (r rowScores) scatter(g, h, ids node) (node, error) {
	s := spec{name: "row scores dW", shape: tensor.Shape{r.c, r.d}}
	in := []node{g, ids}
	if h != nil {
		in = append(in, h)
	} else {
		s.name, s.shape = "row scores dBias", tensor.Shape{r.c}
	}
	s32, s64 := &scattered[float32]{rowScores: r}, &scattered[float64]{rowScores: r}
	work, err := apply(spec{name: s.name + " rows", shape: tensor.Shape{1}, f32: s32.run, f64: s64.run}, in...)
	if err != nil {
		return nil, err
	}
	if h == nil {
		s32.d, s64.d = 1, 1
	}
	s.hand32, s.hand64 = s32.hand, s64.hand
	s.live = func(sole bool) { s32.dense, s64.dense = !sole, !sole }
	// The operands come along for the derivative; the work op carries the data.
	s.diff = func(in gorgonia.Nodes, _, gw node) (gorgonia.Nodes, error) {
		if len(in) == 3 {
			return nil, fmt.Errorf("graph: the bias of row scores has no second derivative")
		}
		var e Expr
		return e.grads(nil, e.N(r.scoresOf(in[3], gw, in[2])), nil, e.N(r.combine(in[1], gw, in[2])))
	}
	s.fixed = []int{0}
	return apply(s, append([]node{work}, in...)...)
}

// scattered is the work of one scatter.
type scattered[T Float] struct {
	rowScores
	dense bool // somebody reads all rows
	group grouping
	data  []T // of the rows
	all   []T // [C,d] if dense
}

func (s *scattered[T]) run(_ []T, in []any) error {
	g, ids := vec[T](in[0]), in[1].([]int32)
	s.group.of(ids)
	rows := s.group.ids
	if n := len(rows) * s.d; cap(s.data) < n {
		s.data = make([]T, n)
	}
	s.data = s.data[:len(rows)*s.d]
	err := parallel(len(rows), 2*len(ids)*s.d, func(_, lo, hi int) error {
		clear(s.data[lo*s.d : hi*s.d])
		for i := lo; i < hi; i++ {
			sum := s.data[i*s.d : (i+1)*s.d]
			for _, at := range s.group.places[s.group.start[i]:s.group.start[i+1]] {
				if len(in) == 2 { // the bias
					sum[0] += g[at]
					continue
				}
				row := int(at) / s.k
				kernel.Axpy(g[at], vec[T](in[2])[row*s.d:(row+1)*s.d], sum)
			}
		}
		return nil
	})
	if err != nil || !s.dense {
		return err
	}
	if s.all == nil {
		s.all = make([]T, s.c*s.d)
	}
	clear(s.all)
	for i, id := range rows {
		copy(s.all[int(id)*s.d:], s.data[i*s.d:(i+1)*s.d])
	}
	return nil
}

func (s *scattered[T]) hand() ([]T, Gradient[T]) {
	if s.dense {
		return s.all, Gradient[T]{}
	}
	return nil, Gradient[T]{Rows: s.group.ids, Data: s.data}
}
