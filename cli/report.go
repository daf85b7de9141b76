package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/words"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// A reporter tells of a run while it runs: a head on standard output, and on
// standard error a line per epoch, with a bar under it on a terminal.
type reporter struct {
	s      streams
	set    *data.Dataset
	memory budget
	quiet  bool // no head: standard output is JSON

	epochs int
	fitted bool // by a step that has no loss
	bar    *progressbar.ProgressBar
}

// barEvery is the least time between two drawings of the bar.
const barEvery = 100 * time.Millisecond

// newBar returns a bar of so many steps, on standard error.
func newBar(s streams, steps int) *progressbar.ProgressBar {
	return progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(s.err), progressbar.OptionSetWidth(24), progressbar.OptionThrottle(barEvery),
		progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
}

func (r *reporter) observe(e train.Event) {
	switch e := e.(type) {
	case *train.Started:
		r.epochs, r.fitted = e.Config.Train.Epochs, e.Plan.Baseline.Spec != nil
		if !r.quiet {
			printHead(r.s.out, e, r.set, r.memory)
		}
		if e.Before != "" {
			fmt.Fprintf(r.s.err, "warning: the steps before were computed by %s, those from here on by %s: the bits are those of neither alone\n", e.Before, e.Plan.Kernel())
		}
		if r.s.terminal {
			r.bar = newBar(r.s, r.epochs*e.Steps)
			r.bar.Set(e.Epoch*e.Steps + e.Step)
		}
	case *train.Stepped:
		if r.bar != nil { // what it cannot draw is lost, not the run
			r.bar.Describe(fmt.Sprintf("epoch %d/%d, loss %.4f", e.Epoch+1, r.epochs, e.Loss))
			r.bar.Add(1)
		}
	case *train.EpochDone:
		r.clear()
		fmt.Fprintln(r.s.err, epochLine(e, r.epochs, r.fitted))
	}
}

// clear takes the bar off the terminal's line.
func (r *reporter) clear() {
	if r.bar != nil {
		r.bar.Clear()
	}
}

func printHead(w io.Writer, e *train.Started, set *data.Dataset, memory budget) {
	c := e.Config
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-6s  %s\n", name, data.EscapeText(fmt.Sprintf(format, args...)))
	}
	line("data", "%s: %s, %s; train %d, valid %d, test %d interactions",
		set.Name, words.Count(set.Users, "user"), words.Count(set.Items, "item"), set.Train.Len(), set.Valid.Len(), set.Test.Len())
	line("split", "%s, hash %.12s", set.Split, set.Hash())
	if set.Filter != "" {
		line("filter", "%s", set.Filter)
	}
	for _, note := range set.Notes {
		line("note", "%s", note)
	}
	if note := e.Plan.ValuesUnused(set); note != "" {
		line("note", "%s", note)
	}
	bias := ""
	switch e.Plan.Bias {
	case models.ZeroBias:
		bias = ", with item biases"
	case models.PriorBias:
		bias = ", with item biases from the prior on"
	}
	if e.Plan.Baseline.Spec != nil {
		line("model", "%s: %s", c.Model.Name, e.Plan.Baseline.Spec.Doc)
	} else {
		line("model", "%s: d = %d, %s scores divided by %s%s; %d parameters", c.Model.Name, e.Trained.Model.Dim(), c.Model.Score, temperatureText(e.Plan), bias, e.Parameters)
	}
	for _, note := range e.Plan.Notes {
		line("", "%s", note)
	}
	if c.Loss != "" {
		line("loss", "%s over candidates %s%s", c.Loss, c.Candidates, trainedNote(e.Plan.Choice.Loss))
	}
	how := c.Train.Solver
	if c.Train.Optimizer != "" {
		how = fmt.Sprintf("%s, schedule %s, batches of %s of task %s weighed by %s", c.Train.Optimizer, c.Train.Schedule, words.Count(c.Train.Batch, "example"), c.Train.Task, c.Train.Weight)
	}
	if e.Plan.Baseline.Spec != nil {
		line("train", "%s: one step", how)
	} else {
		line("train", "%s; %s of %s; seed %d", how, words.Count(c.Train.Epochs, "epoch"), words.Count(e.Steps, "step"), c.Train.Seed)
	}
	if note := e.Plan.PrecisionNote(); note != "" {
		line("", "%s", note)
	}
	line("memory", "%s", memory)
	if e.Epoch > 0 || e.Step > 0 {
		line("resume", "after epoch %d, step %d", e.Epoch, e.Step)
	}
	fmt.Fprintln(w)
}

// temperatureText says what scores are divided by: a natural temperature, which nobody
// wrote, to four digits, and any other as it is written.
func temperatureText(p *train.Plan) string {
	t := p.Temperature
	text := p.Config.Model.Temperature
	if p.Config.Model.Spread > 0 {
		t.Value, _ = strconv.ParseFloat(strconv.FormatFloat(t.Value, 'g', 4, 64), 64)
		text = t.String()
	}
	if t.Learned != nil {
		text = "a temperature that is " + text
	}
	return text
}

// trainedNote says of a loss with learned parameters what that costs.
func trainedNote(l losses.Loss) string {
	var names []string
	for _, p := range l.Learned() {
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("; %s is trained, through the loss's definition, which takes longer than its closed form", strings.Join(names, ", "))
}

func epochLine(e *train.EpochDone, epochs int, fitted bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "epoch %*d/%d", len(fmt.Sprint(epochs)), e.Epoch, epochs)
	if !fitted {
		fmt.Fprintf(&b, "  loss %.5f", e.Loss)
	}
	if e.Valid != nil {
		for _, v := range e.Valid.Values {
			fmt.Fprintf(&b, "  %s %.4f", v.Name, v.Value)
		}
	}
	for _, v := range e.Scalars {
		fmt.Fprintf(&b, "  %s %.4g", v.Name, v.Value)
	}
	if e.Clipped > 0 {
		fmt.Fprintf(&b, "  %.3g %% of steps clipped", 100*e.Clipped)
	}
	fmt.Fprintf(&b, "  %.2f s", e.Seconds)
	if e.Best {
		b.WriteString("  best")
	}
	return b.String()
}

// splitScores are the metrics of one split, as reports print them.
type splitScores struct {
	Split    string         `json:"split"`
	Protocol train.Protocol `json:"protocol"` // what the values are of
	Examples int            `json:"examples"` // that the means are over
	Excluded int            `json:"excluded"` // contexts that have no relevant item

	// Items that are left out, those without a training pair, or with eval.items=cold those
	// with one, and the split's pairs with them, which count as missed; none of the latter.
	LeftOut      int `json:"left_out_items"`
	LeftOutPairs int `json:"left_out_pairs"`

	Values []scoreValue `json:"values"`

	Segmented []train.Segmented `json:"segmented,omitempty"` // of each of --segments
}

type scoreValue struct {
	Name       string         `json:"name"`
	Value      float64        `json:"value"`
	Attainable *report.Number `json:"attainable,omitempty"` // by ranking by the truth, where it is known
}

// scoresOf returns what t has measured on set by ms, with what is attainable.
func scoresOf(ctx context.Context, t *train.Recommender, set *data.Dataset, scores *train.Scores, ms []metric.At) (splitScores, error) {
	s := splitScores{Split: scores.Split, Protocol: t.ProtocolOn(set), Examples: scores.Examples, Excluded: scores.Excluded, LeftOut: scores.LeftOut, LeftOutPairs: scores.LeftOutPairs,
		Segmented: scores.Segmented}
	for _, v := range scores.Values {
		s.Values = append(s.Values, scoreValue{Name: v.Name, Value: v.Value})
	}
	if set.Truth == nil || s.Split == "train" {
		return s, nil
	}
	best, err := attainable(ctx, t, set, s.Split, ms)
	if err != nil {
		return s, err
	}
	for _, v := range best.Values {
		for i := range s.Values {
			if s.Values[i].Name == v.Name {
				n := report.Number(v.Value)
				s.Values[i].Attainable = &n
			}
		}
	}
	return s, nil
}

// attained reports whether of any metric it is known what is attainable.
func (s *splitScores) attained() bool {
	return slices.ContainsFunc(s.Values, func(v scoreValue) bool { return v.Attainable != nil })
}

// printScores prints one table of splits that have the same metrics, and those of the segments
// of each.
func printScores(w io.Writer, splits []splitScores) {
	if len(splits) == 0 {
		fmt.Fprintln(w, "nothing was measured")
		return
	}
	head := []string{"METRIC"}
	for _, s := range splits {
		head = append(head, strings.ToUpper(s.Split))
		if s.attained() {
			head = append(head, "ATTAINABLE")
		}
	}
	t := newTable(head...)
	for i, v := range splits[0].Values {
		cells := []any{v.Name}
		for _, s := range splits {
			cells = append(cells, report.Fixed(s.Values[i].Value, 4))
			switch a := s.Values[i].Attainable; {
			case a != nil:
				cells = append(cells, report.Fixed(*a, 4))
			case s.attained():
				cells = append(cells, "")
			}
		}
		t.add(cells...)
	}
	examples := []any{"examples"}
	for _, s := range splits {
		examples = append(examples, s.Examples)
		if s.attained() {
			examples = append(examples, "")
		}
	}
	t.add(examples...)
	t.print(w, "")
	for _, s := range splits {
		for _, by := range s.Segmented {
			fmt.Fprintln(w)
			segmentTable(s, by).print(w, "")
		}
	}
	fmt.Fprintf(w, "\nmeasured by %s\n", data.EscapeText(splits[0].Protocol.String()))
	if n := splits[0].LeftOut; n > 0 && !ofProbabilities(splits[0]) {
		var pairs []string
		for _, s := range splits {
			pairs = append(pairs, fmt.Sprintf("%d of %s", s.LeftOutPairs, s.Split))
		}
		note := leftOutNote(splits[0].Protocol.Items, n)
		if splits[0].Protocol.Items == train.ColdItems {
			note += "; pairs with them count for nothing"
		} else {
			note += "; pairs with them count as missed: " + strings.Join(pairs, ", ")
		}
		fmt.Fprintln(w, note)
	}
}

// ofProbabilities reports whether no metric is of a ranking, from which items are left out:
// perplexity and nll are of the probability of what came, among all classes.
func ofProbabilities(s splitScores) bool {
	return !slices.ContainsFunc(s.Values, func(v scoreValue) bool {
		at, err := metric.Parse(v.Name)
		return err != nil || !at.LogProbs
	})
}

// leftOutNote says how many items no ranking holds, where items says which ones it does.
func leftOutNote(items string, n int) string {
	if items == train.ColdItems {
		return fmt.Sprintf("items without a training pair are ranked alone: %d that have one are left out (%s=%s ranks them)", n, itemsPath, train.AllItems)
	}
	if n == 1 {
		return fmt.Sprintf("1 item without a training pair is left out (%s=%s ranks it)", itemsPath, train.AllItems)
	}
	return fmt.Sprintf("%d items without a training pair are left out (%s=%s ranks them)", n, itemsPath, train.AllItems)
}

// A runReport is what a run reached.
type runReport struct {
	Folder      string        `json:"folder"`
	Data        string        `json:"data"`
	Hash        string        `json:"hash"`
	Epochs      int           `json:"epochs"`
	BestEpoch   int           `json:"best_epoch"` // by the monitored metric; 0 if none was measured
	Interrupted bool          `json:"interrupted"`
	Stopped     bool          `json:"stopped_early"`
	Seconds     report.Number `json:"seconds"`
	Splits      []splitScores `json:"splits"`
	Temperature float64       `json:"temperature"`       // that divided the scores; of a learned one its start
	Spread      float64       `json:"spread,omitempty"`  // of which a natural temperature was made
	Scalars     []train.Value `json:"scalars,omitempty"` // trained parameters of the head or the loss, such as a temperature
	Notes       []string      `json:"notes,omitempty"`   // of the data, of defaults and of precision
	Kernel      string        `json:"kernel"`            // what computed, as in "avx512+amx:bf16x3"

	Protocol train.Protocol `json:"protocol"` // what the values are of
}

func newRunReport(ctx context.Context, folder string, set *data.Dataset, res *train.Result) (runReport, error) {
	r := runReport{
		Folder: folder, Data: set.Name, Hash: set.Hash(), Epochs: res.Epochs, BestEpoch: res.BestEpoch,
		Interrupted: res.Interrupted, Stopped: res.Stopped, Seconds: report.Number(res.Seconds), Splits: []splitScores{}, Scalars: res.Trained.Scalars(),
		Temperature: res.Trained.Plan.Temperature.Value, Spread: res.Trained.Plan.Config.Model.Spread, Notes: slices.Concat(set.Notes, res.Trained.Plan.Notes),
		Protocol: res.Trained.ProtocolOn(set), Kernel: res.Trained.Plan.Kernel(),
	}
	if note := res.Trained.Plan.PrecisionNote(); note != "" {
		r.Notes = append(r.Notes, note)
	}
	for _, scores := range []*train.Scores{res.Valid, res.Test} {
		if scores == nil {
			continue
		}
		s, err := scoresOf(ctx, res.Trained, set, scores, res.Trained.Plan.Metrics)
		if err != nil {
			return r, err
		}
		r.Splits = append(r.Splits, s)
	}
	return r, nil
}

func (r runReport) print(s streams) {
	w := s.out
	printScores(w, r.Splits)
	for _, v := range r.Scalars {
		fmt.Fprintf(w, "\nlearned %s %.4g\n", v.Name, v.Value)
	}
	fmt.Fprintf(w, "\n%s in %.1f s", words.Count(r.Epochs, "epoch"), float64(r.Seconds))
	switch {
	case r.Interrupted && r.Stopped:
		fmt.Fprintf(w, "; stopped early with the weights of epoch %d, and interrupted before they were measured on test", r.BestEpoch)
	case r.Interrupted:
		fmt.Fprint(w, "; interrupted, and measured after its last whole epoch")
	case r.Stopped:
		fmt.Fprintf(w, "; stopped early with the weights of epoch %d", r.BestEpoch)
	}
	folder := data.EscapeText(r.Folder)
	fmt.Fprintf(w, "\nrun folder %s\n", folder)
	if r.Interrupted {
		fmt.Fprintf(w, "go on with: %s train --config %s/%s --out %s\n", s.program, folder, train.ConfigFile, folder)
	}
}
