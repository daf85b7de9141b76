package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

const segmentsHelp = `--segments prints the metrics of parts too, and may be given several times:
  popularity   by the number of training users of the held-out items: from the most
               popular one on, items with the first third of all training pairs are the
               head, those with the next one the middle, the others the tail. A user
               counts in each segment with the held-out items that are in it
  activity     by the number of the user's training items, in quarters of the users
  column:NAME  by a feature of the users, such as column:gender: by its names, or in
               quarters of its numbers. It is read from the file that --user-features
               names, else it is one of the features that the run's data have
SHARE is the part of all users that a segment stands for: the metrics of the segments,
weighed by it, are those of the whole; by popularity that holds for recall and nll, and for
others where each user has one held-out item.
`

// segmented says by what eval divides what it measures.
type segmented struct {
	by       []string
	features string // file of features of users
	fields   []data.Field
}

func (g *segmented) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&g.by, "segments", nil, "measure parts too: by "+strings.Join(train.SegmentChoices(), ", by "))
	f.StringVar(&g.features, "user-features", "", "file of features of users, for the columns of --segments (default those of the run's data)")
	must(cmd.RegisterFlagCompletionFunc("segments", complete(func() []string { return []string{train.ByPopularity, train.ByActivity, train.ByColumn} })))
	must(cmd.RegisterFlagCompletionFunc("user-features", completeFile))
}

func (g *segmented) validate(cmd *cobra.Command) error {
	if cmd.Flags().Changed("segments") && len(g.by) == 0 {
		return usagef("--segments: want at least one of %s", strings.Join(train.SegmentChoices(), ", "))
	}
	columns := false
	for i, by := range g.by {
		if err := train.CheckSegments(by); err != nil {
			return usagef("--segments: %w", err)
		}
		if slices.Contains(g.by[:i], by) {
			return usagef("--segments: %s is given twice", by)
		}
		columns = columns || strings.HasPrefix(by, train.ByColumn)
	}
	if cmd.Flags().Changed("user-features") {
		if g.features == "" {
			return usagef("--user-features: want the name of a file")
		}
		if !columns {
			return usagef("--user-features: no column of it is asked for; name one by --segments column:NAME")
		}
	}
	return nil
}

// read reads the file of features, where one is named.
func (g *segmented) read(s streams, set *data.Dataset) error {
	if g.features == "" {
		return nil
	}
	fields, notes, err := set.ReadFeatures(g.features, data.UserSide)
	if err != nil {
		return fmt.Errorf("--user-features: %w", err)
	}
	for _, note := range notes {
		fmt.Fprintln(s.err, data.EscapeText(note))
	}
	g.fields = fields
	return nil
}

// of returns the segments of an evaluation.
func (g *segmented) of(t *train.Recommender, set *data.Dataset, e train.Evaluation) (all []train.Segmentation, err error) {
	for _, by := range g.by {
		one, err := t.Segmentation(set, e, by, g.fields...)
		if err != nil {
			return nil, fmt.Errorf("--segments: %s", strings.TrimPrefix(err.Error(), "train: segments: "))
		}
		all = append(all, one)
	}
	return all, nil
}

// segmentTable is the table of a split's segments.
func segmentTable(s splitScores, by train.Segmented) *table {
	head := []string{strings.ToUpper(s.Split) + " BY " + data.EscapeText(by.By), "EXAMPLES", "PAIRS", "SHARE"}
	for _, v := range s.Values {
		head = append(head, v.Name)
	}
	t := newTable(head...)
	for _, x := range by.Segments {
		cells := []any{data.EscapeText(x.Name), x.Examples, x.Pairs, report.Fixed(x.Share, 4)}
		for _, v := range s.Values {
			i := slices.IndexFunc(x.Values, func(w train.Value) bool { return w.Name == v.Name })
			if i < 0 {
				cells = append(cells, none)
				continue
			}
			cells = append(cells, report.Fixed(x.Values[i].Value, 4))
		}
		t.add(cells...)
	}
	return t
}
