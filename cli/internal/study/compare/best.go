package compare

import (
	"fmt"
	"path/filepath"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/train"
)

// A BestRun is the run of a row that is best by the first metric on valid, where settings
// and epochs are chosen too, or on test where there is no valid.
type BestRun struct {
	Name   string        `json:"name"` // of its row
	Seed   uint64        `json:"seed"`
	Folder string        `json:"folder"` // a run folder, as eval and predict take it
	Split  string        `json:"split"`  // that Value is on
	Value  report.Number `json:"value"`
}

// best fills in Best from the runs, which are kept in dir.
func (r *Result) best(dir string) {
	split := "test"
	for _, row := range r.Rows {
		for _, o := range row.Runs {
			if o.Failed == "" && len(o.Valid) > 0 {
				split = "valid"
			}
		}
	}
	for _, row := range r.Rows {
		for _, o := range row.Runs {
			values := o.Test
			if split == "valid" {
				values = o.Valid
			}
			if o.Failed == "" && len(values) > 0 && (r.Best == nil || r.first().Better(values[0].Value, float64(r.Best.Value))) {
				r.Best = &BestRun{row.Name, o.Config.Train.Seed, filepath.Join(dir, o.Key), split, report.Number(values[0].Value)}
			}
		}
	}
}

// BestNote names the best run and its folder; "" where no run has numbers.
func (r *Result) BestNote() string {
	if r.Best == nil {
		return ""
	}
	b := r.Best
	note := fmt.Sprintf("Best run by %s on %s (%.4f): %s seed %d, in %s", r.Metrics[0], b.Split, float64(b.Value), b.Name, b.Seed, b.Folder)
	if r.Protocol.On == train.BothSets {
		note += "; it learned from valid too"
	}
	return note
}
