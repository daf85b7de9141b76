package all

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/bias"
	"github.com/fenchel-ml/fenchel/cli/internal/study/compare"
	"github.com/fenchel-ml/fenchel/cli/internal/study/complexity"
	"github.com/fenchel-ml/fenchel/cli/internal/study/consistency"
	"github.com/fenchel-ml/fenchel/cli/internal/study/convergence"
	"github.com/fenchel-ml/fenchel/cli/internal/study/settings"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/words"
	"github.com/fenchel-ml/fenchel/train"
)

// Config says what to study.
type Config struct {
	// Base is the configuration that models are trained with: its data, model and
	// train groups. Loss and candidates are the studies' own. Its epochs, where it has any,
	// are the most that any run trains; a share of Budget may end it before.
	Base train.Config

	Losses []string      // of the comparison, as compare has them; empty: defaultLosses
	Seeds  []uint64      // of the comparison; empty: 0, 1
	Budget time.Duration // of all parts together; 0: 5 minutes; at least 10 seconds

	Dir    string         // that the comparison keeps its runs in
	Runner compare.Runner // of the comparison; nil: in this process
}

// defaultLosses of the comparison.
func defaultLosses() []string {
	return []string{"softmax", "entmax", "sparsemax", "rankmax", "rg2", "bce", "sampled-softmax", "nce", "bpr", "hsm"}
}

// traced are the losses that convergence trains with: one of each kind of
// gradient.
func traced() []string { return []string{"softmax", "entmax", "sparsemax", "rg2", "bce"} }

// WithDefaults returns c with the defaults written out.
func (c Config) WithDefaults() Config {
	c.Losses = settings.Or(c.Losses, defaultLosses()...)
	c.Seeds = settings.Or(c.Seeds, 0, 1)
	c.Budget = cmp.Or(c.Budget, 5*time.Minute)
	return c
}

// Validate reports all faults that show without the data.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var faults settings.Faults
	if c.Budget < 10*time.Second {
		faults.Addf("budget: %v is below 10s", c.Budget)
	}
	faults.Add(c.comparison(1).Validate())
	return faults.Err()
}

func (c Config) comparison(seconds float64) compare.Config {
	budget := compare.Budget{Seconds: seconds, Epochs: c.Base.Train.Epochs}
	base := c.Base
	base.Train.Epochs = 0
	return compare.Config{Base: base, Losses: c.Losses, Seeds: c.Seeds, Budget: budget, Dir: c.Dir, Runner: c.Runner, Resamples: 1000}
}

// A Part is how one study went.
type Part struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Allowed float64 `json:"seconds_allowed"`
	Note    string  `json:"note,omitempty"` // what the budget or a fault cut off
}

// A part is one study to be run: its weight is its share of what is left of the
// budget when it starts, over the weights of the parts still to come.
type part struct {
	name   string
	weight float64
	run    func(ctx context.Context, allowed time.Duration) (report.Section, string, error)
}

// reserve is the share of the budget kept for ending: the step under way when a
// deadline comes, and writing the report.
const reserve = 0.06

// Run runs the parts in turn; tell, if not nil, is told of each as it ends. A part
// that fails or runs out of time is in the report as far as it came, with a note,
// and the others go on. If ctx ends, the report holds what was reached.
func Run(ctx context.Context, c Config, set *data.Dataset, tell func(Part)) (report.Report, []Part, error) {
	if err := errors.Join(c.Validate(), set.Validate()); err != nil {
		return report.Report{}, nil, err
	}
	c = c.WithDefaults()
	plan, err := c.Base.Plan()
	if err != nil {
		return report.Report{}, nil, err
	}
	if set, err = plan.SetOf(set); err != nil {
		return report.Report{}, nil, err
	}
	start := time.Now()
	end := start.Add(time.Duration(float64(c.Budget) * (1 - reserve)))
	parts := []part{
		{"consistency", 12, c.consistency},
		{"convergence", 16, func(ctx context.Context, d time.Duration) (report.Section, string, error) {
			return c.convergence(ctx, d, set)
		}},
		{"bias and variance", 17, func(ctx context.Context, d time.Duration) (report.Section, string, error) {
			return c.bias(ctx, d, set)
		}},
		{"complexity", 20, c.complexity},
		{"comparison", 35, func(ctx context.Context, d time.Duration) (report.Section, string, error) {
			return c.compare(ctx, d, set)
		}},
	}
	r := report.Report{
		Title: "Losses of the softmax family on " + set.Name,
		Lead:  "Five studies of the same losses: what their minimisers are worth, how fast they are reached, what sampling does to the gradient, what a step costs, and what all of it comes to on real data. Where a statement of theory could be held against a measurement, both stand side by side.",
		Facts: []report.Fact{
			{Name: "data", Value: fmt.Sprintf("%s: %s, %s, %s", set.Name, words.Count(set.Users, "user"), words.Count(set.Items, "item"), words.Count(set.Train.Len(), "train interaction"))},
			{Name: "split", Value: fmt.Sprintf("%s, hash %.12s", set.Split, set.Hash())},
			{Name: "protocol", Value: plan.ProtocolOn(set).String()},
		},
	}
	for _, note := range set.Notes {
		r.Facts = append(r.Facts, report.Fact{Name: "note", Value: note})
	}
	var done []Part
	left := 0.0
	for _, p := range parts {
		left += p.weight
	}
	for _, p := range parts {
		if ctx.Err() != nil {
			break
		}
		began := time.Now()
		allowed := time.Duration(float64(time.Until(end)) * p.weight / left)
		left -= p.weight
		within, stop := context.WithTimeout(ctx, allowed)
		section, note, err := p.run(within, allowed)
		stop()
		if err != nil {
			if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
				err = errors.New("its share of the budget ended before it had anything to show")
			}
			note = err.Error()
			section = report.Section{Title: p.name}
		}
		if note != "" {
			section.Blocks = append([]report.Block{report.Text("Note: " + note + ".")}, section.Blocks...)
		}
		r.Sections = append(r.Sections, section)
		d := Part{p.name, time.Since(began).Seconds(), allowed.Seconds(), note}
		done = append(done, d)
		if tell != nil {
			tell(d)
		}
	}
	r.Sections = append([]report.Section{overview(r.Sections, done)}, r.Sections...)
	r.Facts = append(r.Facts, report.Fact{Name: "time", Value: fmt.Sprintf("%.0f s of a budget of %v", time.Since(start).Seconds(), c.Budget)})
	return r, done, nil
}

// overview counts the verdicts of each section and lists the disagreements.
func overview(sections []report.Section, parts []Part) report.Section {
	t := report.Table{Title: "The parts", Head: []string{"part", "agree", "disagree", "open", "seconds", "allowed"}}
	var against report.Verdicts
	for i, s := range sections {
		count := map[report.Kind]int{}
		for _, b := range s.Blocks {
			vs, ok := b.(report.Verdicts)
			if !ok {
				continue
			}
			for _, v := range vs {
				count[v.Kind]++
				if v.Kind == report.Disagrees {
					v.Text = s.Title + ": " + v.Text
					against = append(against, v)
				}
			}
		}
		t.Rows = append(t.Rows, []report.Cell{
			report.Words(s.Title), report.Whole(count[report.Agrees]), report.Whole(count[report.Disagrees]), report.Whole(count[report.Open]),
			report.Fixed(parts[i].Seconds, 1), report.Fixed(parts[i].Allowed, 1),
		})
	}
	blocks := []report.Block{t}
	if len(against) > 0 {
		blocks = append(blocks, against)
	} else {
		blocks = append(blocks, report.Text("No statement of theory was contradicted."))
	}
	return report.Section{Title: "Overview", Blocks: blocks, Data: parts}
}

// consistency takes more draws where there is time: five of each family take
// about 15 seconds of one processor.
func (c Config) consistency(ctx context.Context, allowed time.Duration) (report.Section, string, error) {
	cfg := consistency.Config{Draws: min(max(int(allowed.Seconds()/8), 1), 20)}
	rs, err := consistency.Run(ctx, cfg)
	note := ""
	if err != nil {
		if len(rs) == 0 {
			return report.Section{}, "", err
		}
		note = fmt.Sprintf("the budget ended after %d losses", len(rs))
	}
	shared, err := consistency.RunShared(ctx, cfg)
	if err != nil && note == "" {
		note = "the budget ended before scores that share vectors were done"
	}
	return consistency.Section(cfg, rs, shared), note, nil
}

func (c Config) convergence(ctx context.Context, allowed time.Duration, set *data.Dataset) (report.Section, string, error) {
	started := time.Now()
	cfg := convergence.TabularConfig{}
	if allowed < 30*time.Second {
		cfg.Classes = []int{20, 60} // 200 classes take some ten seconds of one processor
	}
	note := ""
	hs, err := convergence.HardLabel(ctx, cfg)
	if err != nil {
		return report.Section{}, "", err
	}
	ds, err := convergence.Tabular(ctx, cfg)
	if err != nil {
		note = "the budget ended before the table was done"
	}
	var traces []convergence.Trace
	texts := traced()
	for i, text := range texts {
		// Each has its share of what is left, so that all have a course to show.
		share := (allowed - time.Since(started)) / time.Duration(len(texts)-i)
		within, stop := context.WithTimeout(ctx, share*9/10)
		ts, err := convergence.Train(within, c.training(), set, []string{text})
		stop()
		if err != nil {
			return report.Section{}, "", err
		}
		traces = append(traces, ts...)
	}
	return convergence.Section(cfg, ds, hs, traces), note, nil
}

// training is Base for a run that has no evaluation but the last.
func (c Config) training() train.Config {
	cfg := c.Base
	cfg.Loss, cfg.Candidates, cfg.Train.Patience = "", "", new(int)
	if cfg.WithDefaults().Train.On != train.BothSets { // which has no valid set to measure
		cfg.Eval.Every = math.MaxInt32
	}
	return cfg
}

// biasQueries and biasRepeats keep the whole table of estimators to some seconds
// on a set of a few thousand classes.
const biasQueries, biasRepeats, biasDraws = 20, 200, 64

func (c Config) bias(ctx context.Context, allowed time.Duration, set *data.Dataset) (report.Section, string, error) {
	cfg := c.training()
	cfg.Loss = "softmax"
	within, stop := context.WithTimeout(ctx, allowed*2/5)
	res, err := train.Run(within, cfg, set, nil)
	stop()
	if err != nil {
		return report.Section{}, "", err
	}
	queries := min(biasQueries, set.Users)
	p, err := bias.FromTrained(res.Trained, set, queries, 0)
	if err != nil {
		return report.Section{}, "", err
	}
	var rs []*bias.Result
	note := ""
	for _, text := range bias.Table() {
		e, err := bias.Parse(text, set.Items)
		if err != nil {
			return report.Section{}, "", err
		}
		o := bias.Options{Repeats: biasRepeats}
		if e.Sampled() {
			o.Draws = min(biasDraws, set.Items)
		}
		r, err := bias.Measure(ctx, p, e, o)
		if ctx.Err() != nil {
			note = fmt.Sprintf("the budget ended after %d of %d estimators", len(rs), len(bias.Table()))
			break
		}
		if err != nil {
			return report.Section{}, "", err
		}
		rs = append(rs, r)
	}
	if len(rs) == 0 {
		return report.Section{}, "", ctx.Err()
	}
	return bias.Section(set.Name, p, queries, "softmax", rs), note, nil
}

func (c Config) complexity(ctx context.Context, allowed time.Duration) (report.Section, string, error) {
	cfg := complexity.Config{Budget: allowed * 9 / 10, Steps: 3}
	if allowed < 40*time.Second { // the whole sweeps take about as long
		cfg.Classes, cfg.Dims, cfg.Batches, cfg.Draws = []int{1000, 4000, 16000}, []int{16, 64, 128}, []int{32, 128, 256}, []int{64, 256, 512}
	}
	rs, err := complexity.Run(ctx, cfg)
	if err != nil {
		return report.Section{}, "", err
	}
	if len(rs) == 0 {
		return report.Section{}, "", ctx.Err()
	}
	return complexity.Section(cfg, rs), "", nil
}

// overhead is the share of a run's time that is not training: a process to start,
// data to load, evaluation after each epoch.
const overhead = 0.5

func (c Config) compare(ctx context.Context, allowed time.Duration, set *data.Dataset) (report.Section, string, error) {
	runs := float64(len(c.Losses) * len(c.Seeds))
	// Two digits: the budget is part of what a run is.
	seconds := math.Round(100*allowed.Seconds()/runs*(1-overhead)) / 100
	res, err := compare.Run(ctx, c.comparison(max(seconds, 0.05)), set, nil)
	if err != nil {
		return report.Section{}, "", err
	}
	note := ""
	if res.Interrupted {
		note = "the budget ended before all runs were done"
	}
	return res.Section(), note, nil
}
