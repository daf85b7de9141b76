package compare

import (
	"context"
	"fmt"
	"time"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/train"
)

// A Reference is a ranking without trained vectors, measured on the same examples as the
// losses are. One that a loss does not beat says more of the loss than another loss does.
type Reference struct {
	Name    string        `json:"name"` // with its settings
	Valid   []train.Value `json:"valid,omitempty"`
	Test    []train.Value `json:"test,omitempty"`
	Seconds float64       `json:"seconds"`           // of fitting
	Skipped string        `json:"skipped,omitempty"` // why there are no numbers
}

// reported returns the values on the split that is reported.
func (r Reference) reported(split string) []train.Value {
	if split == "test" {
		return r.Test
	}
	return r.Valid
}

// What references are fitted with: usual settings, tuned on no set. EASE takes time cubic in the items, and is left out beyond easeItems, where
// it would be minutes.
const (
	knnNeighbours = 200
	knnShrink     = 20
	easeLambda    = 300
	easeItems     = 8000
)

// references fits the rankings without trained vectors and measures them. It returns
// those that it had when ctx ended.
func (p *comparison) references(ctx context.Context) ([]Reference, error) {
	plan, err := p.Base.Plan()
	if err != nil {
		return nil, err
	}
	x := p.set.Train
	var all []Reference
	for _, r := range []struct {
		name string
		fit  func() (models.Scorer, error)
		why  string // not to fit it
	}{
		{"pop", func() (models.Scorer, error) { return baseline.NewPop(x), nil }, ""},
		{fmt.Sprintf("itemknn:neighbours=%d,shrink=%d", knnNeighbours, knnShrink), func() (models.Scorer, error) {
			return baseline.NewItemKNN(ctx, x, baseline.ItemKNN{Neighbours: knnNeighbours, Shrink: knnShrink})
		}, ""},
		{fmt.Sprintf("ease:lambda=%d", easeLambda), func() (models.Scorer, error) {
			return baseline.NewEASE(ctx, x, easeLambda)
		}, tooLarge(x.Items())},
	} {
		ref := Reference{Name: r.name, Skipped: r.why}
		if r.why == "" {
			start := time.Now()
			s, err := r.fit()
			if ctx.Err() != nil {
				return all, nil
			}
			if err != nil {
				return nil, err
			}
			ref.Seconds = time.Since(start).Seconds()
			if ref.Valid, err = valuesOf(ctx, plan, s, p.set, "valid", p.set.Valid); err != nil {
				return nil, err
			}
			if ref.Test, err = valuesOf(ctx, plan, s, p.set, "test", p.set.Test); err != nil {
				return nil, err
			}
			if ctx.Err() != nil {
				return all, nil
			}
		}
		all = append(all, ref)
	}
	return all, nil
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
		cells := []string{ref.Name}
		values := ref.reported(r.Reported)
		for m := range r.Metrics {
			cell := "-"
			if m < len(values) {
				cell = fmt.Sprintf("%.4f", values[m].Value)
			}
			cells = append(cells, cell)
		}
		cells = append(cells, fmt.Sprintf("%.1f", ref.Seconds))
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// referenceNotes say which references there are not.
func (r *Result) referenceNotes() (notes []string) {
	for _, ref := range r.References {
		if ref.Skipped != "" {
			notes = append(notes, fmt.Sprintf("%s was not fitted: %s.", ref.Name, ref.Skipped))
		}
	}
	return notes
}
