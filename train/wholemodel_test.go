package train

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
)

func init() {
	models.Register(models.Spec{Name: "test-tied", Doc: "one table as history and as classes", Source: "this test",
		New: func(_ registry.Values, s models.Setting) (models.Model, error) {
			return tied{s.NewTable("item", s.Set.Items, s.Dim)}, nil
		}})
	models.Register(models.Spec{Name: "test-tower", Doc: "classes by a row and a bag of features, a frozen table before the contexts", Source: "this test",
		New: func(_ registry.Values, s models.Setting) (models.Model, error) {
			m := tower{s.NewTable("user", s.Set.Users, 24), s.NewTable("random", s.Dim, 24), s.NewTable("id", s.Set.Items, s.Dim), s.NewTable("genre", 5, s.Dim)}
			m.frozen.Init, m.frozen.Frozen = graph.Xavier(), true
			return m, nil
		}})
}

type tied struct{ item *models.Table }

func (m tied) Dim() int { return m.item.Dim }

func (m tied) Contexts(in *models.Inputs) (*gorgonia.Node, error) {
	ptr, ids, values, err := in.Bag("history")
	if err != nil {
		return nil, err
	}
	return graph.Bag(in.Table(m.item), ptr, ids, values)
}

func (m tied) Classes(in *models.Inputs) (*gorgonia.Node, error) { return in.Table(m.item), nil }

type tower struct{ user, frozen, id, genre *models.Table }

func (m tower) Dim() int { return m.id.Dim }

func (m tower) Contexts(in *models.Inputs) (*gorgonia.Node, error) {
	ids, err := in.IDs("user")
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	return e.N(graph.MatMul(e.N(graph.Lookup(in.Table(m.user), ids)), in.Table(m.frozen), false, true)), e.Err
}

func (m tower) Classes(in *models.Inputs) (*gorgonia.Node, error) {
	id, err := in.IDs("id")
	if err != nil {
		return nil, err
	}
	ptr, ids, values, err := in.Bag("genre")
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	return e.N(graph.Add(e.N(graph.Lookup(in.Table(m.id), id)), e.N(graph.Bag(in.Table(m.genre), ptr, ids, values)))), e.Err
}

// withGenres gives the items of a set two features each, the first none.
func withGenres(set *data.Dataset) *data.Dataset {
	f := data.Field{Name: "genre", Size: 5}
	for i := range set.Items {
		f.Lo = append(f.Lo, len(f.ID))
		if i > 0 {
			f.ID, f.Value = append(f.ID, int32(i%5), int32(i/5%5)), append(f.Value, 1, 0.5)
		}
		f.Hi = append(f.Hi, len(f.ID))
	}
	c := *set
	c.ItemFields = []data.Field{f}
	return &c
}

// TestWholeModels trains models whose class side is tied or computed, over all classes
// and over drawn ones: they learn, resume to the same bits, are estimated, and are
// opened and asked for predictions. A frozen table keeps its bits.
func TestWholeModels(t *testing.T) {
	set := withGenres(small(t))
	require.NotEqual(t, small(t).Hash(), set.Hash(), "features are part of what a run was trained on")
	for _, text := range []string{
		"{model: {name: test-tied}}",
		"{model: {name: test-tied}, candidates: 'sampled:n=16,sampler=dns', train: {task: pair}}",
		"{model: {name: test-tied, score: dot}, loss: sparsemax}",
		"{model: {name: test-tower, bias: true}, loss: entmax}",
		"{model: {name: test-tower}, candidates: 'sampled:n=16', loss: bpr}",
		"{model: {name: test-tower}, candidates: 'sampled:n=8,sampler=dns'}",
		"{model: {name: test-tower, score: dot}, candidates: 'sampled:n=8,sampler=midx', train: {task: pair}}",
	} {
		t.Run(text, func(t *testing.T) {
			cfg := quick(text)
			resumes(t, cfg, set)

			fresh, err := New(cfg, set)
			require.NoError(t, err)
			m, err := Estimate(cfg, set)
			require.NoError(t, err)
			numbers := 0
			for _, table := range fresh.Tables() {
				numbers += len(table.Data)
			}
			require.Equal(t, numbers, fresh.Parameters())
			require.Equal(t, int64(4*numbers), m.of(t, "weights"))
			vectors, err := models.ClassBytes(fresh.Model, set.Classes())
			require.NoError(t, err)
			if _, free := fresh.Model.(tied); free {
				require.Zero(t, vectors)
			} else {
				require.Greater(t, vectors, int64(4*set.Items*fresh.Model.Dim()), "computed vectors, and what they are made of")
			}

			dir := t.TempDir()
			res, err := RunDir(t.Context(), dir, cfg, set, nil)
			require.NoError(t, err)
			require.Less(t, res.History[len(res.History)-1].Loss, res.History[0].Loss, "it learns")
			for i, table := range res.Trained.Tables() {
				require.Equal(t, table.Frozen, slices.Equal(table.Data, fresh.Tables()[i].Data), table.Name)
			}
			opened, err := Open(dir, set)
			require.NoError(t, err)
			users := []int{3, 0, 149}
			want, err := res.Trained.Predict(t.Context(), set, users, 7, false)
			require.NoError(t, err)
			got, err := opened.Predict(t.Context(), set, users, 7, false)
			require.NoError(t, err)
			require.Equal(t, want, got)
			rows := make([]int32, set.Users)
			for u := range rows {
				rows[u] = int32(u)
			}
			all, err := opened.Encode(rows)
			require.NoError(t, err)
			d := len(all) / len(rows)
			for _, u := range []int{3, 0, 149} {
				alone, err := opened.Encode(rows[u : u+1])
				require.NoError(t, err)
				require.Equal(t, all[u*d:(u+1)*d], alone, "a row's encoding does not depend on those beside it")
			}
			_, err = Open(dir, small(t))
			require.ErrorContains(t, err, "another split")
		})
	}
	_, err := New(quick("{model: {name: test-tower}}"), small(t))
	require.ErrorContains(t, err, `no field "genre"; the choices are id`)
}

// A task that gives its examples different shares trains another model than one that
// gives them the same, and one of equal shares the same.
func TestWeightsOfExamples(t *testing.T) {
	set := small(t)
	share := func(name string, w func(i int) float32) {
		data.RegisterTask(data.TaskSpec{Name: name, Doc: "users with shares of their own", Rank: rankUsers, Train: func(_ data.Values, d *data.Dataset) (*data.Examples, error) {
			task, err := data.ParseTask("user")
			if err != nil {
				return nil, err
			}
			e, err := task.ExamplesOf(d)
			for i := range e.Row {
				e.Weight = append(e.Weight, w(i))
			}
			return e, err
		}})
	}
	share("test-equal", func(int) float32 { return 4 })
	share("test-unequal", func(i int) float32 { return float32(1 + i%3) })
	run := func(rows string) [][]float32 {
		cfg := quick("")
		cfg.Train.Task = rows
		res, err := Run(t.Context(), cfg, set, nil)
		require.NoError(t, err)
		return tables(res.Trained)
	}
	want := run("user")
	require.Equal(t, want, run("test-equal"))
	require.NotEqual(t, want, run("test-unequal"))
}

func rankUsers(_ data.Values, d *data.Dataset, split string) (*data.Examples, error) {
	return data.RankUsers(d, split)
}
