package optim

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

type (
	table    = graph.Table[float32]
	gradient = graph.Gradient[float32]
)

func newTable(rows, dim int, seed uint64) *table {
	rng := rand.New(rand.NewPCG(seed, 0))
	t := &table{Name: "w", Rows: rows, Dim: dim, Data: make([]float32, rows*dim)}
	for i := range t.Data {
		t.Data[i] = float32(rng.NormFloat64())
	}
	return t
}

// sparse draws a gradient over a random, possibly empty, part of the rows.
func sparse(t *table, rng *rand.Rand) gradient {
	g := gradient{Rows: []int32{}}
	for r := range t.Rows {
		if rng.IntN(3) == 0 {
			g.Rows = append(g.Rows, int32(r))
			for range t.Dim {
				g.Data = append(g.Data, float32(rng.NormFloat64()))
			}
		}
	}
	return g
}

// full spreads g over all rows, 0 where it has none.
func full(t *table, g gradient) gradient {
	f := gradient{Data: make([]float32, t.Rows*t.Dim)}
	for i, r := range g.Rows {
		copy(f.Data[int(r)*t.Dim:], g.Data[i*t.Dim:(i+1)*t.Dim])
	}
	return f
}

// A setting is an optimizer with what draws weights to 0.
type setting struct {
	Optimizer
	r Regularization
}

// For returns a fresh updater of w at the setting.
func (s setting) For(w *table) *Updater {
	u := s.Optimizer.For(w)
	u.Regularize(s.r)
	return u
}

// settings calls f with every probed setting of every registered optimizer, at
// a rate that moves, and with every kind of regularisation.
func settings(t *testing.T, f func(t *testing.T, b setting)) {
	require.NotEmpty(t, All())
	for _, s := range All() {
		for _, c := range registry.NewChoice(s.Name, s, s.Params).Probes() {
			b := Optimizer{c}
			again, err := Parse(b.String())
			require.NoError(t, err)
			require.Equal(t, b, again)
			t.Run(b.String(), func(t *testing.T) { f(t, setting{b, Regularization{}}) })
		}
		for name, r := range map[string]Regularization{
			"l2": {L2: 0.1}, "decay": {Decay: 0.1}, "decay of rows": {Decay: 0.1, DecayRead: true},
			"l2 and decay of rows": {L2: 0.1, Decay: 0.1, DecayRead: true},
		} {
			t.Run(s.Name+"/"+name, func(t *testing.T) { f(t, setting{at(t, s, ""), r}) })
		}
	}
}

// with returns b with a parameter replaced.
func with(t *testing.T, b Optimizer, text string) Optimizer {
	all := b.Values.Text(b.Spec.Params)
	if all != "" {
		all += ","
	}
	got, err := Parse(b.Spec.Name + ":" + all + text)
	require.NoError(t, err)
	return got
}

// TestModes: given the same gradient spread over all rows, lazy, dense and dense
// from sparse rows are one algorithm; from sparse rows lazy leaves the others
// alone, state included.
func TestModes(t *testing.T) {
	settings(t, func(t *testing.T, b setting) {
		if b.Values.String("mode") == "dense" {
			require.Equal(t, "dense", with(t, at(t, b.Spec, ""), "mode=dense").Values.String("mode"))
			return // the default setting below runs it
		}
		dense := setting{with(t, b.Optimizer, "mode=dense"), b.r}
		a, c, e, l := newTable(7, 3, 1), newTable(7, 3, 1), newTable(7, 3, 1), newTable(7, 3, 1)
		ua, uc, ue, ul := dense.For(a), dense.For(c), b.For(e), b.For(l)
		rng := rand.New(rand.NewPCG(3, 4))
		lazyDiffers := false
		for range 20 {
			g := sparse(a, rng)
			was := slices.Clone(g.Data)
			before := slices.Clone(l.Data)
			state := cloneState(ul)
			require.NoError(t, ua.Update(a, g))
			require.NoError(t, uc.Update(c, full(c, g)))
			require.NoError(t, ue.Update(e, full(e, g)))
			require.NoError(t, ul.Update(l, g))
			require.Equal(t, was, g.Data, "the gradient is read only")
			if !b.r.DecayRead { // a dense gradient has all rows
				require.Equal(t, a.Data, c.Data)
				require.Equal(t, a.Data, e.Data)
			}
			for r := range l.Rows {
				if _, hit := slices.BinarySearch(g.Rows, int32(r)); hit || b.r.L2 > 0 {
					continue
				}
				want := before[r*3 : r*3+3]
				if b.r.Decay > 0 && !b.r.DecayRead {
					for k := range want {
						want[k] *= float32(1 - b.Values.Num("lr")*b.r.Decay)
					}
				}
				require.Equal(t, want, l.Data[r*3:r*3+3], "row %d moved", r)
				for i, s := range ul.State() {
					n := len(state[i]) / l.Rows // numbers of a row
					require.Equal(t, state[i][r*n:r*n+n], numbers(s)[r*n:r*n+n], "state of row %d moved", r)
				}
			}
			lazyDiffers = lazyDiffers || !slices.Equal(l.Data, a.Data)
		}
		// What has state beyond a sum of squares must tell the modes apart, unless l2 gives
		// all rows a gradient.
		moments := b.Spec.Name == "adam" || b.String() == "sgd:momentum=0.9"
		require.Equal(t, moments && b.r.L2 == 0, lazyDiffers)
	})
}

// at returns the optimizer of s at the settings of text.
func at(t *testing.T, s *Spec, text string) Optimizer {
	o, err := Parse(s.Name + ":" + text)
	require.NoError(t, err)
	return o
}

func cloneState(u *Updater) (all [][]float32) {
	for _, s := range u.State() {
		all = append(all, slices.Clone(numbers(s)))
	}
	return all
}

// TestRegularize: l2 is the same as adding λw to the gradient of every row outside; decay
// scales every row, or those that have a gradient, by 1 − ηλ' before it moves; rate 0 moves
// nothing.
func TestRegularize(t *testing.T) {
	require.NotEmpty(t, All())
	for _, s := range All() {
		for _, mode := range []string{"lazy", "dense"} {
			t.Run(s.Name+"/"+mode, func(t *testing.T) {
				plain := at(t, s, "lr=0.125,mode="+mode)
				a, c := newTable(5, 4, 1), newTable(5, 4, 1)
				ua, uc := setting{plain, Regularization{L2: 0.25}}.For(a), plain.For(c)
				rng := rand.New(rand.NewPCG(3, 4))
				for range 10 {
					g := sparse(a, rng)
					h := full(c, g)
					for i, w := range c.Data {
						h.Data[i] += 0.25 * w
					}
					require.NoError(t, ua.Update(a, g))
					require.NoError(t, uc.Update(c, h))
					require.Equal(t, c.Data, a.Data)
				}

				for _, read := range []bool{false, true} {
					d, e := newTable(5, 4, 1), newTable(5, 4, 1)
					ud, ue := setting{plain, Regularization{Decay: 0.5, DecayRead: read}}.For(d), plain.For(e)
					for range 10 {
						g := sparse(d, rng)
						for r := range e.Rows {
							if _, has := slices.BinarySearch(g.Rows, int32(r)); has || !read {
								for k := range 4 {
									e.Data[r*4+k] *= 1 - 0.125*0.5
								}
							}
						}
						require.NoError(t, ud.Update(d, g))
						require.NoError(t, ue.Update(e, g))
						require.Equal(t, e.Data, d.Data, "of read rows alone: %v", read)
					}
				}

				d := newTable(5, 4, 1)
				want := slices.Clone(d.Data)
				u := setting{at(t, s, "lr=0,mode="+mode), Regularization{L2: 0.5, Decay: 0.5}}.For(d)
				require.NoError(t, u.Update(d, full(d, sparse(d, rng))))
				require.Equal(t, want, d.Data)
				u = plain.For(d)
				u.SetFactor(0)
				require.NoError(t, u.Update(d, full(d, sparse(d, rng))))
				require.Equal(t, want, d.Data)
			})
		}
	}
}

// TestTextbook holds mode=dense against the published algorithm in float64, step
// by step, from sparse gradients.
func TestTextbook(t *testing.T) {
	const lr = 0.05
	for text, step := range map[string]func(s []float64, t int, w, g float64) float64{
		"sgd": func(_ []float64, _ int, w, g float64) float64 { return w - lr*g },
		"sgd:momentum=0.9": func(s []float64, _ int, w, g float64) float64 {
			s[0] = 0.9*s[0] + g
			return w - lr*s[0]
		},
		"adagrad": func(s []float64, _ int, w, g float64) float64 {
			s[0] += g * g
			if s[0] == 0 {
				return w
			}
			return w - lr*g/math.Sqrt(s[0])
		},
		"adam": func(s []float64, t int, w, g float64) float64 {
			s[0] = 0.9*s[0] + 0.1*g
			s[1] = 0.999*s[1] + 0.001*g*g
			return w - lr*s[0]/(1-math.Pow(0.9, float64(t)))/(math.Sqrt(s[1]/(1-math.Pow(0.999, float64(t))))+1e-8)
		},
		"adam decay": func(s []float64, t int, w, g float64) float64 {
			s[0] = 0.9*s[0] + 0.1*g
			s[1] = 0.999*s[1] + 0.001*g*g
			return w - lr*0.3*w - lr*s[0]/(1-math.Pow(0.9, float64(t)))/(math.Sqrt(s[1]/(1-math.Pow(0.999, float64(t))))+1e-8)
		},
	} {
		t.Run(text, func(t *testing.T) {
			text, decays := strings.CutSuffix(text, " decay")
			b, err := Parse(text)
			require.NoError(t, err)
			w := newTable(6, 5, 1)
			u := with(t, b, "mode=dense,lr=0.05").For(w)
			if decays {
				u.Regularize(Regularization{Decay: 0.3})
			}
			ref, state := make([]float64, 30), make([][2]float64, 30)
			for i, x := range w.Data {
				ref[i] = float64(x)
			}
			rng := rand.New(rand.NewPCG(5, 6))
			for n := range 200 {
				g := sparse(w, rng)
				f := full(w, g)
				for i := range ref {
					ref[i] = step(state[i][:], n+1, ref[i], float64(f.Data[i]))
				}
				require.NoError(t, u.Update(w, g))
				for i, x := range w.Data {
					// 200 roundings of float32 at |w| ≲ 10.
					require.Truef(t, check.Near(float64(x), ref[i], 1e-5, 2e-5), "step %d entry %d: %v, want %v", n+1, i, x, ref[i])
				}
			}
		})
	}
}

// TestRowState holds state=row against the algorithm in float64, of scattered rows and of all
// of them: a row has one number, the sum of the means of its squares.
func TestRowState(t *testing.T) {
	const rows, dim, lr, first = 40, 7, 0.05, 0.25
	for _, mode := range []string{"lazy", "dense"} {
		b, err := Parse("adagrad:state=row,lr=0.05,init=0.25,mode=" + mode)
		require.NoError(t, err)
		w := newTable(rows, dim, 1)
		u := b.For(w)
		require.Equal(t, []int{rows}, u.State()[0].Shape)
		require.EqualValues(t, rows, b.StateLen(rows, dim))
		ref, sum := make([]float64, rows*dim), make([]float64, rows)
		for i, x := range w.Data {
			ref[i] = float64(x)
		}
		for r := range sum {
			sum[r] = first
		}
		rng := rand.New(rand.NewPCG(5, 6))
		for n := range 100 {
			g := sparse(w, rng)
			if n%3 == 0 { // a gradient of all rows, in blocks
				g = full(w, g)
			}
			f := full(w, g)
			if g.Rows == nil {
				f = g
			}
			for r := range rows {
				mean := 0.0
				for _, x := range f.Data[r*dim:][:dim] {
					mean += float64(x) * float64(x) / dim
				}
				sum[r] += mean
				for k, x := range f.Data[r*dim:][:dim] {
					ref[r*dim+k] -= lr * float64(x) / (math.Sqrt(sum[r]) + 1e-10)
				}
			}
			require.NoError(t, u.Update(w, g))
		}
		for i, x := range w.Data {
			// 100 roundings of float32 at |w| ≲ 10.
			require.Truef(t, check.Near(float64(x), ref[i], 1e-5, 2e-5), "%s: entry %d: %v, want %v", mode, i, x, ref[i])
		}
		for r, x := range numbers(u.State()[0]) {
			require.True(t, check.Near(float64(x), sum[r], 1e-5, 0), "%s: row %d", mode, r)
		}
	}
	_, err := Parse("adagrad:state=column")
	require.ErrorContains(t, err, "entry, row")
}

// TestLazyAdam pins what lazy means: after a pause the moments are as they were,
// where dense has let them fade and the row has moved on.
func TestLazyAdam(t *testing.T) {
	run := func(mode string) (*table, *Updater) {
		b, err := Parse("adam:lr=0.1,mode=" + mode)
		require.NoError(t, err)
		w := &table{Name: "w", Rows: 2, Dim: 1, Data: []float32{0, 0}}
		u := b.For(w)
		require.NoError(t, u.Update(w, gradient{Rows: []int32{0, 1}, Data: []float32{1, 1}}))
		for range 10 {
			require.NoError(t, u.Update(w, gradient{Rows: []int32{1}, Data: []float32{1}}))
		}
		return w, u
	}
	w, u := run("lazy")
	require.InDelta(t, -0.1, w.Data[0], 1e-6)
	require.InDelta(t, 0.1, numbers(u.State()[0])[0], 1e-7)
	require.EqualValues(t, 11, u.Steps())
	w, u = run("dense")
	require.Less(t, w.Data[0], float32(-0.2), "earlier gradients go on moving the row")
	require.InDelta(t, 0.1*math.Pow(0.9, 10), numbers(u.State()[0])[0], 1e-7)
}

// TestThreads: the bits do not depend on GOMAXPROCS, and a resumed updater goes
// on as if it had never stopped.
func TestThreads(t *testing.T) {
	settings(t, func(t *testing.T, b setting) {
		rows := 4001 // × 33 > 4 grains: several goroutines at work
		run := func(procs int) []float32 {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			w := newTable(rows, 33, 1)
			u := b.For(w)
			rng := rand.New(rand.NewPCG(7, 8))
			for n := range 4 {
				if n == 2 { // stop and resume
					v := b.For(w)
					for i, s := range v.State() {
						copy(numbers(s), numbers(u.State()[i]))
					}
					v.SetSteps(u.Steps())
					u = v
				}
				require.NoError(t, u.Update(w, sparse(w, rng)))
			}
			return w.Data
		}
		want := run(1)
		require.Equal(t, want, run(2))
		require.Equal(t, want, run(4))
	})
}

// TestDescends: every optimizer finds the least of ½‖w − a‖².
func TestDescends(t *testing.T) {
	for _, s := range All() {
		w, a := newTable(4, 3, 1), newTable(4, 3, 2)
		u := at(t, s, "lr=0.1").For(w)
		for range 3000 {
			g := gradient{Data: make([]float32, 12)}
			for i := range g.Data {
				g.Data[i] = w.Data[i] - a.Data[i]
			}
			require.NoError(t, u.Update(w, g))
		}
		for i := range a.Data {
			require.InDelta(t, a.Data[i], w.Data[i], 1e-2, s.Name)
		}
	}
}

func TestUpdateErrors(t *testing.T) {
	b, err := Parse("sgd")
	require.NoError(t, err)
	w := newTable(3, 2, 1)
	u := b.For(w)
	require.ErrorContains(t, u.Update(newTable(3, 2, 1), gradient{}), "was given")
	require.ErrorContains(t, u.Update(w, gradient{Data: make([]float32, 5)}), "5 gradient entries for 3 rows")
	for _, rows := range [][]int32{{-1}, {3}, {1, 1}, {2, 1}} {
		require.ErrorContains(t, u.Update(w, gradient{Rows: rows, Data: make([]float32, 2*len(rows))}), "not ascending")
	}
	require.EqualValues(t, 0, u.Steps())
	require.NoError(t, u.Update(w, gradient{Rows: []int32{}}), "no rows is a step")
	require.EqualValues(t, 1, u.Steps())

	for text, part := range map[string]string{
		"adm": "adagrad, adam, sgd", "adam:rate=1": "the choices are lr, mode, beta1", "adam:l2=1": "train.l2", "sgd:decay=1": "train.decay", "adam:lr=-1": "outside",
		"adam:mode=eager": "lazy, dense", "adam:lr=nan": "not a number",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, part, text)
	}
}

func TestRegisterPanics(t *testing.T) {
	require.Panics(t, func() { Register(Spec{Name: "x"}) })
	require.PanicsWithValue(t, `optim: duplicate name "sgd"`, func() {
		s := *All()[2]
		s.Params = nil
		Register(s)
	})
	require.Panics(t, func() { RegisterSchedule(ScheduleSpec{Name: "x"}) })
	require.PanicsWithValue(t, `optim: duplicate name "step"`, func() {
		s := *Schedules()[3]
		s.Params = nil
		RegisterSchedule(s)
	})
}

// TestStateLen holds what is said of the state against what is made.
func TestStateLen(t *testing.T) {
	for _, spec := range All() {
		for _, c := range registry.NewChoice(spec.Name, spec, spec.Params).Probes() {
			b := Optimizer{c}
			for _, shape := range [][2]int{{1, 1}, {1, 7}, {5, 1}, {13, 6}} {
				want := int64(0)
				for _, s := range b.For(graph.NewTable[float32]("w", shape[0], shape[1])).State() {
					want += int64(len(numbers(s)))
				}
				require.Equal(t, want, b.StateLen(shape[0], shape[1]), "%s %v", b, shape)
			}
		}
	}
}

// TestStateOfAnotherType: a rule's state is []float32, and that one's is not shows at
// once.
func TestStateOfAnotherType(t *testing.T) {
	require.PanicsWithValue(t, `optim: state "mean" is []float64, not []float32`, func() { numbers(graph.Vector("mean", []float64{1})) })
	require.Equal(t, []float32{1, 2}, numbers(graph.Vector("mean", []float32{1, 2})))
}
