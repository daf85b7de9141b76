package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// ridgeProblem is a system of d unknowns and n rows, padded as Solve takes it.
type ridgeProblem struct {
	d, n    int
	x, v, b []float32
	tab     []float32
	ids     []int32
	w       []float32 // of the rows; nil is 1
	c, r    float32
}

func newRidgeProblem(seed uint64, d, n int) *ridgeProblem {
	rng := source(seed)
	ld := Stride(d)
	p := &ridgeProblem{d: d, n: n, x: make([]float32, ld), v: make([]float32, ld), b: make([]float32, ld), c: 0.7, r: 1.3}
	const rows = 600
	p.tab = make([]float32, rows*ld)
	for i := range rows {
		copy(p.tab[i*ld:], normal(rng, d, 1))
	}
	copy(p.b, normal(rng, d, 1))
	for k := range d {
		p.v[k] = 0.5 + 2*rng.Float32()
	}
	for range n {
		p.ids = append(p.ids, int32(rng.IntN(rows)))
	}
	return p
}

// solve is the textbook solution: the matrix written out, Gaussian elimination.
func (p *ridgeProblem) solve() []float64 {
	d, ld := p.d, Stride(p.d)
	a, x := make([][]float64, d), make([]float64, d)
	for k := range d {
		a[k] = make([]float64, d)
		a[k][k] = float64(p.v[k])
		if p.b != nil {
			x[k] = float64(p.b[k])
		}
		for i, id := range p.ids {
			f, w := p.tab[int(id)*ld:][:d], 1.0
			if p.w != nil {
				w = float64(p.w[i])
			}
			x[k] += w * float64(p.r) * float64(f[k])
			for l := range d {
				a[k][l] += w * float64(p.c) * float64(f[k]) * float64(f[l])
			}
		}
	}
	for k := range d {
		for i := k + 1; i < d; i++ {
			q := a[i][k] / a[k][k]
			for l := k; l < d; l++ {
				a[i][l] -= q * a[k][l]
			}
			x[i] -= q * x[k]
		}
	}
	for k := d - 1; k >= 0; k-- {
		for l := k + 1; l < d; l++ {
			x[k] -= a[k][l] * x[l]
		}
		x[k] /= a[k][k]
	}
	return x
}

func (p *ridgeProblem) run(s *Ridge) error {
	return s.Solve(p.x, p.v, p.b, p.c, p.r, p.tab, p.ids, p.w)
}

// require holds the solution against the textbook's, to rounding times the
// condition of these problems.
func (p *ridgeProblem) require(t *testing.T, s *Ridge, what string) {
	t.Helper()
	require.NoError(t, p.run(s), what)
	want, norm := p.solve(), 0.0
	for _, w := range want {
		norm = max(norm, math.Abs(w))
	}
	for k, w := range want {
		if !(math.Abs(float64(p.x[k])-w) <= 3e-5*norm) {
			t.Fatalf("%s, d=%d n=%d: x[%d] = %v, want %v", what, p.d, p.n, k, p.x[k], w)
		}
	}
	for _, x := range p.x[p.d:] {
		require.Zero(t, x)
	}
}

func TestRidge(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		for d := 1; d < 131; d += 1 + d/12 {
			s := NewRidge(d)
			for _, n := range []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 30, 33, d * 7 / 8, d*7/8 + 1, 2 * d, 500} {
				if testing.Short() && d*d*(d+n) > 1<<15 && (d != 63 || n != 33) {
					continue // the reference is slow
				}
				p := newRidgeProblem(uint64(d*1000+n), d, n)
				p.require(t, s, "whole")
				p.b = nil
				p.require(t, s, "without b")
				for _, dual := range []int{-1, min(d, n)} { // both ways, whatever the rule
					s.dual = dual
					p.require(t, s, fmt.Sprint("dual up to ", dual))
				}
				p.c = 0
				p.require(t, s, "without squares")

				p = newRidgeProblem(uint64(d*1000+n), d, n)
				p.w = make([]float32, n)
				for i := range p.w {
					p.w[i] = float32(i%5) / 2 // of some 0
				}
				for _, dual := range []int{-1, min(d, n)} {
					s.dual = dual
					p.require(t, s, fmt.Sprint("with weights, dual up to ", dual))
				}
				p.c = 0
				p.require(t, s, "with weights, without squares")
				s.dual = d * 7 / 8
			}
		}
	})
}

// TestRidgeRefuses: a system that is not positive definite, or not a number, is an
// error by whichever way it is solved, and the solver can be used again.
func TestRidgeRefuses(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		const d = 37
		for _, n := range []int{0, 3, d, 3 * d} {
			for _, bad := range []float32{-1000, nan, inf} {
				p, s := newRidgeProblem(7, d, n), NewRidge(d)
				if bad == inf && n > 0 {
					p.tab[int(p.ids[n/2])*Stride(d)+5] = inf
				} else if bad == inf {
					continue
				} else {
					p.v[d-2] = bad
				}
				require.ErrorContains(t, p.run(s), "not positive definite", "n=%d, %v", n, bad)
				newRidgeProblem(8, d, n).require(t, s, "after an error")
			}
			p := newRidgeProblem(7, d, n)
			p.v[4], p.c = 0, 0
			require.ErrorContains(t, p.run(NewRidge(d)), "not positive definite at row 4")
		}
		// A zero of v is none of the matrix where there are rows enough.
		p := newRidgeProblem(7, d, 3*d)
		p.v[4] = 0
		p.require(t, NewRidge(d), "v with a zero")
		require.Panics(t, func() { _ = NewRidge(d).Solve(p.x[1:], p.v, p.b, 1, 1, p.tab, p.ids, nil) })
		require.Panics(t, func() { _ = NewRidge(d).Solve(p.x, p.v, p.b, 1, 1, p.tab, []int32{600}, nil) })
		require.Panics(t, func() { _ = NewRidge(d).Solve(p.x, p.v, p.b, 1, 1, p.tab, p.ids, p.v[:1]) })
	})
}

// TestRidgeAllocates nothing after the first call.
func TestRidgeAllocatesNothing(t *testing.T) {
	for _, n := range []int{0, 20, 100} {
		p, s := newRidgeProblem(7, 64, n), NewRidge(64)
		require.Zero(t, testing.AllocsPerRun(10, func() { _ = p.run(s) }), "n=%d", n)
		p.w = make([]float32, n)
		require.Zero(t, testing.AllocsPerRun(10, func() { _ = p.run(s) }), "n=%d with weights", n)
	}
}

// eachBlock calls f for the block sizes of the active path.
func eachBlock(f func(lanes int)) {
	for _, small := range []bool{true, false} {
		f(ridgeLanes(small))
	}
}

func TestRidgeKernelsMatchTheirDefinition(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(31)
		eachBlock(func(lanes int) {
			most := 160
			if testing.Short() {
				most = 80
			}
			for width := lanes; width <= most; width += lanes {
				for _, n := range []int{0, 1, 2, 5, lanes} {
					offset := (width/lanes + n) % 16
					ld := width + 3
					what := fmt.Sprintf("width=%d, n=%d", width, n)
					x := guard(normal(r, 20*ld, 1), offset)
					ids := make([]int32, n)
					for i := range ids {
						ids[i] = int32(r.IntN(20))
					}
					for _, add := range []bool{false, true} {
						c0 := normal(r, width*ld, 1)
						c, want := guard(c0, (offset+1)%16), guard(c0, 0)
						gatherGram(lanes, c.x, ld, width, x.x, ld, ids, add)
						gatherGramGo(lanes, want.x, ld, width, x.x, ld, ids, add)
						requireSame(t, want, c, 1e-5, 1e-5, "gatherGram, "+what)
						if n == 0 {
							continue
						}
						c, want = guard(c0, (offset+1)%16), guard(c0, 0)
						gram(lanes, c.x, ld, width, x.x, x.x[4*ld:], ld, n, add)
						gramGo(lanes, want.x, ld, width, x.x, x.x[4*ld:], ld, n, add)
						requireSame(t, want, c, 1e-5, 1e-5, "gram, "+what)
					}
					if n == 0 {
						continue
					}
					scale := normal(r, width, 1)
					y := guard(normal(r, width*(lanes+1), 1), offset)
					want := guard(y.x, 0)
					gatherT(lanes, y.x, lanes+1, x.x, ld, width, scale, ids)
					gatherTGo(lanes, want.x, lanes+1, x.x, ld, width, scale, ids)
					requireSame(t, want, y, 0, 0, "gatherT, "+what)
				}

				// A panel, and the way back through it alone.
				ld := width + 3
				a0, b0 := normal(r, width*ld, 1), normal(r, width, 1)
				for i := range width {
					for j := range i {
						a0[i*ld+j] = a0[j*ld+i]
					}
					a0[i*ld+i] += 40
				}
				offset := width / lanes % 16
				what := fmt.Sprint("width=", width)
				a, wantA := guard(a0, offset), guard(a0, 0)
				b, wantB := guard(b0, (offset+1)%16), guard(b0, 0)
				panel := normal(r, lanes*ld, 1)
				p, wantP := guard(panel, (offset+2)%16), guard(panel, 0)
				inv, wantInv := guard(b0, (offset+3)%16), guard(b0, 0)
				ldlPanel(lanes, a.x, ld, width, p.x, inv.x, b.x)
				ldlPanelGo(lanes, wantA.x, ld, width, wantP.x, wantInv.x, wantB.x)
				requireSame(t, wantA, a, 1e-5, 1e-5, "ldlPanel a, "+what)
				requireSame(t, wantB, b, 1e-5, 1e-5, "ldlPanel b, "+what)
				requireSame(t, wantInv, inv, 1e-5, 1e-5, "ldlPanel inv, "+what)
				for k := range lanes { // right of the block: inside it is scratch
					requireNear(t, wantP.x[k*ld+lanes:][:width-lanes], p.x[k*ld+lanes:][:width-lanes], 1e-5, 1e-5, "ldlPanel r, %s", what)
				}
				p.requireIntact(t, "r, "+what)

				for i := range a0 {
					a0[i] /= 50
				}
				for i := range width { // what ldlPanel leaves in blocks of the diagonal
					for j := i / lanes * lanes; j < i; j++ {
						a0[i*ld+j] = a0[j*ld+i]
					}
				}
				b, wantB = guard(b0, (offset+1)%16), guard(b0, 0)
				a = guard(a0, offset)
				ldlBack(lanes, a.x, ld, width, scaleOf(width), b.x)
				ldlBackGo(a0, ld, width, scaleOf(width), wantB.x)
				requireSame(t, wantB, b, 1e-4, 1e-4, "ldlBack, "+what)
			}
		})
	})
}

// scaleOf returns n negative numbers.
func scaleOf(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = -1 / float32(2+i%7)
	}
	return x
}

func TestGramOfFloat64(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(32)
		for ld := 16; ld <= 160; ld += 16 {
			for _, n := range []int{0, 1, 5, 40} {
				a, b, c, want := make([]float64, n*ld), make([]float64, n*ld), make([]float64, ld*ld), make([]float64, ld*ld)
				for i := range a {
					b[i] = r.NormFloat64()
					a[i] = b[i] * float64(1+i/ld)
				}
				for i := range c {
					c[i] = r.NormFloat64()
				}
				copy(want, c)
				Gram(c, a, b, ld)
				for i := range ld {
					for j := i; j < ld; j++ {
						for k := range n {
							want[i*ld+j] += a[k*ld+i] * b[k*ld+j]
						}
						if !(math.Abs(want[i*ld+j]-c[i*ld+j]) <= 1e-11) {
							t.Fatalf("ld=%d, n=%d, entry %d, %d: %v, want %v", ld, n, i, j, c[i*ld+j], want[i*ld+j])
						}
					}
				}
			}
		}
	})
	require.Panics(t, func() { Gram(make([]float64, 64), nil, nil, 8) })
}

// BenchmarkRidge has the mean numbers of positives of Gowalla's classes and users,
// and more, each solved for n unknowns and for d.
func BenchmarkRidge(b *testing.B) {
	for _, name := range Paths() {
		for _, d := range []int{64, 128} {
			for _, n := range []int{8, 20, 27, d / 2, d * 5 / 8, d * 3 / 4, d * 7 / 8, d, 4 * d} {
				for way, dual := range map[string]int{"n": d, "d": -1} {
					if n > d && dual == d {
						continue
					}
					b.Run(fmt.Sprintf("d=%d/n=%d/for %s/%s", d, n, way, name), func(b *testing.B) {
						restore, err := Use(name)
						require.NoError(b, err)
						defer restore()
						p, s := newRidgeProblem(1, d, n), NewRidge(d)
						p.b, s.dual = nil, dual
						for b.Loop() {
							if err := p.run(s); err != nil {
								b.Fatal(err)
							}
						}
					})
				}
			}
		}
	}
}
