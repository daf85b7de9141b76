package kernel

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// sparse leaves few entries of H, of some rows none and of the rows from 64 on fewer.
func (p *problem) sparse(keep int) *problem {
	for i := range p.H {
		row := i / p.D
		if (i*7+row*3)%keep != 0 || row%9 == 4 || row >= 64 && i%2 == 0 {
			p.H[i] = 0
		}
	}
	return p
}

// entries is the problem with the entries of H in its place.
func (p *problem) entries() *Linear {
	x := p.Linear
	x.H, x.Entries = nil, &Entries{Ptr: []int32{0}}
	e := x.Entries
	for i := range p.B {
		for k, v := range p.H[i*p.D:][:p.D] {
			if v != 0 {
				e.ID, e.Val = append(e.ID, int32(k)), append(e.Val, v)
			}
		}
		e.Ptr = append(e.Ptr, int32(len(e.ID)))
	}
	return &x
}

// sparseShapes have one chunk and several, whole vectors of columns and not, one group of rows
// and two.
var sparseShapes = []problemConfig{
	{b: 70, c: 159, d: 140, sd: 4, bias: true, positives: 3, padding: true},
	{b: 270, c: 40, d: 64, sd: 4},
	{b: 20, c: 300, d: 101, sd: 4, masked: true, positives: 2},
	{b: 2, c: 1, d: 7, sd: 4},
}

// TestSparseH: rows that are mostly zeros give what they give as dense rows, whatever the loss
// (each is tried at one of the shapes), with and without scores that are kept, without the gradient of H, by a Sink, and of classes
// of norm 1: the same bits of kernels that add one product at a time, and nearly those elsewhere.
func TestSparseH(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for i, cfg := range sparseShapes {
			p := newProblem(source(uint64(71+i)), cfg).sparse(20)
			for at, l := range everyLoss() {
				if at%4 != i || testing.Short() && at%3 > 0 { // every loss at one shape
					continue
				}
				for _, how := range []struct {
					budget         int
					unit, h, sinks bool
				}{{0, false, true, false}, {1 << 30, false, false, false}, {1 << 30, true, true, false}, {0, true, false, Sinks(l.loss)}} {
					what := fmt.Sprintf("%v %s %+v", cfg, nameOf(l.loss), how)
					p.Unit = how.unit
					run := func(x *Linear) [][]float32 {
						ws := Workspace{Budget: how.budget}
						loss, out := p.outputs()
						if !how.h {
							out.H = nil
						}
						sink := &collected{d: p.D, dw: make([]float32, p.C*p.D), times: make([]int, p.C)}
						if how.sinks {
							out.W, out.Sink = nil, sink
						}
						require.NoError(t, l.loss.Forward(&ws, x, loss), what)
						require.NoError(t, l.loss.Backward(&ws, x, p.g, out), what)
						require.Empty(t, sink.fault, what)
						return [][]float32{loss, out.H, out.W, sink.dw, out.Bias}
					}
					want, got := run(&p.Linear), run(p.entries())
					for k := range want {
						requireNearly(t, want[k], got[k], fmt.Sprint(what, " ", k))
					}
					if _, ok := l.loss.(Softmax); ok && Path() != "go" {
						for k := range want {
							requireEqual(t, want[k], got[k], what)
						}
					}
				}
			}
		}
	})
}

// requireNearly compares numbers with the largest of them.
func requireNearly(t *testing.T, want, got []float32, what string) {
	t.Helper()
	require.Len(t, got, len(want), what)
	most := 1e-2
	for _, v := range want {
		if a := math.Abs(float64(v)); a > most {
			most = a
		}
	}
	for i := range want {
		if want[i] != got[i] && !(math.Abs(float64(want[i])-float64(got[i])) <= 1e-4*most) && (want[i] == want[i] || got[i] == got[i]) {
			require.Failf(t, "differs", "%s: entry %d is %v, and %v of dense rows", what, i, got[i], want[i])
		}
	}
}

// TestSparseHBits: the bits do not depend on the number of goroutines, also where that rises
// before the gradient, and what a Workspace holds is what is said.
func TestSparseHBits(t *testing.T) {
	p := newProblem(source(75), problemConfig{b: 270, c: 250, d: 120, sd: 3, bias: true, positives: 2}).sparse(16)
	whole := p.Linear
	p.Linear = *p.entries()
	for _, l := range []Loss{Softmax{Tau: 0.7, Smoothing: 0.1}, Stream(Logistic{Beta: 1}), Stream(Pairwise{}), Entmax{Alpha: 1.5}, Rankmax{Margin: 1}} {
		sameBits(t, l, p)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	runtime.GOMAXPROCS(1)
	var ws Workspace
	loss, out := p.outputs()
	require.NoError(t, Softmax{Tau: 1}.Forward(&ws, &p.Linear, loss))
	runtime.GOMAXPROCS(4)
	require.NoError(t, Softmax{Tau: 1}.Backward(&ws, &p.Linear, p.g, out)) // on more goroutines than had a room
	most := WorkspaceBytes(Softmax{Tau: 1}, p.B, p.C, p.D, len(p.Pos), len(p.Entries.ID), 0, Highest)
	require.LessOrEqual(t, int64(ws.Bytes()), most) // less where one goroutine did it all
	require.Greater(t, int64(ws.Bytes()), most/4)
	require.NoError(t, Softmax{Tau: 1}.Forward(&ws, &whole, loss)) // a whole one after it
}

// TestNoEntries: of no rows the gradient is 0, as a matrix and by a Sink.
func TestNoEntries(t *testing.T) {
	p := &problem{Linear: Linear{C: 5, D: 3, W: make([]float32, 15), Label: []int32{}, Entries: &Entries{Ptr: []int32{0}}}}
	for _, sinks := range []bool{false, true} {
		loss, out := p.outputs()
		sink := &collected{d: p.D, dw: make([]float32, p.C*p.D), times: make([]int, p.C)}
		if sinks {
			out.W, out.Sink = nil, sink
		}
		var ws Workspace
		require.NoError(t, Softmax{Tau: 1}.Forward(&ws, &p.Linear, loss))
		require.NoError(t, Softmax{Tau: 1}.Backward(&ws, &p.Linear, nil, out))
		require.Empty(t, sink.fault)
		if require.Equal(t, make([]float32, 15), sink.dw); !sinks {
			require.Equal(t, make([]float32, 15), out.W)
		}
		require.Equal(t, make([]float32, 5), out.Bias)
	}
}

// TestEntriesRefuseBadInput.
func TestEntriesRefuseBadInput(t *testing.T) {
	for want, e := range map[string]*Entries{
		"2 pointers":             {Ptr: []int32{0, 1}, ID: []int32{0}},
		"1 columns and 2 values": {Ptr: []int32{0, 1, 1}, ID: []int32{0}, Val: []float32{1, 2}},
		"row 1 of H end at 0":    {Ptr: []int32{0, 1, 0}, ID: []int32{0}},
		"row 1 of H end at 2":    {Ptr: []int32{0, 1, 2}, ID: []int32{0}},
		"in column 3":            {Ptr: []int32{0, 1, 2}, ID: []int32{0, 3}},
		"in column -1":           {Ptr: []int32{0, 1, 2}, ID: []int32{-1, 0}},
	} {
		x := Linear{B: 2, C: 2, D: 3, Entries: e, W: make([]float32, 6), Label: []int32{0, 1}}
		require.ErrorContains(t, Softmax{Tau: 1}.Forward(new(Workspace), &x, make([]float32, 2)), want)
	}
}

// TestFewClassesSameBits: classes of one chunk are shared out by rows, and by tiles.
func TestFewClassesSameBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for i, cfg := range []problemConfig{{b: 300, c: 159, d: 40, sd: 2, bias: true, positives: 2}, {b: 1, c: 190, d: 16, sd: 1}, {b: 130, c: 400, d: 20, sd: 1}} {
		for at, l := range everyLoss() {
			if at%3 != i || testing.Short() && at%5 > 0 {
				continue
			}
			p := newProblem(source(77), cfg)
			var first []float32
			for _, procs := range []int{1, 2, 7} {
				runtime.GOMAXPROCS(procs)
				ws := Workspace{Budget: (procs / 2) << 24}
				loss, out := p.outputs()
				out.H = nil
				require.NoError(t, l.loss.Forward(&ws, &p.Linear, loss))
				require.NoError(t, l.loss.Backward(&ws, &p.Linear, p.g, out))
				all := append(append(loss, out.W...), out.Bias...)
				if first == nil {
					first = all
				}
				requireEqual(t, first, all, "%v %s GOMAXPROCS %d", cfg, nameOf(l.loss), procs)
			}
		}
	}
}
