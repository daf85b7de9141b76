package compare

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// courseOf is a course of values at the given epochs.
func courseOf(every float64, values ...float64) (all []stage) {
	for i, v := range values {
		all = append(all, stage{epoch: every * float64(i+1), value: Stat{Mean: report.Number(v)}})
	}
	return all
}

func TestRising(t *testing.T) {
	for name, c := range map[string]struct {
		course []stage
		want   string
	}{
		"nothing measured": {nil, ""},
		"one evaluation":   {courseOf(12, 0.2), "it was not measured before the last fifth"},
		"flat":             {courseOf(3, 0.1, 0.2, 0.2, 0.2), ""},
		"within 1 %":       {courseOf(3, 0.1, 0.15, 0.2, 0.2019), ""},
		"above 1 %":        {courseOf(3, 0.1, 0.15, 0.2, 0.2021), "still rising at the end: 0.2021 on valid in the last fifth of training, 0.2000 before"},
		"best before":      {courseOf(1, 0.1, 0.3, 0.2, 0.1, 0.2, 0.21, 0.1, 0.1, 0.25, 0.29), ""},
		"a lucky last one": {courseOf(1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.198, 0.205), ""},
		"ten epochs":       {courseOf(1, 0.1, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18, 0.19), "still rising at the end: 0.1850 on valid in the last fifth of training, 0.1650 before"},
	} {
		got := rising(c.course, metric.At{Metric: &metric.Metric{}})
		lower := slices.Clone(c.course)
		for i := range lower {
			lower[i].value.Mean *= -1
		}
		require.Equal(t, got != "", rising(lower, metric.At{Metric: &metric.Metric{Lower: true}}) != "", name)
		require.True(t, strings.HasPrefix(got, c.want) && (c.want != "" || got == ""), "%s: %q", name, got)
	}
}

// TestWhatStillRisesIsNotJudged: neither an interval nor a verdict counts a row that was
// cut short, and the table, the notes, the JSON and the page say so.
func TestWhatStillRisesIsNotJudged(t *testing.T) {
	c, set := small(t, "softmax", "hinge", "perceptron")
	c.Base.Train.Epochs = 1 // nothing tells of one evaluation whether it is the last that rises
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	rows := map[string]*Row{}
	for i := range res.Rows {
		rows[res.Rows[i].Name] = &res.Rows[i]
	}
	require.NotEmpty(t, rows["softmax"].NotJudged)
	for _, p := range res.Pairs {
		require.NotEqual(t, "softmax", res.Rows[p.A].Name)
		require.NotEqual(t, "softmax", res.Rows[p.B].Name)
	}
	require.Empty(t, res.verdicts(), "softmax alone keeps the order strictly")
	for i := range res.Rows {
		require.Nil(t, res.Rows[i].Against, "the baseline is not judged")
		if res.Rows[i].Name != "softmax" {
			require.Contains(t, shown(res.Table(true).Rows[i]), "not judged")
		}
	}
	require.Contains(t, strings.Join(res.Notes(), "\n"), "Not judged, because recall@20 on valid still rises")
	written, err := json.Marshal(res.Section())
	require.NoError(t, err)
	require.Contains(t, string(written), `"not_judged":"it was not measured before`)
	page, err := report.Report{Title: "t", Sections: []report.Section{res.Section()}}.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), "still rising")
}

// shown returns what people read of a row.
func shown(row []report.Cell) (texts []string) {
	for _, c := range row {
		texts = append(texts, c.String())
	}
	return texts
}
