package compare

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// TestCompareByProtocol: runs on train and valid are tuned by runs on train alone, are
// measured by the protocol, as the rankings without trained vectors are, and the result
// says by which.
func TestCompareByProtocol(t *testing.T) {
	c, set := small(t, "softmax", "hinge")
	set.Given, set.Split = true, "given" // as a directory of three files has it
	c.Base.Data = train.DataConfig{}
	c.Base.Protocol = "lightgcn"
	c.Tune = []Axis{{"lr", []string{"0.003", "0.1"}}}
	ran := map[string]*data.Dataset{} // by what was trained on
	c.Runner = func(ctx context.Context, j Job, d *data.Dataset, progress func(Progress)) (*Outcome, error) {
		ran[j.Config.Train.On] = d
		require.Equal(t, j.Config.Train.On == train.BothSets, j.Config.Protocol == "lightgcn")
		return executeHere(ctx, j, d, progress)
	}
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	joined, err := set.JoinValid()
	require.NoError(t, err)
	require.Equal(t, set.Hash(), ran[train.TrainSet].Hash())
	require.Equal(t, joined.Hash(), ran[train.BothSets].Hash())
	require.Equal(t, joined.Hash(), res.Split)
	require.Equal(t, train.Protocol{Name: "lightgcn", Split: "given", On: "train+valid", Mask: "train", Items: "all"}, res.Protocol)
	for i := range res.Rows {
		row := &res.Rows[i]
		require.Len(t, row.Trials, 2)
		require.True(t, row.Trials[0].Value.Finite(), "measured on valid")
		require.Empty(t, row.Valid)
		require.Len(t, row.Test, 2)

		// The numbers are those of a run of its own by the same settings.
		cfg := row.Runs[0].Config
		alone, err := train.Run(t.Context(), cfg, set, nil)
		require.NoError(t, err)
		require.Equal(t, alone.Test.Values, row.Runs[0].Test)
	}
	// What has no trained vectors is fitted on both sets too.
	fitted := func(on string, x *data.Dataset) []Reference {
		p := &comparison{Config: c, set: x}
		p.Base.Protocol, p.Base.Train.On = "", on
		p.Base.Eval.Mask = "train"
		refs, err := p.references(t.Context())
		require.NoError(t, err)
		return refs
	}
	both, alone := fitted(train.BothSets, joined), fitted(train.TrainSet, set)
	require.Len(t, res.References, len(both))
	for i, ref := range res.References {
		require.Empty(t, ref.Valid)
		require.Len(t, ref.Test, 2)
		require.Equal(t, both[i].Test, ref.Test, ref.Name)
		require.NotEqual(t, alone[i].Test, ref.Test, ref.Name)
	}
	notes := strings.Join(res.Notes(), "\n")
	require.Contains(t, notes, "Measured by lightgcn (split given, train.on=train+valid, eval.mask=train, eval.items=all).")
	require.Contains(t, notes, "Tuned on valid with seed 3, by runs on train alone: lr in {0.003, 0.1}")
	require.Contains(t, string(res.Markdown("x")), "Measured by lightgcn")

	// Started again, everything is there.
	before := len(ran)
	clear(ran)
	again, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, 2, before)
	require.Empty(t, ran)
	require.Equal(t, numbers(t, res), numbers(t, again))

	c.Dir = filepath.Join(t.TempDir(), "runs")
	_, err = Run(t.Context(), c, joined, nil)
	require.ErrorContains(t, err, "it is what settings are chosen on")
	c.Tune = nil
	nothing := *joined
	nothing.Test = joined.Valid
	_, err = Run(t.Context(), c, &nothing, nil)
	require.ErrorContains(t, err, "neither test nor valid interactions to measure (train.on=train+valid)")
	c.Base.Protocol = "irb-hold"
	_, err = Run(t.Context(), c, set, nil)
	require.ErrorContains(t, err, "irb-hold is of the split given:hold=0.1")
}
