package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/internal/words"
	"github.com/fenchel-ml/fenchel/train"
)

// cell shows "0.2997 ± 0.0008" to digits decimals, the mean alone of one run.
func (s Stat) cell(digits int) report.Cell {
	text := fmt.Sprintf("%.*f", digits, float64(s.Mean))
	if s.SD.Finite() {
		text += fmt.Sprintf(" ± %.*f", digits, float64(s.SD))
	}
	return report.Spread(text, s.Mean, s.SD)
}

// seconds shows a time to about three digits.
func (s Stat) seconds() report.Cell { return s.cell(secondDigits(s.Mean)) }

// secondDigits is how many decimals a time shows.
func secondDigits(x report.Number) int {
	if !(x > 0) || !x.Finite() {
		return 0
	}
	return min(4, max(0, 2-int(math.Floor(math.Log10(float64(x))))))
}

// Table is the comparison as one table, a row per variant; brief leaves out the
// columns that a terminal has no room for.
func (r *Result) Table(brief bool) report.Table {
	t := report.Table{Head: []string{"loss", "seeds"}}
	for _, m := range r.Metrics {
		t.Head = append(t.Head, m+" "+r.Reported)
	}
	if r.Reported == "test" && !brief {
		for _, m := range r.Metrics {
			t.Head = append(t.Head, m+" valid")
		}
	}
	difference := r.Metrics[0] + " − baseline"
	if !r.first().Pooled {
		difference += " [95 %]"
	}
	t.Head = append(t.Head, difference, "s/epoch", "s to 95 % of best")
	if !brief {
		t.Head = append(t.Head, "s to 95 % of own best")
	}
	t.Head = append(t.Head, "peak MiB", "order")
	if len(r.Tune) > 0 {
		t.Head = append(t.Head, "settings", "s of tuning")
	}
	marked := r.marked()
	if marked {
		t.Head = append(t.Head, "mark")
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		cells := []report.Cell{report.Words(row.Name), report.Shown(fmt.Sprintf("%d/%d", row.Done, len(r.Seeds)), float64(row.Done))}
		stats := func(list []Stat) {
			for m := range r.Metrics {
				if m < len(list) {
					cells = append(cells, list[m].cell(4))
				} else {
					cells = append(cells, report.Absent)
				}
			}
		}
		stats(row.reported(r.Reported))
		if r.Reported == "test" && !brief {
			stats(row.Valid)
		}
		switch {
		case len(row.Failed) > 0 && row.Done == 0:
			cells = append(cells, report.Words("failed"))
		case row.Baseline == i:
			cells = append(cells, report.Words("baseline"))
			t.Mark = append(t.Mark, i)
		case row.NotJudged != "" || r.Rows[row.Baseline].NotJudged != "":
			cells = append(cells, report.Words("not judged"))
		case len(row.Against) > 0:
			cells = append(cells, row.Against[0].cell())
		default:
			cells = append(cells, report.Absent)
		}
		cells = append(cells, row.SecondsPerEpoch.seconds(), report.Fixed(row.ToBest, secondDigits(row.ToBest)))
		if !brief {
			cells = append(cells, row.ToOwn.seconds())
		}
		peak := report.Absent
		if row.Peak > 0 {
			peak = report.Fixed(float64(row.Peak)/(1<<20), 0)
		}
		cells = append(cells, peak, report.Words(row.Order().String()))
		if len(r.Tune) > 0 {
			cells = append(cells, report.Words(settingsText(row.Settings)), report.Fixed(row.TuneSeconds, 1))
		}
		if marked {
			cells = append(cells, report.Words(row.marks()))
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// settingsText prints settings as they are given: "lr=0.01 model.dim=64".
func settingsText(settings []Setting) string {
	var set []string
	for _, s := range settings {
		set = append(set, s.Name+"="+s.Value)
	}
	return strings.Join(set, " ")
}

// Notes say what the columns mean and what went wrong, a sentence or two each.
func (r *Result) Notes() []string {
	seeds := "one seed"
	if len(r.Seeds) > 1 {
		seeds = fmt.Sprintf("mean ± standard deviation over %d seeds", len(r.Seeds))
	}
	difference := fmt.Sprintf("Interval: the difference of %s on %s from the baseline, seeds averaged, by a paired bootstrap over %s (%d resamples): what other users would show of these models, not what other seeds would.", r.Metrics[0], r.Reported, words.Count(r.Tested, "user"), r.Resamples)
	if r.first().Pooled {
		difference = fmt.Sprintf("Difference: that of %s on %s from the baseline, seeds averaged. It has no interval: the metric is of all users together, so that no user can be resampled.", r.Metrics[0], r.Reported)
	}
	notes := []string{
		fmt.Sprintf("Budget of each run: %s; %s.", r.Budget, seeds),
		difference,
		fmt.Sprintf("Times are seconds of training, without evaluation, to 95 %% of the best %s on valid: of the best loss (the mean over seeds; - where it does not get there), and of the run itself.", r.Metrics[0]),
	}
	notes = append(notes, fmt.Sprintf("Measured by %s.", r.Protocol))
	switch {
	case r.LeftOut > 0 && r.Protocol.Items == train.ColdItems:
		notes = append(notes, fmt.Sprintf("Items without a training pair are ranked alone: %d that have one are left out of the rankings, and pairs with them count for nothing.", r.LeftOut))
	case r.LeftOut > 0:
		notes = append(notes, fmt.Sprintf("%d items without a training pair are left out of the rankings (eval.items=all ranks them); pairs with them count as missed.", r.LeftOut))
	}
	measured, shared := false, 1
	for i := range r.Rows {
		measured = measured || r.Rows[i].Peak > 0
		for _, o := range r.Rows[i].Runs {
			shared = max(shared, o.Parallel)
		}
	}
	if measured {
		notes = append(notes, "Peak is the largest resident memory of a run's own process, from the moment the data were loaded and with them.")
	} else {
		notes = append(notes, "Peak memory was not measured: the runs shared a process, or the system does not tell.")
	}
	if shared > 1 {
		notes = append(notes, fmt.Sprintf("Seconds were measured while up to %d runs shared the machine.", shared))
	}
	for i := range r.Rows {
		for _, o := range r.Rows[i].Runs {
			if note := "P" + strings.TrimPrefix(o.Precision, "p") + "."; o.Precision != "" && !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	if len(r.Tune) > 0 {
		var axes []string
		for _, a := range r.Tune {
			if a.searched() {
				axes = append(axes, "temperature by a search")
				continue
			}
			axes = append(axes, a.Name+" in {"+strings.Join(a.Values, ", ")+"}")
		}
		how := ""
		if r.Protocol.On == train.BothSets {
			how = ", by runs on train alone"
		}
		notes = append(notes, fmt.Sprintf("Tuned on valid with seed %d%s: %s; %.0f s of training in all, which no other column has.", r.Seeds[0], how, strings.Join(axes, ", "), r.TuneSeconds))
	}
	for _, s := range r.Searches {
		notes = append(notes, s.note(r.Metrics[0]))
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		for _, t := range row.failedTrials() {
			notes = append(notes, fmt.Sprintf("%s failed in tuning with %s: %s", row.Name, settingsText(t.Settings), t.Failed))
		}
	}
	notes = append(notes, r.referenceNotes()...)
	notes = append(notes, r.judgeNotes()...)
	if r.Interrupted {
		notes = append(notes, "Interrupted: runs that had not ended are missing. The same command goes on from here.")
	}
	for i := range r.Rows {
		for _, f := range r.Rows[i].Failed {
			notes = append(notes, r.Rows[i].Name+" failed, "+f)
		}
	}
	return notes
}

// Markdown is the table, with its notes, to put into a document. command is the
// one that made it.
func (r *Result) Markdown(command string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "`%s` on %s (%s, %s, split hash %.12s):\n\n", command, r.Data, words.Count(r.Users, "user"), words.Count(r.Items, "item"), r.Split)
	for i, t := range slices.Concat([]report.Table{r.Table(false), r.ReferenceTable()}, r.ByModelTables(false)) {
		text, err := t.Write(report.MarkdownForm)
		if err != nil { // a mistake of this package: rows are as long as heads
			panic("compare: " + err.Error())
		}
		if i > 1 {
			fmt.Fprintf(&b, "%s:\n\n", t.Title)
		}
		b.WriteString(text + "\n")
	}
	for _, n := range append(r.Notes(), r.ByModelNotes()...) {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	if v := r.verdicts(); len(v) > 0 {
		b.WriteString("\nTheory's order beside the experiment's:\n\n")
		for _, kind := range []report.Kind{report.Disagrees, report.Open, report.Agrees} {
			for _, x := range v {
				if x.Kind == kind {
					fmt.Fprintf(&b, "- %s: %s. %s.\n", x.Kind, x.Text, x.Detail)
				}
			}
		}
	}
	return []byte(b.String())
}

// few is how many lines one chart shows before it stops being readable.
const few = 8

// Section shows the comparison as a part of a page.
func (r *Result) Section() report.Section {
	table := r.Table(false)
	table.Title = "All losses"
	table.Note = strings.Join(r.Notes(), "\n")
	blocks := []report.Block{
		report.Text(fmt.Sprintf("Every loss is trained on the same part of %s (train.on=%s) and measured on %s, all with the same split, budget and seeds.", r.Data, r.Protocol.On, r.Reported)),
		table, r.ReferenceTable(),
	}
	if note := r.BestNote(); note != "" {
		blocks = append(blocks, report.Text(note+"."))
	}
	if r.ByModel != nil {
		blocks = append(blocks, report.Text("Does the ranking of losses depend on the model? "+r.ByModel.Answer))
		for _, t := range r.ByModelTables(false) {
			blocks = append(blocks, t)
		}
	}
	if at := r.first(); at.Beyond {
		blocks = append(blocks, report.Text(fmt.Sprintf("Theory ranks losses by the order of the classes, and %s measures something else than hits: it says nothing of theory's order.", at)))
	} else if v := r.verdicts(); len(v) > 0 {
		blocks = append(blocks, report.Text("Theory ranks losses by what their minimiser does to the order of the classes when scores are free and data unlimited. Here encodings have low rank, data are few and training ends early, so the two need not agree. A loss declared to keep the order strictly is held against each whose order is declared weaker; a difference counts where its interval leaves 0 out. Each interval is of 95 % by itself: of many, some leave 0 out by chance."), v)
	} else {
		blocks = append(blocks, report.Text("The comparison has no pair of judged losses, one that keeps the order strictly and one that does not, so that it says nothing of theory's order."))
	}
	blocks = append(blocks, r.courses()...)
	blocks = append(blocks, r.tradeoff()...)
	blocks = append(blocks, r.popularity()...)
	if t := r.trials(); len(t.Rows) > 0 {
		blocks = append(blocks, t)
	}
	var cards report.Cards
	for i := range r.Rows {
		cards = append(cards, r.Rows[i].card(r.Items))
	}
	return report.Section{Title: "Comparison", Blocks: append(blocks, report.Text("What theory says of each loss:"), cards), Data: r}
}

// series draws a row's mean course against epochs or seconds; false where there is
// none.
func (r *Row) series(seconds bool) (plot.Series, bool) {
	s := plot.Series{Name: r.Name}
	for _, g := range r.course() {
		x := g.epoch
		if seconds {
			x = g.seconds
		}
		s.X, s.Y = append(s.X, x), append(s.Y, float64(g.value.Mean))
		if g.value.N > 1 {
			s.Err = append(s.Err, float64(g.value.SD))
		}
	}
	return s, len(s.X) > 0
}

// courses are the charts of the metric against epochs and seconds.
func (r *Result) courses() []report.Block {
	metric := r.Metrics[0] + " on valid"
	epochs := plot.Lines{Title: metric + " by epoch", X: plot.Axis{Label: "epoch"}, Y: plot.Axis{Label: metric}}
	times := plot.Lines{Title: metric + " by training time", X: plot.Axis{Label: "training", Unit: "s"}, Y: plot.Axis{Label: metric}}
	each := plot.Multiples{Title: "Every loss beside the baseline", X: plot.Axis{Label: "epoch"}, Y: plot.Axis{Label: metric}, Height: 110}
	shown, hidden := 0, 0
	for i := range r.Rows {
		row := &r.Rows[i]
		s, ok := row.series(false)
		if !ok {
			continue
		}
		base, hasBase := r.Rows[row.Baseline].series(false)
		if row.Baseline != i {
			alone := s
			alone.Name = "the loss"
			panel := plot.Panel{Title: row.Name, Series: []plot.Series{alone}}
			if hasBase {
				base.Name = "the baseline"
				panel.Series = append(panel.Series, base)
			}
			each.Panels = append(each.Panels, panel)
		}
		// The best ones, and always the baseline.
		if shown < few-1 || row.Baseline == i {
			shown++
			epochs.Series = append(epochs.Series, s)
			s, _ = row.series(true) // as many points as by epochs: some
			times.Series = append(times.Series, s)
		} else {
			hidden++
		}
	}
	if shown == 0 {
		return nil
	}
	caption := "Mean over seeds; the band is ± one standard deviation."
	if hidden > 0 {
		caption += " The best losses and the baseline; all are below."
	}
	blocks := []report.Block{
		report.Figure{Figure: epochs, Caption: caption},
		report.Figure{Figure: times, Caption: "The same against seconds of training, without evaluation."},
	}
	if hidden > 0 {
		blocks = append(blocks, report.Figure{Figure: each, Caption: "Each loss by epoch, the baseline beside it."})
	}
	return blocks
}

// tradeoff is the chart of quality against cost.
func (r *Result) tradeoff() []report.Block {
	metric := r.Metrics[0] + " on " + r.Reported
	s := plot.Scatter{
		Title: "Quality against cost", X: plot.Axis{Label: "training of one run", Unit: "s", Log: true}, Y: plot.Axis{Label: metric}, Frontier: !r.first().Lower,
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Done == 0 {
			continue
		}
		q := row.reported(r.Reported)[0]
		s.Points = append(s.Points, plot.Point{Label: row.Name, X: float64(row.Seconds.Mean), Y: float64(q.Mean), XErr: float64(row.Seconds.SD), YErr: float64(q.SD)})
	}
	if len(s.Points) == 0 {
		return nil
	}
	if r.first().Lower {
		return []report.Block{report.Figure{Figure: s, Caption: "Down and left is better; bars are one standard deviation over seeds."}}
	}
	return []report.Block{report.Figure{Figure: s, Caption: "Up and left is better. The dashed line joins the losses that no other beats in both; bars are one standard deviation over seeds."}}
}

// popularity is the recall by popularity of the items, as a chart and a table.
func (r *Result) popularity() []report.Block {
	bars := plot.Bars{Title: "Recall by popularity of the item", Value: plot.Axis{Label: "recall"}}
	table := report.Table{Title: "Recall by popularity of the item", Head: []string{"loss"}}
	for _, b := range r.Buckets {
		name := fmt.Sprintf("%s (%s)", b.Name, words.Count(b.Items, "item"))
		bars.Series = append(bars.Series, plot.Bar{Name: name})
		table.Head = append(table.Head, name)
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Done == 0 {
			continue
		}
		drawn := len(bars.Groups) < few-1 || row.Baseline == i // the best and the baseline; all are in the table
		if drawn {
			bars.Groups = append(bars.Groups, row.Name)
		}
		cells := []report.Cell{report.Words(row.Name)}
		for b, s := range row.Buckets {
			if drawn {
				bars.Series[b].Values = append(bars.Series[b].Values, float64(s.Mean))
			}
			cells = append(cells, s.cell(4))
		}
		table.Rows = append(table.Rows, cells)
	}
	if len(bars.Groups) == 0 {
		return nil
	}
	k := cutoff(r.first())
	table.Note = fmt.Sprintf("Each bucket holds about a third of the train interactions, head the most popular items. Of each user's relevant items in the bucket on %s, the share among the user's first %d; mean over the users that have any.", r.Reported, k)
	return []report.Block{report.Figure{Figure: bars, Caption: "The best losses and the baseline; the table has all."}, table}
}

// trials is the table of what was tuned.
func (r *Result) trials() report.Table {
	t := report.Table{Title: "Tuning", Head: []string{"loss", "settings", r.Metrics[0] + " valid", "s"}}
	for i := range r.Rows {
		row := &r.Rows[i]
		best := -1
		for _, tr := range row.Trials {
			value := report.Words("failed")
			if tr.Value.Finite() {
				value = report.Fixed(tr.Value, 4)
			}
			if fmt.Sprint(tr.Settings) == fmt.Sprint(row.Settings) {
				best = len(t.Rows)
				if len(row.Edges) > 0 {
					value = report.Shown(value.String()+", edge of "+strings.Join(row.Edges, ", "), tr.Value)
				}
			}
			t.Rows = append(t.Rows, []report.Cell{report.Words(row.Name), report.Words(settingsText(tr.Settings)), value, report.Fixed(tr.Seconds, 1)})
		}
		if best >= 0 {
			t.Mark = append(t.Mark, best)
		}
	}
	t.Note = "One run each, measured on valid; the chosen settings stand out."
	return t
}
