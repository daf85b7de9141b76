package gradcheck

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// Tolerances on Entry.Error. At float64, symbolic differentiation and a
// difference quotient lose up to half of the digits beyond 1e-8 to cancellation;
// 1e-4 is float32's 6e-8 after sums over a thousand candidates of temperature 0.2.
const (
	Tolerance64 = 1e-8
	Tolerance32 = 1e-4
)

// MaxK is the largest K: all settings of a loss stand in one graph, each with arrays of
// rows·K and width·K numbers at both precisions.
const MaxK = 1 << 20

// Config is the size of a check. Fields have no defaults.
type Config struct {
	K     int     // candidates of a row, from 1 to MaxK
	Scale float64 // standard deviation of the scores, > 0
	Seed  uint64  // of scores, targets and upstream gradients
}

// Validate reports all faults.
func (c Config) Validate() error {
	var faults []error
	if c.K < 1 || c.K > MaxK {
		faults = append(faults, fmt.Errorf("gradcheck: K = %d; want at least 1 and at most %d", c.K, MaxK))
	}
	if !(c.Scale > 0) || math.IsInf(c.Scale, 0) {
		faults = append(faults, fmt.Errorf("gradcheck: scale = %g; want a positive number", c.Scale))
	}
	return errors.Join(faults...)
}

// An Entry is the distance of one statement from the reference: the largest
// |got − want| / (size + |want|) over the entries of a gradient, and where it is. Here
// size is what an entry of dz of size 1 contributes. It is 1; for dh and dW, which are
// sums of such entries times w and h, it is the largest |w| and |h|, and at least 1.
type Entry struct {
	Against   string  // "value", "symbolic", "analytic", "fused" or "difference"
	Bits      int     // 64 or 32: the precision of got
	Error     float64 // the distance
	Where     string  // e.g. "dz[2,17]"; "" where every entry is equal
	Got, Want float64 // at Where
	Tolerance float64 // that Error must not pass
	Compared  int     // entries
}

// OK reports whether the error is within the tolerance. It is false for NaN.
func (e Entry) OK() bool { return e.Error <= e.Tolerance }

// A Result is what was found of one loss at one size.
type Result struct {
	Loss    losses.Loss // what was checked
	Config  Config      // at which size
	Entries []Entry     // one for each comparison
}

// OK reports whether every entry is within its tolerance.
func (r Result) OK() bool {
	return len(r.Entries) > 0 && !slices.ContainsFunc(r.Entries, func(e Entry) bool { return !e.OK() })
}

// Report returns r as a report with a row for each entry: what was compared with the
// closed form, "closed form" at float64, and "checked" beside it at the worst entry.
func (r Result) Report() *graph.GradientReport {
	report := &graph.GradientReport{Title: fmt.Sprintf("%s at K = %d, scale %g", r.Loss, r.Config.K, r.Config.Scale)}
	for _, e := range r.Entries {
		row := graph.GradientRow{Param: e.Against, Where: e.Where, Error: e.Error, Tolerance: e.Tolerance, Compared: e.Compared}
		if e.Bits == 32 {
			row.Param += " float32"
		}
		if e.Where != "" {
			row.Values = []graph.GradientValue{{By: "checked", Value: e.Got}, {By: "closed form", Value: e.Want}}
		}
		report.Rows = append(report.Rows, row)
	}
	return report
}

// String is r's report as a table.
func (r Result) String() string { return r.Report().String() }

// AtCorner returns r with the tolerance of float32 that suits the ends of a loss's
// parameters, Spec.Corners. Scores over temperature reach hundreds there, and their
// exponentials lose a digit more.
func (r Result) AtCorner() Result {
	r.Entries = slices.Clone(r.Entries)
	for i := range r.Entries {
		if e := &r.Entries[i]; e.Bits == 32 {
			e.Tolerance = 10 * Tolerance32
		}
	}
	return r
}

// Worst returns the entry that comes closest to its tolerance, or exceeds it
// most.
func (r Result) Worst() Entry {
	worst := r.Entries[0]
	for _, e := range r.Entries[1:] {
		if !(e.Error/e.Tolerance <= worst.Error/worst.Tolerance) {
			worst = e
		}
	}
	return worst
}

// Run checks all of bounds at one size, side by side in one graph, so that
// losses that differ in a parameter alone cannot be taken for each other. The
// graph runs twice, and a second run that differs from the first in one bit is
// an error.
//
// Rows have one label or several positives, some far behind a class that leads, one
// row is padding, and each row has its own upstream gradient. Every candidate's entry
// is compared, but central differences of Ref for many candidates are taken at the
// targets, the highest scores and some others only. Differences are of what
// Loss.Held returns at the row.
func Run(bounds []losses.Loss, c Config) ([]Result, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	samples := make([]*sample, len(bounds))
	results := make([]Result, len(bounds))
	for i, b := range bounds {
		samples[i] = newSample(b, c)
		results[i] = Result{Loss: b, Config: c}
		results[i].Entries = samples[i].reference(b)
	}
	for _, run := range []func([]losses.Loss, []*sample) ([][]Entry, error){runGraph[float64], runGraph[float32]} {
		entries, err := run(bounds, samples)
		if err != nil {
			return nil, err
		}
		for i := range results {
			results[i].Entries = append(results[i].Entries, entries[i]...)
		}
	}
	return results, nil
}

const (
	rows    = 7
	padding = 3 // the padding row: neither first nor last
	led     = 5 // from this row on the highest score is far above the others
	width   = 6 // d of the fused op's h [B,d]
)
