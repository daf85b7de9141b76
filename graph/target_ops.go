package graph

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// CheckTargets returns scores z [B,K] as they are, and has a run fail as that of [Loss]
// does: where a target is no distribution over the K candidates, or has a masked one, the
// error names the row. The definition of a loss as nodes begins with it, since many a
// formula gives a number there.
func CheckTargets(z *gorgonia.Node, t *Targets) (*gorgonia.Node, error) {
	const name = "targets of scores"
	if err := wantDims(name, "z", z, 2); err != nil {
		return nil, err
	}
	b, k := z.Shape()[0], z.Shape()[1]
	if err := t.valid(name, b); err != nil {
		return nil, err
	}
	return apply(spec{name: name, shape: tensor.Shape{b, k}, fixed: t.fixed(1), f32: checkTargetsBody[float32](b, k), f64: checkTargetsBody[float64](b, k),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(append(gorgonia.Nodes{g}, make(gorgonia.Nodes, len(in)-1)...)...)
		}}, append([]node{z}, t.leaves()...)...)
}

func checkTargetsBody[T Float](b, k int) body[T] {
	var v view[T]
	return func(dst []T, in []any) error {
		z := vec[T](in[0])
		v.read(in[1:])
		if err := v.check(b, k); err != nil {
			return err
		}
		for i := range b {
			if err := unmasked(i, z[i*k:(i+1)*k], v.row(i)); err != nil {
				return err
			}
		}
		copy(dst, z)
		return nil
	}
}

// TargetDot returns Σ_k t_k z_k [B] over the target's positions, and 0 in padding rows. A
// masked score elsewhere does not enter.
func TargetDot(z *gorgonia.Node, t *Targets) (*gorgonia.Node, error) {
	if err := wantDims("targetdot", "z", z, 2); err != nil {
		return nil, err
	}
	b, k := z.Shape()[0], z.Shape()[1]
	if err := t.valid("targetdot", b); err != nil {
		return nil, err
	}
	return apply(spec{name: "targetdot", shape: tensor.Shape{b}, fixed: t.fixed(1), f32: targetDotBody[float32](k), f64: targetDotBody[float64](k),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(append(gorgonia.Nodes{e.N(scatter(g, t, k))}, make(gorgonia.Nodes, len(in)-1)...)...)
		}}, append([]node{z}, t.leaves()...)...)
}

func targetDotBody[T Float](k int) body[T] {
	var v view[T]
	return func(dst []T, in []any) error {
		z := vec[T](in[0])
		v.read(in[1:])
		if err := v.check(len(dst), k); err != nil {
			return err
		}
		for i := range dst {
			var s float64
			t := v.row(i)
			for j, p := range t.Pos {
				s += float64(t.Weight[j]) * float64(z[i*k+int(p)])
			}
			dst[i] = T(s)
		}
		return nil
	}
}

// scatter returns [B,K] with g_i t_ik at the target's positions and 0
// elsewhere: the adjoint of TargetDot.
func scatter(g node, t *Targets, k int) (node, error) {
	return apply(spec{name: "scatter", shape: tensor.Shape{t.Rows, k}, fixed: t.fixed(1),
		f32: scatterBody[float32](k), f64: scatterBody[float64](k),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(append(gorgonia.Nodes{e.N(TargetDot(g, t))}, make(gorgonia.Nodes, len(in)-1)...)...)
		}}, append([]node{g}, t.leaves()...)...)
}

func scatterBody[T Float](k int) body[T] {
	var v view[T]
	return func(dst []T, in []any) error {
		g := vec[T](in[0])
		v.read(in[1:])
		if err := v.check(len(g), k); err != nil {
			return err
		}
		clear(dst)
		for i := range g {
			t := v.row(i)
			for j, p := range t.Pos {
				dst[i*k+int(p)] = g[i] * t.Weight[j]
			}
		}
		return nil
	}
}

// TargetMatrix returns the targets as a matrix of the shape and precision of z [B,K].
// It has no gradient, and z's values do not enter.
func TargetMatrix(t *Targets, z *gorgonia.Node) (*gorgonia.Node, error) {
	if err := wantDims("targetmatrix", "z", z, 2); err != nil {
		return nil, err
	}
	b, k := z.Shape()[0], z.Shape()[1]
	if err := t.valid("targetmatrix", b); err != nil {
		return nil, err
	}
	dt := z.Dtype()
	return apply(spec{name: "targetmatrix", shape: tensor.Shape{b, k}, constant: true, dtype: &dt,
		f32: targetMatrixBody[float32](k), f64: targetMatrixBody[float64](k)}, t.leaves()...)
}

func targetMatrixBody[T Float](k int) body[T] {
	var v view[T]
	return func(dst []T, in []any) error {
		v.read(in)
		if err := v.check(len(dst)/k, k); err != nil {
			return err
		}
		clear(dst)
		for i := range len(dst) / k {
			t := v.row(i)
			for j, p := range t.Pos {
				dst[i*k+int(p)] = t.Weight[j]
			}
		}
		return nil
	}
}

// EachPositive evaluates a loss that is defined for one label, hard, once per
// position of each target and returns the average by the target's weights, [B].
// hard gets one row of z per position, [N,K], and its label, and returns [N].
func EachPositive(z *gorgonia.Node, t *Targets, hard func(z *gorgonia.Node, t *Targets) (*gorgonia.Node, error)) (*gorgonia.Node, error) {
	return eachPositive(z, t, false, func(z, _ *gorgonia.Node, t *Targets) (*gorgonia.Node, error) { return hard(z, t) })
}

// EachPositiveApart is [EachPositive] of a loss in which the other positions of a row's
// target are no rivals of its label: x is z, [N,K], with these masked.
func EachPositiveApart(z *gorgonia.Node, t *Targets, hard func(z, x *gorgonia.Node, t *Targets) (*gorgonia.Node, error)) (*gorgonia.Node, error) {
	return eachPositive(z, t, true, hard)
}

func eachPositive(z *gorgonia.Node, t *Targets, apart bool, hard func(z, x *gorgonia.Node, t *Targets) (*gorgonia.Node, error)) (*gorgonia.Node, error) {
	if err := wantDims("each positive", "z", z, 2); err != nil {
		return nil, err
	}
	b, k := z.Shape()[0], z.Shape()[1]
	if err := t.valid("each positive", b); err != nil {
		return nil, err
	}
	if t.label != nil { // one position a row already
		return hard(z, z, t)
	}
	if bookOf(z.Graph()).block > 0 {
		return positivesByBlocks(z, t, apart, hard)
	}
	rows, label, err := t.positives(k)
	if err != nil {
		return nil, err
	}
	var e Expr
	each := e.N(gatherRows(z, rows))
	x := each
	if apart {
		x = e.N(Add(each, e.N(otherPositives(t, each))))
	}
	if e.Err != nil {
		return nil, e.Err
	}
	loss := e.N(hard(each, x, &Targets{Rows: t.capacity(), label: label}))
	if e.Err != nil {
		return nil, e.Err
	}
	if err := wantDims("each positive", "the loss of one label", loss, 1); err != nil {
		return nil, err
	}
	return average(loss, t)
}

// otherPositives returns a matrix of the shape and precision of each [N,K], the rows of the
// positions of t: −Inf at the other positions of the same target, 0 elsewhere.
func otherPositives(t *Targets, each node) (node, error) {
	k, dt := each.Shape()[1], each.Dtype()
	return apply(spec{name: "other positives", shape: each.Shape(), constant: true, dtype: &dt,
		f32: otherPositivesBody[float32](t.Rows, k), f64: otherPositivesBody[float64](t.Rows, k)}, t.leaves()...)
}

func otherPositivesBody[T Float](b, k int) body[T] {
	var v view[T]
	return func(dst []T, in []any) error {
		v.read(in)
		if err := v.check(b, k); err != nil {
			return err
		}
		clear(dst)
		for i := range b {
			pos, at := v.row(i).Pos, int(v.ptr[i])
			for n, y := range pos {
				maskOthers(dst[(at+n)*k:(at+n+1)*k], pos, y)
			}
		}
		return nil
	}
}

// maskOthers masks the positions of a target but y in a row.
func maskOthers[T Float](row []T, pos []int32, y int32) {
	for _, p := range pos {
		if p != y {
			row[p] = T(math.Inf(-1))
		}
	}
}

// positives returns two Int32 nodes [N], which hold the row and the position, among k
// candidates, of each of the targets' positions. They are −1 beyond the last.
func (t *Targets) positives(k int) (rows, label node, err error) {
	shape := tensor.Shape{t.capacity()}
	if t.label != nil {
		rows, err = apply(spec{name: "positive rows", shape: shape, i32: func(dst []int32, _ []any) error {
			for i := range dst {
				dst[i] = int32(i)
			}
			return nil
		}}, t.label)
		return rows, t.label, err
	}
	var e Expr
	rows = e.N(apply(spec{name: "positive rows", shape: shape, i32: positiveRows(t.Rows)}, t.ptr))
	label = e.N(apply(spec{name: "positive labels", shape: shape, i32: positiveLabels(t.Rows, k), fixed: []int{2}}, t.leaves()...))
	return rows, label, e.Err
}

// positiveRows stores the row of each position, and −1 beyond the last.
func positiveRows(b int) func([]int32, []any) error {
	return func(dst []int32, in []any) error {
		ptr := in[0].([]int32)
		for i := range dst {
			dst[i] = -1
		}
		for i := range b {
			if lo, hi := ptr[i], ptr[i+1]; lo < 0 || hi < lo || int(hi) > len(dst) {
				return fmt.Errorf("row %d: positions [%d:%d] of %d", i, lo, hi, len(dst))
			}
			for j := ptr[i]; j < ptr[i+1]; j++ {
				dst[j] = int32(i)
			}
		}
		return nil
	}
}

// positiveLabels stores the positions, and −1 beyond the last.
func positiveLabels(b, k int) func([]int32, []any) error {
	var v32 view[float32]
	var v64 view[float64]
	return func(dst []int32, in []any) error {
		var err error
		if _, ok := in[2].([]float32); ok {
			v32.read(in)
			err = v32.check(b, k)
		} else {
			v64.read(in)
			err = v64.check(b, k)
		}
		if err != nil {
			return err
		}
		ptr, pos := in[0].([]int32), in[1].([]int32)
		for i := range dst {
			dst[i] = -1
			if i < int(ptr[b]) {
				dst[i] = pos[i]
			}
		}
		return nil
	}
}

// gatherRows returns row r_n of x [B,K] for each r_n of rows [N] Int32, and zeros where
// r_n is negative.
func gatherRows(x, rows node) (node, error) {
	b, k, n := x.Shape()[0], x.Shape()[1], rows.Shape()[0]
	return apply(spec{name: "gather", shape: tensor.Shape{n, k}, f32: gatherBody[float32](k), f64: gatherBody[float64](k),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(scatterRows(g, in[1], b)), nil)
		}}, x, rows)
}

func gatherBody[T Float](k int) body[T] {
	return func(dst []T, in []any) error {
		x := vec[T](in[0])
		for i, r := range in[1].([]int32) {
			if r < 0 {
				clear(dst[i*k : (i+1)*k])
				continue
			}
			copy(dst[i*k:(i+1)*k], x[int(r)*k:])
		}
		return nil
	}
}

// scatterRows adds row n of x [N,K] to row r_n of b rows: the adjoint of
// gatherRows.
func scatterRows(x, rows node, b int) (node, error) {
	k := x.Shape()[1]
	return apply(spec{name: "scatterrows", shape: tensor.Shape{b, k}, f32: scatterRowsBody[float32](k), f64: scatterRowsBody[float64](k),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(gatherRows(g, in[1])), nil)
		}}, x, rows)
}

func scatterRowsBody[T Float](k int) body[T] {
	return func(dst []T, in []any) error {
		x := vec[T](in[0])
		clear(dst)
		for i, r := range in[1].([]int32) {
			if r >= 0 {
				kernel.Axpy(1, x[i*k:(i+1)*k], dst[int(r)*k:(int(r)+1)*k])
			}
		}
		return nil
	}
}

// average returns Σ_n w_n x_n [B] over the positions n of each row, x [N].
func average(x node, t *Targets) (node, error) {
	return apply(spec{name: "average", shape: tensor.Shape{t.Rows}, fixed: []int{3}, f32: averageBody[float32], f64: averageBody[float64],
		diff: func(_ gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(share(g, t)), nil, nil, nil)
		}}, append([]node{x}, t.leaves()...)...)
}

func averageBody[T Float](dst []T, in []any) error {
	x, ptr, weight := vec[T](in[0]), in[1].([]int32), vec[T](in[3])
	for i := range dst {
		var s float64
		for j := ptr[i]; j < ptr[i+1]; j++ {
			s += float64(weight[j]) * float64(x[j])
		}
		dst[i] = T(s)
	}
	return nil
}

// share returns w_n g_i [N] for the positions n of each row i: the adjoint of
// average.
func share(g node, t *Targets) (node, error) {
	return apply(spec{name: "share", shape: t.pos.Shape(), fixed: []int{3}, f32: shareBody[float32], f64: shareBody[float64],
		diff: func(_ gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(average(g, t)), nil, nil, nil)
		}}, append([]node{g}, t.leaves()...)...)
}

func shareBody[T Float](dst []T, in []any) error {
	g, ptr, weight := vec[T](in[0]), in[1].([]int32), vec[T](in[3])
	clear(dst)
	for i := range g {
		for j := ptr[i]; j < ptr[i+1]; j++ {
			dst[j] = g[i] * weight[j]
		}
	}
	return nil
}
