package models

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// words returns a set of running text.
func words(t *testing.T, text string) *data.Dataset {
	path := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	set, err := data.Load(data.Config{Source: path, Format: "text:vocab=0", Split: "tokens:1,0,0"})
	require.NoError(t, err)
	return set
}

// ngramOf makes an ngram of width 3 for the contexts of a task.
func ngramOf(t *testing.T, set *data.Dataset, text, task string) (*ngram, *data.Examples) {
	x, err := set.Examples(task)
	require.NoError(t, err)
	k, err := Parse(text)
	require.NoError(t, err)
	m, err := k.New(Setting{Set: set, Contexts: x.Context, Dim: 3, Init: 0.6, Seed: 7})
	require.NoError(t, err)
	_, err = Encode(NewGraph(graph.NewPlan[float32](), x.Context, 2, nil), m)
	require.NoError(t, err)
	g := NewGraph(graph.NewPlan[float32](), x.Context, 2, set.Classes())
	_, err = Encode(g, m)
	require.NoError(t, err)
	_, err = classes(g, m)
	require.NoError(t, err)
	for _, table := range g.Tables() {
		table.Initialise(7)
	}
	return m.(*ngram), x
}

// TestNgramByHand: encodings are what the formula says, of the nearest words of each side.
func TestNgramByHand(t *testing.T) {
	set := words(t, "a b c d\ne a d b\n")
	for _, text := range []string{"ngram:n=2,window=sum", "ngram:n=2", "ngram:n=3,table=own"} {
		for _, task := range []string{"window:n=3", "window:n=1,side=both", "window:n=4,side=both"} {
			m, x := ngramOf(t, set, text, task)
			rows := []int32{0, 4, int32(x.Context.Rows - 1)}
			e, err := NewEncoder(m, x.Context, 4)
			require.NoError(t, err)
			h := make([]float32, len(rows)*3)
			require.NoError(t, e.Encode(h, rows))
			require.NoError(t, e.Close())
			past, err := x.Context.Field("history")
			require.NoError(t, err)
			for i, row := range rows {
				ids, _ := past.Row(int(row))
				sum := make([]float64, 3)
				side := func(ids []int32, last bool, w *Table) {
					at := make([]int32, m.n) // the words of the window, −1 without
					for k := range at {
						at[k] = -1
					}
					for k := range min(m.n, len(ids)) {
						if last {
							at[m.n-1-k] = ids[len(ids)-1-k]
						} else {
							at[k] = ids[k]
						}
					}
					for k, id := range at {
						if id < 0 {
							continue
						}
						v := m.item.Row(id)
						for r := range sum {
							if m.sum {
								sum[r] += float64(v[r])
								continue
							}
							for j := range v {
								sum[r] += float64(w.Data[r*w.Dim+3*k+j]) * float64(v[j])
							}
						}
					}
				}
				side(ids, true, m.layer.w)
				sides := 1
				if m.both {
					next, err := x.Context.Field("following")
					require.NoError(t, err)
					ids, _ = next.Row(int(row))
					side(ids, false, m.after)
					sides = 2
				}
				for r := range sum {
					want := math.Tanh(sum[r]) // biases begin as 0
					if m.sum {
						want = sum[r] / float64(m.n*sides)
					}
					require.InDelta(t, want, h[3*i+r], 1e-5, "%s, %s, row %d", text, task, row)
				}
			}
		}
	}
}

// TestNgramOfBothSides: the gradient by every table, with dropout, of windows of both sides and
// of drawn classes.
func TestNgramOfBothSides(t *testing.T) {
	set := words(t, "a b c d\ne a d b\n")
	softmax, err := losses.Parse("softmax")
	require.NoError(t, err)
	for _, text := range []string{"ngram:n=2", "ngram:n=2,window=sum", "ngram:n=1,table=own"} {
		m, x := ngramOf(t, set, text, "window:n=2,side=both")
		for _, scheme := range []string{"all", "sampled:n=3"} {
			head, err := NewHead(scheme, HeadSetting{Setting: Setting{Set: set, Dim: 3, Seed: 7}, Score: Dot, Temperature: 1, Loss: softmax})
			require.NoError(t, err)
			_, err = CheckGradient(m, head, softmax, x, set.Classes(), 4, graph.GradientCheck{})
			require.NoError(t, err)
		}
		before, err := set.Examples("window:n=2")
		require.NoError(t, err)
		_, err = NewEncoder(m, before.Context, 2)
		require.ErrorContains(t, err, "was made for contexts that have what follows on the target (true), and these have it (false)")
	}
	k, err := Parse("ngram")
	require.NoError(t, err)
	m, err := k.New(Setting{Set: set, Dim: 3})
	require.NoError(t, err)
	x, err := set.Examples("pair")
	require.NoError(t, err)
	_, err = NewEncoder(m, x.Context, 2)
	require.ErrorContains(t, err, `field "history" is a set`)
}

// TestSkipGram: by the task skipgram mf has a vector for each word, not for each document.
func TestSkipGram(t *testing.T) {
	set := words(t, "a b c d\ne a d b\n")
	x, err := set.Examples("skipgram:n=2")
	require.NoError(t, err)
	k, err := Parse("mf")
	require.NoError(t, err)
	m, err := k.New(Setting{Set: set, Contexts: x.Context, Dim: 3})
	require.NoError(t, err)
	users, classes := m.(Factored).Factors()
	require.Equal(t, set.Items, users.Rows)
	require.Equal(t, set.Items, classes.Rows)
	require.Equal(t, 1, set.Users)
}
