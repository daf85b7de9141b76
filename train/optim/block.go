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
	u.pieces(row, grad, func(row int, _, grad []float32) float32 {
		s := kernel.SumSquares(grad)
		u.inRun.move(row, grad, u.roomOf(worker).work)
		return s
	})
}

// UnitBlock implements [graph.UnitBlockUpdater].
func (u *Updater) UnitBlock(worker, row int, grad []float32) {
	d := u.table.Dim
	rule, ok := u.rule.(UnitRule)
	if !ok || !u.inRun.plain() {
		kernel.UnitGrads(grad, u.table.Data[row*d:][:len(grad)], d)
		u.Block(worker, row, grad)
		return
	}
	u.pieces(row, grad, func(row int, w, grad []float32) float32 { return rule.MoveUnit(row*d, w, grad, d) })
}

// throughNorm is the MoveUnit of a rule by its Move.
func throughNorm(r Rule, at int, w, g []float32, dim int) float32 {
	kernel.UnitGrads(g, w, dim)
	s := kernel.SumSquares(g)
	r.Move(at, w, g)
	return s
}

// pieces calls f for as many rows of grad at a time as are one term of the sum of squares,
// which it returns; w are the rows of the table.
func (u *Updater) pieces(row int, grad []float32, f func(row int, w, grad []float32) float32) {
	d := u.table.Dim
	size := denseRows(d)
	for ; len(grad) > 0; row += size {
		n := min(size*d, len(grad))
		u.squares[row/size] = float64(f(row, u.table.Data[row*d:][:n], grad[:n]))
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

// roomOf returns the room of that worker, which Begin has not made where GOMAXPROCS has
// become larger since.
func (u *Updater) roomOf(worker int) scratch {
	u.growing.Lock()
	defer u.growing.Unlock()
	u.growRoom(worker + 1)
	return u.room[worker]
}
