package compare

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// A Reference is a ranking without trained vectors, measured on the same examples as the
// losses are. One that a loss does not beat says more of the loss than another loss does.
type Reference struct {
	Name    string        `json:"name"` // with its settings
	Valid   []train.Value `json:"valid,omitempty"`
	Test    []train.Value `json:"test,omitempty"`
	Seconds float64       `json:"seconds"`           // of fitting
	Skipped string        `json:"skipped,omitempty"` // why there are no numbers
	Edge    bool          `json:"edge,omitempty"`    // what was tuned is the smallest or the largest value that is tried
}

// reported returns the values on the split that is reported.
func (r Reference) reported(split string) []train.Value {
	if split == "test" {
		return r.Test
	}
	return r.Valid
}

// What references are fitted with: usual settings. λ of EASE is tuned on valid where a
// comparison tunes the losses. EASE takes time cubic in the items, and is left out beyond
// easeItems, where it would be minutes.
const (
	knnNeighbours = 200
	knnShrink     = 20
	easeLambda    = 300
	easeItems     = 8000
)

// references fits the rankings without trained vectors and measures them. It returns
// those that it had when ctx ended.
func (p *comparison) references(ctx context.Context) ([]Reference, error) {
	plan, err := p.referencePlan()
	if err != nil {
		return nil, err
	}
	if p.set.Text || slices.ContainsFunc(plan.Metrics, func(at metric.At) bool { return at.LogProbs }) {
		return p.wordReferences(ctx, plan, p.set)
	}
	x := p.set.Train
	pop := func() (models.Scorer, error) { return baseline.NewPop(x), nil }
	knn := func() (models.Scorer, error) {
		return baseline.NewItemKNN(ctx, x, baseline.ItemKNN{Neighbours: knnNeighbours, Shrink: knnShrink})
	}
	all := []Reference{
		{Name: "pop"},
		{Name: fmt.Sprintf("itemknn:neighbours=%d,shrink=%d", knnNeighbours, knnShrink)},
	}
	fits := []func() (models.Scorer, error){pop, knn}
	if plan.Task.ByFeatures() { // the other references rank by what a context had, and here it had nothing
		all, fits = all[:1], fits[:1]
	}
	for i, fit := range fits {
		if err := p.reference(ctx, plan, fit, &all[i]); err != nil || ctx.Err() != nil {
			return all[:i], err
		}
	}
	if plan.Task.ByFeatures() {
		return all, nil
	}
	ease := func(lambda float64) (ref Reference, err error) {
		ref = Reference{Name: fmt.Sprintf("ease:lambda=%g", lambda)}
		return ref, p.reference(ctx, plan, func() (models.Scorer, error) { return baseline.NewEASE(ctx, x, lambda) }, &ref)
	}
	if why := tooLarge(x.Items()); why != "" {
		return append(all, Reference{Name: fmt.Sprintf("ease:lambda=%d", easeLambda), Skipped: why}), nil
	}
	best, err := p.walk(ctx, ease)
	if err != nil || ctx.Err() != nil {
		return all, err
	}
	return append(all, best), nil
}

// wordReferences are the references of running text, and of any set of which probabilities are
// measured, which the others give not.
func (p *comparison) wordReferences(ctx context.Context, plan *train.Plan, set *data.Dataset) (all []Reference, err error) {
	fits := map[string]func() (models.Scorer, error){"pop": func() (models.Scorer, error) { return baseline.NewUnigram(set) }}
	names := []string{"pop"}
	if set.Text && plan.Task.Ordered() {
		fits["kneserney"] = func() (models.Scorer, error) { return baseline.NewKneserNey(set) }
		names = append(names, "kneserney")
	}
	for _, name := range names {
		ref := Reference{Name: name}
		if err := p.reference(ctx, plan, fits[name], &ref); err != nil || ctx.Err() != nil {
			return all, err
		}
		all = append(all, ref)
	}
	return all, nil
}

// referencePlan returns the plan by which references are measured: that of the first model
// whose contexts have histories in the order of time, as far as there is one, since such a
// context tells a reference what its model reads; else that of the first model.
func (p *comparison) referencePlan() (*train.Plan, error) {
	for i, v := range p.variants {
		cfg, err := p.with(v, p.grids[i][0], p.Seeds[0])
		if err != nil {
			continue // its rows say so
		}
		if plan, err := cfg.Plan(); err == nil && plan.Task.Ordered() {
			return plan, nil
		}
	}
	return p.First().Plan()
}

// walk fits EASE at the usual λ, and where losses are tuned on valid up and then down from
// it as long as it gets better.
func (p *comparison) walk(ctx context.Context, ease func(lambda float64) (Reference, error)) (Reference, error) {
	best, err := ease(easeLambda)
	for _, factor := range []float64{easeFactor, 1. / easeFactor} {
		lambda := easeLambda * factor
		for len(p.Tune) > 0 && err == nil && ctx.Err() == nil && len(best.Valid) > 0 && lambda >= easeLeast && lambda <= easeMost {
			var next Reference
			if next, err = ease(lambda); err != nil || len(next.Valid) == 0 || !(next.Valid[0].Value > best.Valid[0].Value) {
				break
			}
			best, lambda = next, lambda*factor
			best.Edge = lambda < easeLeast || lambda > easeMost
		}
	}
	return best, err
}

// easeFactor is between the values of λ that are tried, easeLeast to easeMost.
const (
	easeFactor = 3
	easeLeast  = 1
	easeMost   = 1e6
)

// reference fits a ranking and measures it into ref, which is of no use where ctx ended.
func (p *comparison) reference(ctx context.Context, plan *train.Plan, fit func() (models.Scorer, error), ref *Reference) error {
	start := time.Now()
	s, err := fit()
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	ref.Seconds = time.Since(start).Seconds()
	if ref.Valid, err = valuesOf(ctx, plan, s, p.set, "valid", p.set.Valid); err != nil {
		return err
	}
	ref.Test, err = valuesOf(ctx, plan, s, p.set, "test", p.set.Test)
	return err
}

// tooLarge says why EASE is not fitted on so many items; "" where it is.
func tooLarge(items int) string {
	if items > easeItems {
		return fmt.Sprintf("its time is cubic in the items, %d of them; it is fitted up to %d", items, easeItems)
	}
	need := baseline.EASEBytes(items)
	if have, source, known := available(); known && need > have {
		return fmt.Sprintf("it needs %d MiB, and %d MiB are available (%s)", need>>20, have>>20, source)
	}
	return ""
}

// valuesOf measures s on a split, nil where that is empty or ctx ends.
func valuesOf(ctx context.Context, plan *train.Plan, s models.Scorer, set *data.Dataset, split string, x *data.Interactions) ([]train.Value, error) {
	if x.Len() == 0 {
		return nil, nil
	}
	e, err := plan.Evaluation(set, split, plan.Metrics)
	if err != nil {
		return nil, err
	}
	scores, err := train.Evaluate(ctx, s, e)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil
		}
		return nil, err
	}
	return scores.Values, nil
}

// ReferenceTable is the rankings without trained vectors, a row each.
func (r *Result) ReferenceTable() report.Table {
	t := report.Table{Title: "Without trained vectors", Head: []string{"ranking"}}
	for _, m := range r.Metrics {
		t.Head = append(t.Head, m+" "+r.Reported)
	}
	t.Head = append(t.Head, "s")
	for _, ref := range r.References {
		name := ref.Name
		if ref.Edge {
			name += " (edge)"
		}
		cells := []report.Cell{report.Words(name)}
		values := ref.reported(r.Reported)
		for m := range r.Metrics {
			cell := report.Absent
			if m < len(values) {
				cell = report.Fixed(values[m].Value, 4)
			}
			cells = append(cells, cell)
		}
		cells = append(cells, report.Fixed(ref.Seconds, 1))
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// referenceNotes say which references there are not.
func (r *Result) referenceNotes() (notes []string) {
	for _, ref := range r.References {
		if name, _, _ := strings.Cut(ref.Name, ":"); name == "ease" && ref.Skipped == "" && len(r.Tune) > 0 {
			notes = append(notes, fmt.Sprintf("λ of ease was chosen on valid: from %d up and down by a factor of %d, as long as it got better.", easeLambda, easeFactor))
			if ref.Edge {
				notes = append(notes, fmt.Sprintf("Edge: %s has the smallest or the largest λ that is tried, so that a better one may lie beyond.", ref.Name))
			}
		}
		if ref.Skipped != "" {
			notes = append(notes, fmt.Sprintf("%s was not fitted: %s.", ref.Name, ref.Skipped))
		}
	}
	return notes
}
