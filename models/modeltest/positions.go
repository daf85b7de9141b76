package modeltest

import (
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/models"
)

// readsHistories reports whether the model reads the field "history".
func (r *rig) readsHistories(t *check.T) bool {
	g := models.NewGraph(graph.NewPlan[float32](), r.contexts, 2, nil)
	_, err := models.Encode(g, r.Model)
	t.NoError(err, "Contexts")
	return slices.Contains(g.Contexts.Fields(), "history")
}

// positions holds that the encoding of a position in a pass is that of the history up to
// it.
func (r *rig) positions(t *check.T) {
	for _, task := range []string{"next:len=6", "next:len=6,stride=4"} {
		x, err := r.set.Examples(task)
		t.NoError(err, "the examples")
		batches, err := data.NewPackedBatches(x, 40, 5)
		t.NoError(err, "the batches")
		room := batches.Room()
		b := graph.NewBuilder[float32]()
		g := models.NewGraph(b, x.Context, room.Contexts, nil).Fit(room)
		h, err := models.Encode(g, r.Model)
		t.NoError(err, "Contexts of positions")
		p, err := b.Eval(h)
		t.NoError(err, "the program of positions")
		for batch := range batches.Epoch(0) {
			t.NoError(g.Contexts.FillBatch(batch), "filling a batch")
			t.NoError(p.Run(), "a pass")
			all := slices.Clone(p.Value(h))
			alone, err := r.encodeFrame(upTo(x, batch), batch.Len())
			t.NoError(err, "encoding histories alone")
			r.near(t, all[:len(alone)], alone, "position", "in a pass", "by the history up to it alone")
		}
		t.NoError(p.Close(), "closing the program")
	}
}

// near holds two lists of encodings against each other.
func (r *rig) near(t *check.T, a, b []float32, what, how, other string) {
	size := 0.0
	for _, v := range b {
		size = max(size, float64(v), -float64(v))
	}
	for i, v := range a { // products of other sizes may add in another order
		t.True(check.Near(float64(v), float64(b[i]), 0, 1e-5*size), "%s %d: entry %d of the encoding is %g %s, %g %s", what, i/r.Dim(), i%r.Dim(), v, how, b[i], other)
	}
}

// upTo returns a frame with a row for each example of a batch: its history is what comes
// up to the example's position.
func upTo(x *data.Examples, batch *data.Batch) *data.Frame {
	n := batch.Len()
	f := &data.Frame{Rows: n}
	for _, from := range x.Context.Fields {
		to := from
		if from.Lo == nil {
			to.ID, to.Value = make([]int32, n), nil
			for i := range n {
				to.ID[i] = from.One(int(batch.Row(i)))
				if from.Value != nil {
					to.Value = append(to.Value, from.Value[batch.Row(i)])
				}
			}
		} else {
			to.Lo, to.Hi = make([]int, n), make([]int, n)
			for i := range n {
				row := batch.Row(i)
				to.Lo[i], to.Hi[i] = from.Lo[row], from.Hi[row]
				if from.Name == x.Sequence {
					at := int(batch.At[i])
					for _, before := range batch.Rows[:batch.Of[i]] {
						at -= from.Len(int(before))
					}
					to.Hi[i] = to.Lo[i] + at + 1
				}
			}
		}
		f.Fields = append(f.Fields, to)
	}
	return f
}

// encodeFrame returns the encodings of all rows of a frame of contexts.
func (r *rig) encodeFrame(f *data.Frame, size int) ([]float32, error) {
	e, err := models.NewEncoder(r.Model, f, size)
	if err != nil {
		return nil, err
	}
	rows := make([]int32, f.Rows)
	for i := range rows {
		rows[i] = int32(i)
	}
	h := make([]float32, f.Rows*r.Dim())
	if err := e.Encode(h, rows); err != nil {
		return nil, err
	}
	return h, e.Close()
}

// order holds that the order of a history matters to a model that declares it, and to no
// other.
func (r *rig) order(t *check.T) {
	task, err := data.ParseTask("last:len=6")
	t.NoError(err, "the task")
	histories := [][]int32{{7, 1, 4, 1, 9}, {9, 1, 4, 1, 7}, {4, 7, 1, 9, 1}}
	f, err := task.OfHistories(r.set, histories)
	t.NoError(err, "contexts of histories")
	h, err := r.encodeFrame(f, len(histories))
	t.NoError(err, "encoding histories of nobody")
	d := r.Dim()
	if !r.ordered {
		r.near(t, h[d:2*d], h[:d], "a history", "in one order", "in another")
		r.near(t, h[2*d:], h[:d], "a history", "in one order", "in another")
		return
	}
	size, apart := 0.0, 0.0
	for i := range d {
		size = max(size, float64(h[i]), -float64(h[i]))
		apart = max(apart, float64(h[i]-h[2*d+i]), -float64(h[i]-h[2*d+i]))
	}
	t.True(apart > 1e-3*size, "a history is encoded alike in two orders, by a model that declares that it knows order")
}
