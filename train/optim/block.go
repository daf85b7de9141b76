package optim

import (
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Begin implements [graph.BlockUpdater]: it starts a step along a dense gradient that comes
// by Block. SetFactor and SetScale count if they were called before it.
func (u *Updater) Begin(t *graph.Table[float32]) error {
	if err := u.owns(t); err != nil {
		return err
	}
	size := denseRows(t.Dim)
	u.prepare((t.Rows+size-1)/size, kernel.Workers())
	u.inRun = u.begin()
	return nil
}

// Block implements graph.BlockUpdater.
func (u *Updater) Block(worker, row int, grad []float32) {
	d := u.table.Dim
	size := denseRows(d)
	for ; len(grad) > 0; row += size {
		n := min(size*d, len(grad))
		u.squares[row/size] = float64(kernel.SumSquares(grad[:n]))
		u.inRun.move(row, grad[:n], u.room[worker].work)
		grad = grad[n:]
	}
}

// Ahead implements graph.BlockUpdater: of what the rule keeps of each weight.
func (u *Updater) Ahead(row, n int) (p, q []float32) {
	d := u.table.Dim
	of := func(i int) []float32 {
		if i >= len(u.perRow) {
			return nil
		}
		return u.perRow[i][row*d : (row+n)*d]
	}
	return of(1), of(2) // the first is the table itself
}

// End implements graph.BlockUpdater.
func (u *Updater) End() { u.addSquares() }
