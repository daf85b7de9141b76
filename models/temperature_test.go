package models

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// TestParseTemperature: texts and what they denote, there and back.
func TestParseTemperature(t *testing.T) {
	for text, want := range map[string]string{
		"0.20": "0.2", " 1e-1 ": "0.1", "5": "5", "learned": "learned", "learned:": "learned", "learned: max = 1e2": "learned",
		"learned:start=0.07,min=0.01,max=2": "learned:start=0.07,max=2",
	} {
		got, err := ParseTemperature(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got.String())
		again, err := ParseTemperature(want)
		require.NoError(t, err)
		require.Equal(t, got, again)
	}
	for _, text := range []string{"0", "0.0", "-1", "1e-400", "1e400", "NaN", "Inf", ".inf", "0x1p-2", "1_0.5", "0.2x", "0.2 0.3", "", "learn", "learning:start=1"} {
		_, err := ParseTemperature(text)
		require.ErrorContains(t, err, "is no temperature; the choices are a finite number above 0, and learned", text)
	}
	for text, want := range map[string]string{
		"learned:from=1":                    "the choices are start, min, max",
		"learned:min=0":                     "min=0 is outside [1e-06, 1e+06]",
		"learned:min=2,max=2":               "min below max",
		"learned:start=0.5,max=0.4":         "between min=0.01 and max=0.4 does not start at 0.5",
		"learned:start=0":                   "start=0 is not above 0",
		"learned:start=1,start=2":           "given twice",
		"learned:start":                     "not name=value",
		"learned:start=1,min=0.1,max=1e300": "max=1e300 is outside",
	} {
		_, err := ParseTemperature(text)
		require.ErrorContains(t, err, want, text)
	}
}

// TestLearnedTemperatureRefused: what a head cannot learn is an error that says what to do.
func TestLearnedTemperatureRefused(t *testing.T) {
	s := HeadSetting{Setting: Setting{Set: demo(t), Dim: 5, Init: 0.5, Seed: 7}, Score: Cosine, Temperature: 1, Learned: &TemperatureBounds{}}
	for _, spec := range losses.All() {
		s.Loss = spec.Bind(spec.Defaults())
		_, err := NewHead("all", s)
		if spec.Domain != losses.Cosines {
			require.NoError(t, err, spec.Name)
			continue
		}
		require.ErrorContains(t, err, "loss "+spec.Name+" takes cosines, and those over a learned temperature are none: leave the temperature out")
		require.ErrorContains(t, err, "or choose a loss of any scores, such as softmax")
	}
	s.Loss = losses.Loss{}
	for _, b := range []TemperatureBounds{{Min: -1}, {Min: 2, Max: 1}, {Min: 2, Max: 2}, {Min: math.NaN()}, {Max: math.Inf(1)}, {Min: 1.5}, {Max: 0.9}} {
		s.Learned = &b
		_, err := NewHead("all", s)
		require.ErrorContains(t, err, "a temperature", b)
	}
}

// learnedHeads are heads of every kind, with and without corrections, and draws that do
// not depend on the weights.
var learnedHeads = []string{"all", "sampled:n=4", "sampled:n=4,per=row,correction=none,hits=drop", "sampled:n=4,correction=importance", "tree", "classes", "adaptive"}

// TestLearnedTemperature: over every kind of head and both scores, with biases, the loss
// and the gradients at a learned temperature are those at the same one fixed; the
// gradient of log 1/τ, by symbolic differentiation, is the central difference of the
// loss; and a ranker ranks by the temperature of the moment.
func TestLearnedTemperature(t *testing.T) {
	set := featured(t)
	for _, scheme := range learnedHeads {
		for _, score := range Scores() {
			for _, loss := range []string{"softmax", "sparsemax", "hinge", "softmax:tau=0.5"} {
				t.Run(scheme+"/"+string(score)+"/"+loss, func(t *testing.T) {
					l, err := losses.Parse(loss)
					require.NoError(t, err)
					m := wholes(set)["tied"]
					s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7}, Score: score, Temperature: 0.7, Bias: true, Loss: l}
					fixed := scalarStep(t, m, scheme, s, nil)
					s.Temperature, s.Learned = 0.4, &TemperatureBounds{}
					learned := scalarStep(t, m, scheme, s, map[string]float64{"logit-scale": -math.Log(0.7)})
					require.InDelta(t, fixed.cost, learned.cost, 1e-6, "float32 holds its logarithm")
					require.Len(t, learned.grads, len(fixed.grads)+1)
					require.NotZero(t, learned.grads["logit-scale"][0])
					for name, want := range fixed.grads {
						require.InDeltaSlice(t, want, learned.grads[name], 1e-5, name)
					}
					require.Equal(t, fixed.top.IDs, learned.top.IDs)
					require.InDeltaSlice(t, fixed.top.Scores, learned.top.Scores, 1e-5)
					if class := learned.class; class != nil {
						require.InDelta(t, 0.7, class.Temperature, 1e-7)
					}
				})
			}
		}
	}
}

// TestLearnedAlpha: over every kind of head and both scores the loss and the gradients of
// entmax at a learned α, which goes through its nodes, are those at the same α fixed, which
// has a closed form; the gradient by α is the central difference; and what ranks by the
// decisions' probabilities takes the α of the moment. A learned temperature goes with it.
func TestLearnedAlpha(t *testing.T) {
	set := featured(t)
	for _, scheme := range learnedHeads {
		for _, score := range Scores() {
			t.Run(scheme+"/"+string(score), func(t *testing.T) {
				m := wholes(set)["tied"]
				s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7}, Score: score, Temperature: 0.7, Bias: true}
				var err error
				s.Loss, err = losses.Parse("entmax:alpha=1.3")
				require.NoError(t, err)
				fixed := scalarStep(t, m, scheme, s, nil)
				s.Loss, err = losses.Parse("entmax:alpha=learned,alpha-start=1.6")
				require.NoError(t, err)
				s.Temperature, s.Learned = 0.4, &TemperatureBounds{}
				learned := scalarStep(t, m, scheme, s, map[string]float64{"loss-alpha": 1.3, "logit-scale": -math.Log(0.7)})
				require.InDelta(t, fixed.cost, learned.cost, 1e-6, "float32 holds them")
				require.Len(t, learned.grads, len(fixed.grads)+2)
				require.NotZero(t, learned.grads["loss-alpha"][0])
				for name, want := range fixed.grads {
					require.InDeltaSlice(t, want, learned.grads[name], 1e-5, name)
				}
				require.Equal(t, fixed.top.IDs, learned.top.IDs)
				require.InDeltaSlice(t, fixed.top.Scores, learned.top.Scores, 1e-5)
			})
		}
	}
}

// TestLearnedWholeModel: the check of a whole model takes in a learned temperature, by every
// statement of the loss, and a learned α.
func TestLearnedWholeModel(t *testing.T) {
	set := featured(t)
	for loss, rows := range map[string]int{"softmax": 2*3 + 1, "entmax:alpha=learned": 3 + 1} {
		for _, scheme := range learnedHeads[:2] {
			m := wholes(set)["tied"]
			l, err := losses.Parse(loss)
			require.NoError(t, err)
			s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7}, Score: Cosine, Temperature: 0.4, Learned: &TemperatureBounds{}, Bias: loss == "softmax", Loss: l}
			head, err := NewHead(scheme, s)
			require.NoError(t, err)
			encoding, classes, err := Tables(m, head, l, set.Contexts(), set.Classes())
			require.NoError(t, err)
			for _, table := range append(encoding, classes...) {
				table.Initialise(7)
			}
			report, err := CheckGradient(m, head, l, thirds(set), set.Classes(), 4, graph.GradientCheck{Probes: 3})
			require.NoError(t, err)
			require.Len(t, report.Rows, rows)
			found := false
			for _, row := range report.Rows {
				found = found || row.Param == "logit-scale"
			}
			require.True(t, found)
		}
	}
}

// TestLearnedLossOfAnother: a head trains the learned parameters of the loss that it was
// made for, and says so; a loss without any it takes as before.
func TestLearnedLossOfAnother(t *testing.T) {
	set := featured(t)
	m := wholes(set)["tied"]
	learned, err := losses.Parse("entmax:alpha=learned")
	require.NoError(t, err)
	s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7}, Score: Dot, Temperature: 1}
	for _, scheme := range learnedHeads {
		head, err := NewHead(scheme, s)
		require.NoError(t, err)
		_, _, err = Tables(m, head, learned, set.Contexts(), set.Classes())
		require.ErrorContains(t, err, "does not train entmax:alpha=learned, whose parameters are learned: make it with the loss that it is attached to")
		s := s
		s.Loss = learned
		head, err = NewHead(scheme, s)
		require.NoError(t, err)
		_, classes, err := Tables(m, head, softmax, set.Contexts(), set.Classes())
		require.NoError(t, err)
		for _, table := range classes {
			require.Nil(t, table.Scalar)
		}
	}
}

// A stepped is what one step and one ranking give.
type stepped struct {
	cost  float64
	grads map[string][]float64
	top   Top
	class *ClassScores
}

// scalarStep takes the gradients of a step, and holds them against central differences;
// the tables of scalars are moved to the numbers of at before, which must name them all.
func scalarStep(t *testing.T, m Model, scheme string, s HeadSetting, at map[string]float64) (r stepped) {
	head, err := NewHead(scheme, s)
	require.NoError(t, err)
	encoding, classes, err := Tables(m, head, s.Loss, s.Set.Contexts(), s.Set.Classes())
	require.NoError(t, err)
	for _, table := range append(encoding, classes...) {
		table.Initialise(7)
	}
	ranker, err := head.Ranker(m, s.Set.Classes())
	require.NoError(t, err)
	scalars := 0
	for _, table := range classes {
		if table.Scalar != nil {
			require.Contains(t, at, table.Name)
			require.NotEqual(t, float32(at[table.Name]), table.Data[0])
			table.Data[0] = float32(at[table.Name])
			scalars++
		} else if table.Init == (graph.Init{}) { // the biases
			for i := range table.Data {
				table.Data[i] = float32(i%7) / 10
			}
		}
	}
	require.Len(t, at, scalars)
	require.NoError(t, ranker.Renew())
	tops := make([]Top, 1)
	require.NoError(t, ranker.Rank(tops, []float32{0.3, -0.4, 0.5, 0.1}, func(int) []int32 { return nil }, 9))
	r.top = tops[0]
	if v, ok := head.(Vectored); ok {
		r.class, err = v.ClassScores(m, s.Set.Classes())
		require.NoError(t, err)
	}

	b := graph.NewBuilder[float64]()
	g := NewCheck(b, s.Set.Contexts(), 4, s.Set.Classes())
	h, err := Encode(g, m)
	require.NoError(t, err)
	attached, err := head.Attach(g, m, h, s.Loss, 8)
	require.NoError(t, err)
	cost, err := graph.MeanRows(attached.Loss(), attached.Targets())
	require.NoError(t, err)
	require.NoError(t, g.Contexts.Fill(testBatch.Rows))
	require.NoError(t, attached.Set(3, testBatch))
	p, err := b.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	_, err = graph.CheckGradient(p, graph.GradientCheck{Probes: 4})
	require.NoError(t, err)
	require.NoError(t, p.Run())
	r.cost, r.grads = p.Cost(), map[string][]float64{}
	for _, table := range g.Tables() {
		grad := p.Grad(g.Node(table))
		all := append([]float64{}, grad.Data...)
		if grad.Rows != nil {
			all = make([]float64, table.Rows*table.Dim)
			for i, row := range grad.Rows {
				copy(all[int(row)*table.Dim:], grad.Data[i*table.Dim:(i+1)*table.Dim])
			}
		}
		r.grads[table.Name] = all
	}
	return r
}
