package optim

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// SetScale sets what the gradient is multiplied by from the next step on, before l2 is
// added to it; 1 at first.
func (u *Updater) SetScale(scale float64) { u.scale = scale }

// Measure returns an updater of u's table that moves nothing and is no step: what it is
// given it only squares, for u.Square. It is for who must know the gradients of all tables
// before the first of them moves, as clipping by their common norm does.
func (u *Updater) Measure() graph.SumUpdater[float32] { return measurer{u} }

type measurer struct{ u *Updater }

// Update implements graph.Updater.
func (m measurer) Update(t *graph.Table[float32], g graph.Gradient[float32]) error {
	n, err := m.u.entries(t, g)
	if err != nil {
		return err
	}
	d := t.Dim
	m.u.blocks(n, blockRows(d), func(lo, hi int, _ scratch) float64 {
		return float64(kernel.SumSquares(g.Data[lo*d : hi*d]))
	})
	return nil
}

// UpdateSums implements graph.SumUpdater.
func (m measurer) UpdateSums(t *graph.Table[float32], sums *graph.RowSums[float32]) error {
	if err := m.u.fits(t, sums); err != nil {
		return err
	}
	n := t.Rows
	if sums.Rows != nil {
		n = len(sums.Rows)
	}
	m.u.blocks(n, fewRows(t.Dim), func(lo, hi int, s scratch) float64 {
		sums.Sum(s.grad, lo, hi)
		return float64(kernel.SumSquares(s.grad[:(hi-lo)*t.Dim]))
	})
	return nil
}

// entries returns how many rows a gradient of t has, or what is wrong with it.
func (u *Updater) entries(t *graph.Table[float32], g graph.Gradient[float32]) (int, error) {
	if err := u.owns(t); err != nil {
		return 0, err
	}
	n := len(g.Rows)
	if g.Rows == nil {
		n = t.Rows
	}
	if len(g.Data) != n*t.Dim {
		return 0, fmt.Errorf("optim: table %q: %d gradient entries for %d rows of width %d", t.Name, len(g.Data), n, t.Dim)
	}
	return n, nil
}

// fits returns what is wrong with sums as a gradient of t.
func (u *Updater) fits(t *graph.Table[float32], sums *graph.RowSums[float32]) error {
	if err := u.owns(t); err != nil {
		return err
	}
	if sums.Dim != t.Dim {
		return fmt.Errorf("optim: table %q: gradient rows of width %d, want %d", t.Name, sums.Dim, t.Dim)
	}
	return nil
}
