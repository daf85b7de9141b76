package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A problem is a random Linear with an upstream gradient.
type problem struct {
	Linear
	g []float32
}

type problemConfig struct {
	b, c, d      int
	sd           float64 // of the scores
	bias, masked bool
	positives    int // targets a row; 0 is labels
	padding      bool
}

func (p problemConfig) String() string {
	return fmt.Sprintf("B=%d,C=%d,D=%d,sd=%v,bias=%v,masked=%v,positives=%d,padding=%v", p.b, p.c, p.d, p.sd, p.bias, p.masked, p.positives, p.padding)
}

func newProblem(r *rand.Rand, cfg problemConfig) *problem {
	p := &problem{Linear: Linear{B: cfg.b, C: cfg.c, D: cfg.d}}
	p.H = normal(r, cfg.b*cfg.d, cfg.sd/math.Sqrt(float64(cfg.d)))
	p.W = normal(r, cfg.c*cfg.d, 1)
	p.g = normal(r, cfg.b, 1)
	var allowed []int32
	if cfg.bias || cfg.masked {
		p.Bias = normal(r, cfg.c, 0.5)
	}
	for c := range int32(cfg.c) {
		if cfg.masked && c%3 == 1 {
			p.Bias[c] = -inf
			continue
		}
		allowed = append(allowed, c)
	}
	pads := func(i int) bool { return cfg.padding && i%5 == 2 }
	if cfg.positives == 0 {
		for i := range cfg.b {
			y := allowed[r.IntN(len(allowed))]
			if pads(i) {
				y = -1
			}
			p.Label = append(p.Label, y)
		}
	} else {
		p.Ptr = []int32{0}
		for i := range cfg.b {
			if !pads(i) {
				n := min(1+r.IntN(cfg.positives), len(allowed))
				pos := slices.Clone(allowed)
				r.Shuffle(len(pos), func(i, j int) { pos[i], pos[j] = pos[j], pos[i] })
				pos = pos[:n]
				slices.Sort(pos)
				w := make([]float32, n)
				var s float32
				for k := range w {
					w[k] = r.Float32() + 0.1
					s += w[k]
				}
				Scale(1/s, w)
				p.Pos, p.Weight = append(p.Pos, pos...), append(p.Weight, w...)
			}
			p.Ptr = append(p.Ptr, int32(len(p.Pos)))
		}
	}
	if cfg.padding { // what a padding row holds must not matter
		for i := range cfg.b {
			if pads(i) {
				for k := range cfg.d {
					p.H[i*cfg.d+k] = nan
				}
			}
		}
	}
	return p
}

// target returns the dense target of row i, or nil for padding.
func (p *problem) target(i int) []float64 {
	t := make([]float64, p.C)
	if p.Label != nil {
		if p.Label[i] < 0 {
			return nil
		}
		t[p.Label[i]] = 1
		return t
	}
	if p.Ptr[i] == p.Ptr[i+1] {
		return nil
	}
	for k := p.Ptr[i]; k < p.Ptr[i+1]; k++ {
		t[p.Pos[k]] = float64(p.Weight[k])
	}
	return t
}

// reference computes losses and gradients in float64 from the loss of one row:
// rowLoss returns ℓ and stores ∂ℓ/∂z. Masked classes are deleted.
func (p *problem) reference(rowLoss func(dz, z, t []float64) float64) (loss, dh, dw, db []float64) {
	loss, dh, dw, db = make([]float64, p.B), make([]float64, p.B*p.D), make([]float64, p.C*p.D), make([]float64, p.C)
	for i := range p.B {
		t := p.target(i)
		if t == nil {
			continue
		}
		var ids []int
		var z, ti []float64
		for c := range p.C {
			if p.masked(c) {
				continue
			}
			var s float64
			for k := range p.D {
				s += float64(p.H[i*p.D+k]) * float64(p.W[c*p.D+k])
			}
			if p.Bias != nil {
				s += float64(p.Bias[c])
			}
			ids, z, ti = append(ids, c), append(z, s), append(ti, t[c])
		}
		dz := make([]float64, len(z))
		loss[i] = rowLoss(dz, z, ti)
		for j, c := range ids {
			g := float64(p.g[i]) * dz[j]
			db[c] += g
			for k := range p.D {
				dh[i*p.D+k] += g * float64(p.W[c*p.D+k])
				dw[c*p.D+k] += g * float64(p.H[i*p.D+k])
			}
		}
	}
	return loss, dh, dw, db
}

// outputs has room for every gradient, filled with NaN: all must be overwritten.
func (p *problem) outputs() (loss []float32, out *Grad) {
	loss, out = make([]float32, p.B), &Grad{H: make([]float32, p.B*p.D), W: make([]float32, p.C*p.D), Bias: make([]float32, p.C)}
	for _, s := range [][]float32{loss, out.H, out.W, out.Bias} {
		for i := range s {
			s[i] = nan
		}
	}
	return loss, out
}

// shapes returns small and ragged ones with every feature, and more. Under -short it
// leaves out those whose reference is slow.
func shapes(more ...problemConfig) []problemConfig {
	all := append(slices.Clone(ragged), more...)
	if testing.Short() {
		all = slices.DeleteFunc(all, func(p problemConfig) bool { return p.b*p.c*max(p.d, p.positives, 16) > 400_000 })
	}
	return all
}

var ragged = []problemConfig{
	{b: 1, c: 1, d: 1, sd: 1},
	{b: 3, c: 2, d: 5, sd: 2, bias: true},
	{b: 5, c: 7, d: 16, sd: 1, positives: 3},
	{b: 64, c: 96, d: 16, sd: 1},
	{b: 65, c: 193, d: 17, sd: 3, bias: true, padding: true},
	{b: 130, c: 389, d: 33, sd: 1, masked: true, positives: 4},
	{b: 300, c: 577, d: 24, sd: 4, bias: true, masked: true, positives: 5, padding: true},
	{b: 17, c: 2311, d: 8, sd: 10},
	{b: 9, c: 400, d: 520, sd: 2, positives: 2},
	{b: 70, c: 200, d: 9, sd: 2, bias: true, masked: true, positives: 4, padding: true},
}

// requireLoss compares a fused loss with a row loss on a random problem, on every
// path. It returns on how many paths the gradient was sparse.
func requireLoss(t *testing.T, ws *Workspace, l Loss, p *problem, rowLoss func(dz, z, t []float64) float64, tol float64, what string) (sparse int) {
	t.Helper()
	wantLoss, wantH, wantW, wantB := p.reference(rowLoss)
	for _, path := range Paths() {
		restore, err := Use(path)
		require.NoError(t, err)
		what := path + ": " + what
		loss, out := p.outputs()
		require.NoError(t, l.Forward(ws, &p.Linear, loss), what)
		for range 2 { // Backward may run again
			require.NoError(t, l.Backward(ws, &p.Linear, p.g, out), what)
		}
		for i := range loss {
			if !near(float64(loss[i]), wantLoss[i], tol, tol) {
				require.Failf(t, "loss", "%s: row %d is %v, want %v", what, i, loss[i], wantLoss[i])
			}
		}
		requireRMS(t, wantH, out.H, tol, tol, what+": dH")
		requireRMS(t, wantW, out.W, tol, tol, what+": dW")
		requireRMS(t, wantB, out.Bias, tol, tol, what+": dBias")
		if ws.Sparse() {
			sparse++
			requireRows(t, ws, l, p, out, what)
		}
		restore()
	}
	return sparse
}

// requireRows holds the sparse form of the gradient to the dense one.
func requireRows(t *testing.T, ws *Workspace, l Loss, p *problem, out *Grad, what string) {
	t.Helper()
	rows := &RowGrad{}
	require.NoError(t, l.Backward(ws, &p.Linear, p.g, &Grad{Rows: rows}))
	dense, bias := make([]float32, p.C*p.D), make([]float32, p.C)
	for k, id := range rows.ID {
		if k > 0 {
			require.Less(t, rows.ID[k-1], id)
		}
		copy(dense[int(id)*p.D:], rows.Val[k*p.D:][:p.D])
		bias[id] = rows.Bias[k]
	}
	requireEqual(t, out.W, dense, what)
	requireEqual(t, out.Bias, bias, what)
}

func softmaxRow(tau, eps float64) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) float64 {
		m := slices.Max(z)
		var s, l float64
		for _, v := range z {
			s += math.Exp((v - m) / tau)
		}
		lse := m/tau + math.Log(s)
		for j, v := range z {
			tj := (1-eps)*t[j] + eps/float64(len(z))
			l += tj * (lse - v/tau)
			dz[j] = (math.Exp(v/tau-lse) - tj) / tau
		}
		return l
	}
}

func TestSoftmaxMatchesFloat64(t *testing.T) {
	r := source(7)
	var ws Workspace // one for all: nothing may be left over
	for _, cfg := range shapes() {
		for _, s := range []Softmax{{Tau: 1}, {Tau: 0.3, Smoothing: 0.1}} {
			requireLoss(t, &ws, s, newProblem(r, cfg), softmaxRow(float64(s.Tau), float64(s.Smoothing)), 1e-5, fmt.Sprintf("%v %+v", cfg, s))
		}
	}
}

func TestSoftmaxExtremes(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		var ws Workspace
		s := Softmax{Tau: 1}
		// A certain row has loss 0, not a rounding below it.
		x := &Linear{B: 1, C: 3, D: 1, H: []float32{60}, W: []float32{1, 0, -1}, Label: []int32{0}}
		loss := make([]float32, 1)
		require.NoError(t, s.Forward(&ws, x, loss))
		require.InDelta(t, 0, loss[0], 1e-20)
		require.GreaterOrEqual(t, loss[0], float32(0))
		// Scores beyond any exponential.
		x.H[0] = 1e30
		x.Label[0] = 1
		require.NoError(t, s.Forward(&ws, x, loss))
		require.InEpsilon(t, 1e30, loss[0], 1e-6)
		// NaN and +Inf give NaN.
		for _, bad := range []float32{nan, inf} {
			x.H[0] = bad
			require.NoError(t, s.Forward(&ws, x, loss))
			require.True(t, loss[0] != loss[0], "%v gives %v", bad, loss[0])
		}
	})
}

func TestLinearRefusesBadInput(t *testing.T) {
	good := func() *Linear {
		return &Linear{B: 2, C: 3, D: 2, H: make([]float32, 4), W: make([]float32, 6), Label: []int32{0, -1}}
	}
	for want, spoil := range map[string]func(x *Linear){
		"H has 3 entries":           func(x *Linear) { x.H = x.H[:3] },
		"W has 5 entries":           func(x *Linear) { x.W = x.W[:5] },
		"bias has 1 entries":        func(x *Linear) { x.Bias = []float32{0} },
		"row 0 has label 3":         func(x *Linear) { x.Label[0] = 3 },
		"1 labels, want B = 2":      func(x *Linear) { x.Label = x.Label[:1] },
		"need B ≥ 0":                func(x *Linear) { x.C = 0 },
		"masked class 0 as label":   func(x *Linear) { x.Bias = []float32{-inf, 0, 0} },
		"targets have 0 pointers":   func(x *Linear) { x.Label = nil },
		"row 1 has target 5":        func(x *Linear) { x.Label, x.Ptr, x.Pos, x.Weight = nil, []int32{0, 0, 1}, []int32{5}, []float32{1} },
		"pointer of row 1 is above": func(x *Linear) { x.Label, x.Ptr, x.Pos, x.Weight = nil, []int32{0, 2, 1}, []int32{1}, []float32{1} },
		"masked class 2 as target": func(x *Linear) {
			x.Label, x.Ptr, x.Pos, x.Weight, x.Bias = nil, []int32{0, 1, 1}, []int32{2}, []float32{1}, []float32{0, 0, -inf}
		},
	} {
		x := good()
		spoil(x)
		err := Softmax{Tau: 1}.Forward(new(Workspace), x, make([]float32, 2))
		require.ErrorContains(t, err, want)
	}
	ws, x := new(Workspace), good()
	require.ErrorContains(t, Softmax{Tau: 1}.Backward(ws, x, make([]float32, 2), &Grad{}), "without a Forward")
	require.NoError(t, Softmax{Tau: 1}.Forward(ws, x, make([]float32, 2)))
	require.ErrorContains(t, Softmax{Tau: 1}.Backward(ws, x, make([]float32, 1), &Grad{}), "upstream gradient has 1")
	require.ErrorContains(t, Softmax{Tau: 1}.Backward(ws, x, make([]float32, 2), &Grad{H: make([]float32, 1)}), "gradient of H has 1")
	require.ErrorContains(t, Softmax{Tau: 1}.Backward(ws, x, make([]float32, 2), &Grad{Rows: &RowGrad{}}), "dense")
}

// requireEqual is require.Equal, whose reflection takes longer than the kernels: no NaN is equal.
func requireEqual(t *testing.T, want, got []float32, args ...any) {
	t.Helper()
	if !slices.Equal(want, got) {
		require.Equal(t, want, got, args...)
	}
}

// sameBits runs a loss at several GOMAXPROCS and requires equal bits.
func sameBits(t *testing.T, l Loss, p *problem) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first [][]float32
	counts := []int{1, 2, 4}
	if testing.Short() {
		counts = []int{1, 4}
	}
	for _, procs := range counts {
		runtime.GOMAXPROCS(procs)
		var ws Workspace
		loss, out := p.outputs()
		require.NoError(t, l.Forward(&ws, &p.Linear, loss))
		require.NoError(t, l.Backward(&ws, &p.Linear, p.g, out))
		all := [][]float32{loss, out.H, out.W, out.Bias}
		if first == nil {
			first = all
		}
		for i := range first {
			requireEqual(t, first[i], all[i], "GOMAXPROCS %d", procs)
		}
	}
}

func TestSoftmaxSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		sameBits(t, Softmax{Tau: 0.7, Smoothing: 0.1}, newProblem(source(8), problemConfig{b: 100, c: 3000, d: 20, sd: 2, bias: true}))
	})
}

// TestSoftmaxMemory holds the bound that the documentation states.
func TestSoftmaxMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("one million classes")
	}
	b, c, d := 256, 1_000_000, 64
	x := &Linear{B: b, C: c, D: d, H: make([]float32, b*d), W: make([]float32, c*d), Label: make([]int32, b)}
	var ws Workspace
	loss, g := make([]float32, b), make([]float32, b)
	require.NoError(t, Softmax{Tau: 1}.Forward(&ws, x, loss))
	require.InEpsilon(t, math.Log(float64(c)), loss[0], 1e-5)
	require.NoError(t, Softmax{Tau: 1}.Backward(&ws, x, g, &Grad{H: make([]float32, b*d), W: make([]float32, c*d)}))
	t.Logf("%d bytes, %d chunks", ws.Bytes(), ws.chunks)
	require.LessOrEqual(t, ws.Bytes(), 4<<20+Workers()*(300<<10))
}

func TestSoftmaxDoesNotAllocatePerClass(t *testing.T) {
	p := newProblem(source(9), problemConfig{b: 32, c: 5000, d: 8, sd: 1})
	var ws Workspace
	loss, out := p.outputs()
	step := func() {
		require.NoError(t, Softmax{Tau: 1}.Forward(&ws, &p.Linear, loss))
		require.NoError(t, Softmax{Tau: 1}.Backward(&ws, &p.Linear, p.g, out))
	}
	step()
	require.Less(t, testing.AllocsPerRun(5, step), 100.0)
}

func BenchmarkSoftmax(b *testing.B) {
	for _, s := range []problemConfig{{b: 256, c: 100_000, d: 64, sd: 2}, {b: 128, c: 10_000, d: 32, sd: 2}, {b: 1024, c: 50_000, d: 128, sd: 2}} {
		for _, name := range Paths() {
			b.Run(fmt.Sprintf("B=%d,C=%d,D=%d/%s", s.b, s.c, s.d, name), func(b *testing.B) {
				restore, err := Use(name)
				require.NoError(b, err)
				defer restore()
				p := newProblem(source(10), s)
				ws := Workspace{ShiftInvariant: true}
				loss, out := p.outputs()
				out.Bias = nil
				for b.Loop() {
					require.NoError(b, Softmax{Tau: 1}.Forward(&ws, &p.Linear, loss))
					require.NoError(b, Softmax{Tau: 1}.Backward(&ws, &p.Linear, p.g, out))
				}
				// Four products of B·C·D multiply-adds, as the literature counts.
				b.ReportMetric(8*float64(s.b)*float64(s.c)*float64(s.d)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gflop/s")
				b.ReportMetric(float64(ws.Bytes())/1e6, "MB")
			})
		}
	}
}

// TestNoRows has nothing to train on: gradients are zero, not what was there.
func TestNoRows(t *testing.T) {
	for _, l := range []Loss{Softmax{Tau: 1}, Entmax{Alpha: 1.5}, Rankmax{Margin: 1}, CrammerSinger{Margin: 1}, RG{1, 0}} {
		p := &problem{Linear: Linear{C: 5, D: 3, W: make([]float32, 15), Label: []int32{}}}
		loss, out := p.outputs()
		var ws Workspace
		require.NoError(t, l.Forward(&ws, &p.Linear, loss))
		require.NoError(t, l.Backward(&ws, &p.Linear, nil, out))
		require.Equal(t, make([]float32, 15), out.W, "%T", l)
		require.Equal(t, make([]float32, 5), out.Bias, "%T", l)
	}
}

// TestMoreProcessorsInBackward grows the scratch between the passes.
func TestMoreProcessorsInBackward(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, l := range []Loss{Softmax{Tau: 1}, Entmax{Alpha: 1.5}, RG{1, 0}} {
		p := newProblem(source(16), problemConfig{b: 40, c: 3000, d: 8, sd: 1})
		loss, out := p.outputs()
		var ws Workspace
		runtime.GOMAXPROCS(1)
		require.NoError(t, l.Forward(&ws, &p.Linear, loss))
		runtime.GOMAXPROCS(4)
		require.NoError(t, l.Backward(&ws, &p.Linear, p.g, out))
	}
}

func TestSoftmaxRefusesBadParameters(t *testing.T) {
	p := newProblem(source(17), problemConfig{b: 2, c: 3, d: 2, sd: 1})
	for _, s := range []Softmax{{}, {Tau: -1}, {Tau: nan}, {Tau: inf}, {Tau: 1, Smoothing: 1}, {Tau: 1, Smoothing: nan}} {
		require.ErrorContains(t, s.Forward(new(Workspace), &p.Linear, make([]float32, 2)), "the temperature is positive")
	}
}

// TestBudget: scores that are kept give the bits of scores computed again, also in
// a second Backward, and are taken from the last Forward.
func TestBudget(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(31)
		losses := []Loss{Softmax{Tau: 0.7, Smoothing: 0.1}, Entmax{Alpha: 1.5}, Entmax{Alpha: 2}, Stream(Pairwise{})}
		kept := make([]Workspace, len(losses)) // one for all problems
		for _, cfg := range []problemConfig{
			{b: 1, c: 5, d: 3, sd: 1},
			{b: 130, c: 500, d: 20, sd: 0.05, bias: true, padding: true},
			{b: 70, c: 301, d: 16, sd: 0.05, masked: true, positives: 3},
			{b: 64, c: 2000, d: 8, sd: 3},
		} {
			p := newProblem(r, cfg)
			for i, l := range losses {
				run := func(ws *Workspace) (all [][]float32) {
					loss := make([]float32, p.B)
					require.NoError(t, l.Forward(ws, &p.Linear, loss))
					all = append(all, loss)
					for range 2 {
						g := Grad{H: make([]float32, p.B*p.D), W: make([]float32, p.C*p.D), Bias: make([]float32, p.C)}
						require.NoError(t, l.Backward(ws, &p.Linear, p.g, &g))
						all = append(all, g.H, g.W, g.Bias)
					}
					return all
				}
				var none Workspace
				kept[i].Budget = 1 << 30
				want, got := run(&none), run(&kept[i])
				for j := range want {
					requireBits(t, want[j], got[j], "%v %v", cfg, l)
				}
				require.Zero(t, none.kept)
			}
		}
		// Each loss kept some, or the test shows nothing.
		for i := range losses {
			require.NotZero(t, kept[i].kept, "%v", losses[i])
		}
	})
}
