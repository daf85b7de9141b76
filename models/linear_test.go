package models

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/quality"
	"github.com/fenchel-ml/fenchel/losses"
)

// TestLinear: encodings are the formula: the features themselves, or sums of vectors, of norm
// 1 or as they are, through layers, and of no feature what is left.
func TestLinear(t *testing.T) {
	set := demo(t)
	f := &set.UserFields[0]
	row := func(u int, unit bool) (x []float64) {
		x = make([]float64, f.Size)
		ids, values := f.Row(u)
		square := 0.0
		for j, id := range ids {
			x[id] = float64(values[j])
			square += x[id] * x[id]
		}
		for j := range x {
			if unit && square > 0 {
				x[j] /= math.Sqrt(square)
			}
		}
		return x
	}
	for _, c := range []struct {
		text   string
		unit   bool
		layers int
	}{{"linear", true, 0}, {"linear:norm=none", false, 0}, {"linear:form=bag", true, 0}, {"linear:form=bag,norm=none,drop=0.5", false, 0}, {"linear:layers=2", true, 2}} {
		t.Run(c.text, func(t *testing.T) {
			m := modelOf(t, c.text, set).(*linear)
			built(t, m, set)
			e, err := NewEncoder(m, set.Contexts(), 4)
			require.NoError(t, err)
			rows := []int32{3, 0, 59, 7, 4, 5} // more than fit at once; 0 and 5 have no features
			h := make([]float32, len(rows)*m.Dim())
			require.NoError(t, e.Encode(h, rows))
			require.NoError(t, e.Close())
			for i, u := range rows {
				want := row(int(u), c.unit)
				if m.feature != nil {
					want = through(m, want)
				}
				require.Len(t, want, m.Dim())
				for k, x := range want {
					require.InDelta(t, x, float64(h[i*m.Dim()+k]), 1e-5, "row %d, %d", u, k)
				}
			}
		})
	}
	direct := modelOf(t, "linear", set)
	require.Equal(t, 17, direct.Dim(), "as many as there are features")
	require.Equal(t, 4, modelOf(t, "linear:layers=1", set).Dim())

	// A field without values is one of ones.
	set.UserFields[0].Value = nil
	m := modelOf(t, "linear", set)
	built(t, m, set)
	e, err := NewEncoder(m, set.Contexts(), 2)
	require.NoError(t, err)
	h := make([]float32, 2*17)
	require.NoError(t, e.Encode(h, []int32{4, 0}))
	ids, _ := f.Row(4)
	for j, id := range ids {
		require.InDelta(t, 0.5, h[id], 1e-6, "feature %d of %d", j, len(ids))
	}
	require.Equal(t, make([]float32, 17), h[17:])

	for text, want := range map[string]string{"linear:form=direct,layers=1": "layers=1 are of form=bag"} {
		k, err := Parse(text)
		require.NoError(t, err)
		_, err = k.New(Setting{Set: set, Dim: 4, Init: 0.1})
		require.ErrorContains(t, err, want)
	}
	set.UserFields = nil
	k, err := Parse("linear")
	require.NoError(t, err)
	_, err = k.New(Setting{Set: set, Dim: 4, Init: 0.1})
	require.ErrorContains(t, err, `no field "features"`)
}

// through returns what the bag of features x goes through.
func through(m *linear, x []float64) []float64 {
	h := make([]float64, m.Dim())
	for f, v := range x {
		for k, w := range m.feature.Row(int32(f)) {
			h[k] += v * float64(w)
		}
	}
	for _, l := range m.layers {
		next := make([]float64, len(h))
		for k := range next {
			next[k] = h[k]
			if l.w != nil {
				next[k] = 0
				for j, w := range l.w.Row(int32(k)) {
					next[k] += h[j] * float64(w)
				}
			}
			next[k] = max(0, next[k]+float64(l.bias.Data[k]))
		}
		h = next
	}
	return h
}

// TestLinearUnderEveryLoss: all statements of its gradient agree by every table, of points with
// several labels, under every head and every loss; one in seven of these unless
// the flag -quality asks for all.
func TestLinearUnderEveryLoss(t *testing.T) {
	set, err := data.Load(data.Config{Source: "demo:users=60,items=90,per-user=3,features=17,has=4"})
	require.NoError(t, err)
	x, err := set.Examples("label")
	require.NoError(t, err)
	x, err = x.Weighted(data.BySqrt)
	require.NoError(t, err)
	texts := []string{"linear:drop=0.2", "linear:form=bag,norm=none,drop=0.3", "linear:layers=2", "linear:norm=none"}
	count := map[outcome]int{}
	every := 7
	switch {
	case testing.Short():
		every = 41
	case quality.Asked():
		every = 1
	}
	for i, spec := range losses.All() {
		l := spec.Bind(spec.Defaults())
		for j, scheme := range []string{"all", "sampled:n=4,per=row", "sampled:n=4,sampler=dns", "sampled:n=5,correction=none", "tree", "classes", "adaptive"} {
			if (i+2*j)%every != 0 {
				continue
			}
			text := texts[(i+j)%len(texts)]
			m := modelOf(t, text, set)
			s := HeadSetting{Setting: Setting{Set: set, Dim: m.Dim(), Init: 0.6, Seed: 7}, Score: Scores()[(i/2+j)%2], Temperature: 0.7, Bias: true, Loss: l}
			if spec.Domain == losses.Cosines {
				s.Score, s.Temperature, s.Bias = Cosine, 1, false
			}
			t.Run(strings.Join([]string{spec.Name, scheme, text}, "/"), func(t *testing.T) {
				count[gradientOf(t, set, m, scheme, s, x)]++
			})
		}
	}
	require.Positive(t, count[agrees])
	t.Log(count)
}

// itemised is a model whose class vectors are features, dense or sums.
type itemised struct {
	user, genre *Table // [U,d], [6,d]
	dense       bool   // then d is 6
}

func (m itemised) Dim() int { return m.user.Dim }

func (m itemised) Contexts(in *Inputs) (*gorgonia.Node, error) {
	ids, err := in.IDs("user")
	if err != nil {
		return nil, err
	}
	return graph.Lookup(in.Table(m.user), ids)
}

func (m itemised) Classes(in *Inputs) (*gorgonia.Node, error) {
	var e graph.Expr
	if m.dense {
		return e.N(graph.Add(e.N(in.Dense("genre", true)), e.N(in.Dense("genre", false)))), e.Err
	}
	ptr, ids, _, err := in.Bag("genre")
	if err != nil {
		return nil, err
	}
	return e.N(graph.Bag(in.Table(m.genre), ptr, ids, e.N(in.UnitValues("genre")))), e.Err
}

// TestFeaturesOfDrawnRows: features are read alike of all classes and of those that a run
// draws, and of the positions of a pass those of their row.
func TestFeaturesOfDrawnRows(t *testing.T) {
	set := inOrder(t, featured(t))
	s := Setting{Set: set, Dim: 6, Init: 0.6, Seed: 7}
	for _, dense := range []bool{false, true} {
		m := itemised{s.NewTable("user", set.Users, 6), s.NewTable("genre", 6, 6), dense}
		for _, scheme := range []string{"all", "sampled:n=4"} {
			require.Equal(t, agrees, gradientOf(t, set, m, scheme, HeadSetting{Setting: s, Score: Dot, Temperature: 0.7, Loss: softmax}, thirds(set)))
		}
	}
	x, err := set.Examples("next:len=5,stride=3")
	require.NoError(t, err)
	for _, text := range []string{"linear", "linear:form=bag"} {
		m := modelOf(t, text, set)
		h := HeadSetting{Setting: Setting{Set: set, Dim: m.Dim(), Init: 0.6, Seed: 7}, Score: Dot, Temperature: 0.7, Loss: softmax}
		require.Equal(t, agrees, gradientOf(t, set, m, "all", h, x))
	}
}
