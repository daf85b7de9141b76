package graph

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A Table holds Rows vectors of Dim numbers: embeddings of users, items, words; the
// weights of a layer. A graph reads it as one leaf, and [Program.Step] moves it by
// the gradient of all that was read.
//
// Not safe for concurrent use while a method that writes runs.
type Table[T Float] struct {
	Name      string // unique in a model
	Rows, Dim int
	Init      Init    // of its first weights
	Frozen    bool    // training leaves it as it is
	Scalar    *Scalar // what its one number is, of a table [1,1] that NewScalar made; else nil
	Data      []T     // [Rows,Dim]; nil until it is needed
}

// NewTable returns a table of zeros.
func NewTable[T Float](name string, rows, dim int) *Table[T] {
	return &Table[T]{Name: name, Rows: rows, Dim: dim, Data: kernel.Make[T](rows * dim)}
}

// Row returns row id, which is the table's memory.
func (t *Table[T]) Row(id int32) []T { return t.Data[int(id)*t.Dim : (int(id)+1)*t.Dim] }

// An Init says what a table begins with. The zero Init is zeros.
type Init struct {
	kind  string
	scale float64
}

// Normal draws every weight from N(0, deviation²).
func Normal(deviation float64) Init { return Init{"normal", deviation} }

// Xavier draws every weight of a layer from U(−a, a), a = √(6/(Rows+Dim)): Glorot &
// Bengio 2010, Understanding the difficulty of training deep feedforward neural
// networks, eq. 16.
func Xavier() Init { return Init{kind: "xavier"} }

// Constant makes every weight c.
func Constant(c float64) Init { return Init{"constant", c} }

// String returns the initialiser's name and, where it has one, its number.
func (i Init) String() string {
	switch i.kind {
	case "":
		return "constant 0"
	case "xavier":
		return i.kind
	}
	return fmt.Sprintf("%s %g", i.kind, i.scale)
}

// initRows is the number of rows of a cell: those that one stream of random numbers
// fills.
const initRows = 8192

// Initialise makes the table's Data from its Init. The numbers of a cell of 8192 rows
// depend on seed, name, the cell's number and Dim alone (with Xavier on Rows too):
// one more table changes no other, and who holds some cells can make them alone.
func (t *Table[T]) Initialise(seed uint64) {
	t.Data = kernel.Make[T](t.Rows * t.Dim)
	h := fnv.New64a()
	h.Write([]byte(t.Name)) // a hash never fails
	stream := h.Sum64()
	cells := (t.Rows + initRows - 1) / initRows
	kernel.Parallel(cells, func(_, cell int) {
		// The golden ratio's multiples spread the cells over all streams.
		rng := rand.New(rand.NewPCG(seed, stream+uint64(cell)*0x9e3779b97f4a7c15))
		x := t.Data[cell*initRows*t.Dim : min((cell+1)*initRows, t.Rows)*t.Dim]
		switch t.Init.kind {
		case "normal":
			for i := range x {
				x[i] = T(t.Init.scale * rng.NormFloat64())
			}
		case "xavier":
			a := math.Sqrt(6 / float64(t.Rows+t.Dim))
			for i := range x {
				x[i] = T(a * (2*rng.Float64() - 1))
			}
		case "constant":
			for i := range x {
				x[i] = T(t.Init.scale)
			}
		}
	})
}

// An Updater is a row-sparse optimizer: it moves the rows g.Rows of t (all where
// nil) against g.Data, and keeps what state it needs per table. g is borrowed
// for the call.
type Updater[T Float] interface {
	// Update moves t by one step.
	Update(t *Table[T], g Gradient[T]) error
}

// A SumUpdater is an Updater that can add up the rows of a row-sparse gradient as
// it moves them. The result is that of Update.
type SumUpdater[T Float] interface {
	Updater[T]
	// UpdateSums is Update by the gradient that s adds up.
	UpdateSums(t *Table[T], s *RowSums[T]) error
}

// move hands u the gradient s.
func (t *Table[T]) move(u Updater[T], s *RowSums[T]) error {
	if su, ok := u.(SumUpdater[T]); ok {
		return su.UpdateSums(t, s)
	}
	return u.Update(t, Gradient[T]{Rows: s.Rows, Data: s.all()})
}
