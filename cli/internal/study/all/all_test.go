package all

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/compare"
	"github.com/fenchel-ml/fenchel/cli/internal/study/convergence"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// TestRun runs all parts on a small set within the least budget.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("a study takes ten seconds at least")
	}
	c := Config{
		Base: train.Config{
			Data:  train.DataConfig{Source: "demo:users=200,items=150,per-user=12"},
			Model: train.ModelConfig{Dim: 8},
		},
		Losses: []string{"softmax", "sampled-softmax:n=8"}, Budget: 10 * time.Second, Dir: t.TempDir(),
	}
	set, err := data.Load(c.Base.Data.Config())
	require.NoError(t, err)
	var told []Part
	start := time.Now()
	page, parts, err := Run(t.Context(), c, set, func(p Part) { told = append(told, p) })
	require.NoError(t, err)
	// Twice leaves room for a machine that others use: deadlines are looked at
	// between steps.
	require.Less(t, time.Since(start), 2*c.Budget)
	require.Equal(t, parts, told)
	require.Len(t, parts, 5)
	require.Len(t, page.Sections, 6)
	for i, title := range []string{"Overview", "", "Convergence", "", "Complexity", ""} {
		if title != "" {
			require.Equal(t, title, page.Sections[i].Title)
		}
		require.NotEmpty(t, page.Sections[i].Blocks)
	}
	_, err = page.HTML()
	require.NoError(t, err)
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := Config{Base: train.Config{Data: train.DataConfig{Source: "demo:users=50,items=150,per-user=12"}}, Dir: t.TempDir()}
	set, err := data.Load(c.Base.Data.Config())
	require.NoError(t, err)
	page, parts, err := Run(ctx, c, set, nil)
	require.NoError(t, err)
	require.Empty(t, parts)
	require.Len(t, page.Sections, 1, "the overview of nothing")
	_, err = page.HTML()
	require.NoError(t, err)
}

func TestOverview(t *testing.T) {
	sections := []report.Section{
		{Title: "A", Blocks: []report.Block{report.Verdicts{{Kind: report.Agrees, Text: "x"}, {Kind: report.Disagrees, Text: "y"}}}},
		{Title: "B", Blocks: []report.Block{report.Text("no verdicts"), report.Verdicts{{Kind: report.Open, Text: "z"}}}},
	}
	o := overview(sections, []Part{{Seconds: 1, Allowed: 2}, {Seconds: 3, Allowed: 4}})
	csv, err := o.Blocks[0].(report.Table).Write(report.CSVForm)
	require.NoError(t, err)
	require.Equal(t, "part,agree,disagree,open,seconds,allowed\nA,1,1,0,1,2\nB,0,0,1,3,4\n", csv)
	require.Equal(t, report.Verdicts{{Kind: report.Disagrees, Text: "A: y"}}, o.Blocks[1])
	require.Equal(t, "y", sections[0].Blocks[0].(report.Verdicts)[1].Text, "the section keeps its own text")
}

func TestValidate(t *testing.T) {
	err := Config{Budget: time.Second, Losses: []string{"nope"}, Dir: "x"}.Validate()
	require.ErrorContains(t, err, "budget: 1s")
	require.ErrorContains(t, err, "nope")
}

// TestEpochs: the epochs of Base are the most that any run trains, and end those of the
// comparison and of convergence well before their share of the time.
func TestEpochs(t *testing.T) {
	c := Config{
		Base: train.Config{
			Data:  train.DataConfig{Source: "demo:users=60,items=50,per-user=8"},
			Model: train.ModelConfig{Dim: 4},
			Train: train.TrainConfig{Epochs: 2},
		},
		Losses: []string{"softmax"}, Seeds: []uint64{0}, Dir: t.TempDir(),
	}.WithDefaults()
	require.NoError(t, c.Validate())
	set, err := data.Load(c.Base.Data.Config())
	require.NoError(t, err)
	section, note, err := c.compare(t.Context(), time.Hour, set)
	require.NoError(t, err)
	require.Empty(t, note)
	res := section.Data.(*compare.Result)
	require.Equal(t, "1800 seconds of training, 2 epochs at most", res.Budget)
	require.Equal(t, 2.0, res.Rows[0].Runs[0].Epochs)
	require.NotNil(t, res.Best)
	require.DirExists(t, res.Best.Folder)
	traces, err := convergence.Train(t.Context(), c.training(), set, []string{"softmax"})
	require.NoError(t, err)
	require.Len(t, traces[0].Points, 2)
}
