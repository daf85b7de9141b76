package train

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// TestDatasetsAreValidated: whatever takes a dataset returns the error of one that was
// made wrongly by hand, and makes no folder.
func TestDatasetsAreValidated(t *testing.T) {
	c := quick("{train: {epochs: 1}}")
	set := small(t)
	run := filepath.Join(t.TempDir(), "run")
	_, err := RunDir(t.Context(), run, c, set, nil)
	require.NoError(t, err)
	trained, err := Open(run, set)
	require.NoError(t, err)
	ms, err := metric.ParseAll([]string{"recall@20"})
	require.NoError(t, err)
	fresh := filepath.Join(t.TempDir(), "fresh")
	takers := map[string]func(set *data.Dataset) error{
		"New":      func(set *data.Dataset) error { _, err := New(c, set); return err },
		"Run":      func(set *data.Dataset) error { _, err := Run(t.Context(), c, set, nil); return err },
		"RunDir":   func(set *data.Dataset) error { _, err := RunDir(t.Context(), fresh, c, set, nil); return err },
		"Open":     func(set *data.Dataset) error { _, err := Open(run, set); return err },
		"Estimate": func(set *data.Dataset) error { _, err := Estimate(c, set); return err },
		"Evaluate": func(set *data.Dataset) error { _, err := trained.Evaluate(t.Context(), set, "test", ms); return err },
		"Predict": func(set *data.Dataset) error {
			_, err := trained.Predict(t.Context(), set, []int{0}, 5, false)
			return err
		},
	}
	for name, fault := range map[string]struct {
		spoil func(d *data.Dataset)
		says  string
	}{
		"no valid":       {func(d *data.Dataset) { d.Valid = nil }, "valid is nil"},
		"no test":        {func(d *data.Dataset) { d.Test = nil }, "test is nil"},
		"too many items": {func(d *data.Dataset) { d.Items++ }, "train is of 150 users and 120 items"},
		"too few users":  {func(d *data.Dataset) { d.Users-- }, "test is of 150 users"},
		"too few ids":    {func(d *data.Dataset) { d.UserIDs = []string{"a"} }, "1 user ids for 150 users"},
	} {
		for taker, take := range takers {
			t.Run(taker+"/"+name, func(t *testing.T) {
				d := *set
				fault.spoil(&d)
				require.ErrorContains(t, take(&d), fault.says)
			})
		}
	}
	require.NoDirExists(t, fresh)
	for taker, take := range takers {
		require.ErrorContains(t, take(nil), "nil", taker)
		require.NoError(t, take(set), taker)
	}
	for _, at := range []metric.At{{}, {Metric: ms[0].Metric}} {
		_, err := trained.Evaluate(t.Context(), set, "test", []metric.At{at})
		require.ErrorContains(t, err, "cut-off of 0")
	}
}

// absent is what a wrong model or head of a user's lacks.
var absent string

func init() {
	models.Register(models.Spec{Name: "wrong-model", Doc: "lacks something", Source: "this test",
		New: func(_ registry.Values, s models.Setting) (models.Model, error) {
			if absent == "model" {
				return nil, nil
			}
			mf, err := models.Parse("mf")
			if err != nil {
				return nil, err
			}
			m, err := mf.New(s)
			return wrongModel{m}, err
		}})
	models.RegisterHead(models.HeadSpec{Name: "wrong-head", Doc: "lacks something", Source: "this test",
		New: func(_ registry.Values, s models.HeadSetting) (models.Head, error) {
			if absent == "head" {
				return nil, nil
			}
			all, err := models.ParseHead("all")
			if err != nil {
				return nil, err
			}
			h, err := all.New(s)
			return wrongHead{h}, err
		}})
}

type wrongModel struct{ models.Model }

func (m wrongModel) Contexts(in *models.Inputs) (*gorgonia.Node, error) {
	h, err := m.Model.Contexts(in)
	switch absent {
	case "node":
		return nil, nil
	case "table":
		return in.Table(nil), nil
	case "width":
		return graph.Slice(h, 1, 0, 2)
	}
	return h, err
}

func (m wrongModel) Classes(in *models.Inputs) (*gorgonia.Node, error) {
	if absent == "classes" {
		return nil, nil
	}
	return m.Model.Classes(in)
}

type wrongHead struct{ models.Head }

func (h wrongHead) Attach(g *models.Graph, m models.Model, x *gorgonia.Node, l losses.Loss, positions int) (models.Attached, error) {
	if absent == "attached" {
		return nil, nil
	}
	return h.Head.Attach(g, m, x, l, positions)
}

func (h wrongHead) Ranker(m models.Model, classes *data.Frame) (models.Ranker, error) {
	if absent == "ranker" {
		return nil, nil
	}
	return h.Head.Ranker(m, classes)
}

// TestWrongModels: what a user's model or head leaves out without an error is one.
func TestWrongModels(t *testing.T) {
	set := small(t)
	c := quick("{train: {epochs: 1}, model: {name: wrong-model}, candidates: wrong-head}")
	defer func() { absent = "" }()
	for what, says := range map[string]string{
		"":         "",
		"model":    "wrong-model made no model and no error",
		"table":    "a table is nil",
		"node":     "wrongModel.Contexts returned no node",
		"width":    "wrongModel.Contexts returned (2, 2); want [2,8]",
		"classes":  "wrongModel.Classes returned no node",
		"head":     "wrong-head made no head and no error",
		"attached": "wrongHead attached nothing and returned no error",
		"ranker":   "wrongHead has no ranker",
	} {
		t.Run(what, func(t *testing.T) {
			absent = what
			_, err := Run(t.Context(), c, set, nil)
			if says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, says)
			if what != "ranker" {
				_, err = Estimate(c, set)
				require.ErrorContains(t, err, says)
			}
		})
	}
}
