package als

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/check"
)

func positives(x [][]float64) (p Positives, classes int) {
	p.Ptr = []int{0}
	for _, row := range x {
		classes = len(row)
		for j, v := range row {
			if v != 0 {
				p.Col = append(p.Col, int32(j))
			}
		}
		p.Ptr = append(p.Ptr, len(p.Col))
	}
	return p, classes
}

func flat(x [][]float64) []float64 { return slices.Concat(x...) }

func near(t *testing.T, want, got []float64, rtol, atol float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Truef(t, check.Near(got[i], want[i], rtol, atol), "entry %d: %v, want %v", i, got[i], want[i])
	}
}

// TestGolden holds both half-sweeps against minimisers that other programs
// found: least squares on stacked weighted rows, and a generic quadratic
// minimisation of the written objective.
func TestGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			ID     string
			Params struct {
				Beta      float64
				PosWeight float64 `json:"pos_weight"`
				LamUser   float64 `json:"lam_user"`
				LamItem   float64 `json:"lam_item"`
			}
			Input  struct{ X, P, Q [][]float64 }
			Expect struct {
				P         [][]float64 `json:"P_after_user_step"`
				Q         [][]float64 `json:"Q_after_item_step"`
				Objective *float64
			}
			RTol, ATol float64
		}
	}
	require.NoError(t, json.Unmarshal(b, &file))
	require.Len(t, file.Cases, 3)
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			x, classes := positives(c.Input.X)
			s := New(Config{
				Dim: 3, Objective: RG(c.Params.Beta, c.Params.PosWeight, classes, false),
				userReg: c.Params.LamUser, itemReg: c.Params.LamItem, Float64: true,
			}, x, classes)
			s.User, s.Class = flat(c.Input.P), flat(c.Input.Q)
			require.NoError(t, s.solveUsers())
			near(t, flat(c.Expect.P), s.User, c.RTol, c.ATol)
			users := s.gram(s.User, s.omega)
			require.NoError(t, s.solveClasses(users))
			near(t, flat(c.Expect.Q), s.Class, c.RTol, c.ATol)
			if c.Expect.Objective != nil {
				value, _ := s.objective(users)
				require.Truef(t, check.Near(value, *c.Expect.Objective, c.RTol, c.ATol), "%v, want %v", value, *c.Expect.Objective)
			}
		})
	}
}

// random returns positives that include an empty user, an empty class and a
// user with most classes.
func random(users, classes int) Positives {
	rng := rand.New(rand.NewPCG(1, 2))
	p := Positives{Ptr: []int{0}}
	for u := range users {
		for j := range classes - 1 {
			if u > 0 && (rng.IntN(8) == 0 || u == 1 && j%8 != 0) {
				p.Col = append(p.Col, int32(j))
			}
		}
		p.Ptr = append(p.Ptr, len(p.Col))
	}
	return p
}

// weighted gives positives weights, of some 0.
func weighted(p Positives) Positives {
	for i := range p.Col {
		p.Weight = append(p.Weight, float32(i%7)/2)
	}
	return p
}

// of returns the positives of the objective of that name.
func of(name string, users, classes int) Positives {
	if strings.HasPrefix(name, "weighted") {
		return weighted(random(users, classes))
	}
	return random(users, classes)
}

var objectives = map[string]func(classes int) Objective{
	"rg2":        func(c int) Objective { return RG(0, 0, c, false) },
	"rg2 a 64":   func(c int) Objective { return RG(0, 0.3, c, false) },
	"rgx 1 64":   func(c int) Objective { return RG(1, 0, c, false) },
	"ials 64":    func(int) Objective { return IALS(0.1) },
	"rg2 a":      func(c int) Objective { return RG(0, 0.3, c, false) },
	"rgx .5":     func(c int) Objective { return RG(0.5, 0.1, c, false) },
	"rgx 1":      func(c int) Objective { return RG(1, 0, c, false) },
	"rgx code":   func(c int) Objective { return RG(0.5, 0.1, c, true) },
	"ials":       func(int) Objective { return IALS(0.1) },
	"ials heavy": func(int) Objective { return IALS(2) },

	"weighted ials":    func(int) Objective { return IALS(0.1) },
	"weighted ials 64": func(int) Objective { return IALS(0.1) },
	"weighted rgx .5":  func(c int) Objective { return RG(0.5, 0.1, c, false) },
}

// written is the objective as the doc writes it, sum by sum, over all pairs.
func written(s *Solver) float64 {
	d, o, n := s.cfg.Dim, s.cfg.Objective, s.classes.rows()
	total := 0.0
	for u := range s.users.rows() {
		row, all, squares := s.User[u*d:(u+1)*d], 0.0, 0.0
		for j := range n {
			z := dot(row, s.Class[j*d:(j+1)*d])
			all += z
			squares += z * z
			if i, hit := slices.BinarySearch(s.users.of(u), int32(j)); hit {
				w := 1.0
				if s.users.Weight != nil {
					w = float64(s.users.Weight[s.users.Ptr[u]+i])
				}
				total += w * (o.positive/2*z*z - o.reward*z + o.constant)
			}
		}
		total += s.omega[u]*(o.linear*all+o.square/2*squares) - o.beta*s.omega[u]/(2*float64(n))*all*all
		total += s.regUser(u) / 2 * dot(row, row)
	}
	for j := range n {
		total += s.regClass(j) / 2 * dot(s.Class[j*d:(j+1)*d], s.Class[j*d:(j+1)*d])
	}
	return total
}

// TestSweep: the fast objective is the written one; every sweep lowers it; each
// half-sweep is stationary (neither a coordinate nor one of all classes can be moved
// to a lower value); the bits are the same at any GOMAXPROCS.
func TestSweep(t *testing.T) {
	users := 600 // three parts
	if testing.Short() {
		users = 300
	}
	for name, objective := range objectives {
		t.Run(name, func(t *testing.T) {
			double := strings.HasSuffix(name, "64")
			run := func(procs int) (*Solver, []float64) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				cfg := Config{Dim: 4, Objective: objective(40), Lambda: 0.05, Nu: 1, Init: 0.1, Seed: 3, Float64: double}
				s := New(cfg, of(name, users, 40), 40)
				var values []float64
				for range 5 {
					v, err := s.Sweep(t.Context())
					require.NoError(t, err)
					values = append(values, v)
				}
				return s, values
			}
			s, values := run(1)
			require.True(t, slices.IsSortedFunc(values, func(a, b float64) int {
				if a >= b {
					return -1
				}
				return 1
			}), "%v", values)
			require.True(t, check.Near(values[4], written(s), 1e-11, 1e-11), "%v, written out %v", values[4], written(s))
			for _, procs := range []int{2, 4} {
				other, _ := run(procs)
				require.Equal(t, s.User, other.User)
				require.Equal(t, s.Class, other.Class)
			}
			// The sweep ended with the classes: each of their coordinates is at a minimum.
			stationary := func(f []float64) {
				base := written(s)
				for i := 0; i < len(f); i += 1 + len(f)/37 {
					x := f[i]
					for _, h := range []float64{1e-3, -1e-3} {
						f[i] = x + h
						require.GreaterOrEqual(t, written(s), base-1e-10*math.Abs(base))
					}
					f[i] = x
				}
			}
			stationary(s.Class)
			// And so are all of them moved at once: they couple for β > 0.
			base := written(s)
			for k := range 4 {
				for _, h := range []float64{1e-2, -1e-2} {
					at := slices.Clone(s.Class)
					for i := k; i < len(s.Class); i += 4 {
						s.Class[i] += h
					}
					require.GreaterOrEqual(t, written(s), base-1e-10*math.Abs(base), "all classes, coordinate %d", k)
					s.Class = at
				}
			}
			require.NoError(t, s.solveUsers())
			stationary(s.User)
			require.Equal(t, make([]float64, 4), s.User[:4], "a user without positives is at the origin")
		})
	}
}

// TestWeights: an interaction of weight 3 is three of weight 1, and one of weight 0 is none:
// for the factors, for the objective, and for what regularisation scales with.
func TestWeights(t *testing.T) {
	for _, name := range []string{"ials 64", "rgx .5"} {
		once := random(60, 30)
		repeated := Positives{Ptr: []int{0}}
		for u := range 60 {
			for _, j := range once.of(u) {
				w := len(once.Weight) % 4
				once.Weight = append(once.Weight, float32(w))
				for range w {
					repeated.Col = append(repeated.Col, j)
				}
			}
			repeated.Ptr = append(repeated.Ptr, len(repeated.Col))
		}
		cfg := Config{Dim: 5, Objective: objectives[name](30), Lambda: 0.05, Nu: 0.7, Init: 0.1, Seed: 3, Float64: true}
		a, b := New(cfg, once, 30), New(cfg, repeated, 30)
		for range 3 {
			x, err := a.Sweep(t.Context())
			require.NoError(t, err)
			y, err := b.Sweep(t.Context())
			require.NoError(t, err)
			require.InEpsilon(t, y, x, 1e-12, name)
			near(t, b.User, a.User, 1e-9, 1e-11)
			near(t, b.Class, a.Class, 1e-9, 1e-11)
		}
	}
}

// TestCode: at β = 0 the published program's variant is RG², elsewhere it is not
// RG×.
func TestCode(t *testing.T) {
	require.Equal(t, RG(0, 0.1, 7, false), RG(0, 0.1, 7, true))
	require.NotEqual(t, RG(0.5, 0.1, 7, false), RG(0.5, 0.1, 7, true))
}

// TestPrecision: a sweep in float32 is that in float64 but for rounding.
func TestPrecision(t *testing.T) {
	if testing.Short() {
		t.Skip("solves some thousand systems in float64")
	}
	for name, objective := range objectives {
		if strings.HasSuffix(name, "64") {
			continue
		}
		cfg := Config{Dim: 40, Objective: objective(300), Lambda: 0.05, Nu: 1, Init: 0.1, Seed: 3}
		single := New(cfg, of(name, 700, 300), 300) // rows with fewer positives than Dim, and with many more
		cfg.Float64 = true
		double := New(cfg, of(name, 700, 300), 300)
		for range 2 {
			a, err := single.Sweep(t.Context())
			require.NoError(t, err)
			b, err := double.Sweep(t.Context())
			require.NoError(t, err)
			require.True(t, check.Near(a, b, 1e-6, 0), "%s: %v, %v", name, a, b)
			worst, at := check.Worst(single.User, double.User, 0.1)
			require.LessOrEqual(t, worst, 1e-3, "%s user entry %d", name, at)
			worst, at = check.Worst(single.Class, double.Class, 0.1)
			require.LessOrEqual(t, worst, 1e-3, "%s class entry %d", name, at)
		}
	}
}

// BenchmarkSweep is iALS at the size of Gowalla: 30k users, 41k classes, 0.8M
// positives at random, d = 64.
func BenchmarkSweep(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	p := Positives{Ptr: []int{0}}
	for range 30000 {
		row := map[int32]bool{}
		for range 27 {
			row[int32(rng.IntN(41000))] = true
		}
		p.Col = append(p.Col, slices.Sorted(maps.Keys(row))...)
		p.Ptr = append(p.Ptr, len(p.Col))
	}
	for _, double := range []bool{false, true} {
		b.Run(map[bool]string{false: "float32", true: "float64"}[double], func(b *testing.B) {
			s := New(Config{Dim: 64, Objective: IALS(0.2), Lambda: 0.01, Nu: 1, Init: 0.01, Float64: double}, p, 41000)
			for b.Loop() {
				if _, err := s.Sweep(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestRise(t *testing.T) {
	s := New(Config{Dim: 2, Objective: IALS(0.1), Lambda: 0.1, Nu: 1, Init: 0.1}, random(30, 10), 10)
	_, err := s.Sweep(t.Context())
	require.NoError(t, err)
	s.value -= 1e3
	_, err = s.Sweep(t.Context())
	require.ErrorContains(t, err, "it may only fall")
	s.User[5] = math.NaN()
	s.Class[5] = math.NaN()
	_, err = s.Sweep(t.Context())
	require.ErrorContains(t, err, "not finite")
}

func TestCancel(t *testing.T) {
	s := New(Config{Dim: 2, Objective: IALS(0.1), Lambda: 0.1, Nu: 1, Init: 0.1}, random(30, 10), 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Sweep(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// TestSpectrum: users beside classes whose directions differ in size by 10⁴ are those
// of float64. Of a direction that no class has, nothing can be said without
// regularisation.
func TestSpectrum(t *testing.T) {
	const d, classes = 24, 200
	cfg := Config{Dim: d, Objective: RG(0, 0.1, classes, false), Lambda: 1e-9, Init: 1}
	single := New(cfg, random(100, classes), classes)
	for j := range classes {
		for k := range d {
			single.Class[j*d+k] *= math.Pow(10, -4*float64(k)/d)
		}
	}
	cfg.Float64 = true
	double := New(cfg, random(100, classes), classes)
	copy(double.Class, single.Class)
	require.NoError(t, single.solveUsers())
	require.NoError(t, double.solveUsers())
	for u := range 100 {
		for j := range classes {
			q := single.Class[j*d : (j+1)*d]
			want := dot(double.User[u*d:(u+1)*d], q)
			require.InDelta(t, want, dot(single.User[u*d:(u+1)*d], q), 1e-3, "score of user %d and class %d", u, j)
		}
	}

	for seed := range uint64(20) { // rounding falls on either side of 0
		s := New(Config{Dim: 6, Objective: RG(0, 0, 4, false), Init: 0.1, Seed: seed}, random(30, 4), 4)
		require.ErrorContains(t, s.solveUsers(), "not positive definite; raise reg")
	}
}

// TestSingular: without regularisation RG×_1 has a flat direction, and says so
// or solves it, but never returns numbers that are not.
func TestSingular(t *testing.T) {
	s := New(Config{Dim: 6, Objective: RG(1, 0, 4, false), Init: 0.1}, random(30, 4), 4)
	for range 3 {
		if _, err := s.Sweep(t.Context()); err != nil {
			require.ErrorContains(t, err, "raise reg")
			return
		}
	}
	require.False(t, slices.ContainsFunc(s.Class, math.IsNaN))
}
