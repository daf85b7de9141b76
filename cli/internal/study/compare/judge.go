package compare

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/fenchel-ml/fenchel/train/metric"
)

// A row whose metric still rises when training ends says what its budget was, not what its
// loss can do. It is marked and not judged: it has no interval, and no verdict counts it.
// It still rises where the best of its mean course on valid lies in the last riseWindow of
// training, and the mean there is above that of the window before (of the last evaluation
// before, where that window has none) by more than riseTolerance of it. Means, because
// single evaluations go up and down by more than that on small sets.
const (
	riseWindow    = 0.2  // a share of the training
	riseTolerance = 0.01 // the standard deviation between seeds is about half of it on MovieLens-1M
)

// judge says of each row whether it is judged, and whether it is below popularity.
func (r *Result) judge() {
	pop := math.NaN()
	for _, ref := range r.References {
		if values := ref.reported(r.Reported); ref.Name == "pop" && len(values) > 0 && !r.first().Beyond {
			pop = values[0].Value
		}
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		row.NotJudged = rising(row.course(), r.first())
		if list := row.reported(r.Reported); len(list) > 0 {
			row.BelowPop = gain(r.first(), float64(list[0].Mean)) < gain(r.first(), pop)
		}
	}
}

// rising says how a course still rises at its end; "" where it does not, or is empty, as
// where nothing is measured on valid.
func rising(course []stage, at metric.At) string {
	if len(course) == 0 {
		return ""
	}
	last := course[len(course)-1].epoch
	var late, before []float64 // the values of the last window, and of the one before
	bestLate, best := math.Inf(-1), math.Inf(-1)
	for i := range course {
		s := course[len(course)-1-i]
		v := gain(at, float64(s.value.Mean))
		switch {
		case s.epoch > (1-riseWindow)*last:
			late, bestLate = append(late, v), max(bestLate, v)
		case s.epoch > (1-2*riseWindow)*last || len(before) == 0:
			before = append(before, v)
		}
		best = max(best, v)
	}
	if len(before) == 0 {
		return "it was not measured before the last fifth of training, so that nothing tells whether it still rises"
	}
	if now, then := stat.Mean(late, nil), stat.Mean(before, nil); bestLate == best && now > then+riseTolerance*math.Abs(then) {
		word := "still rising"
		if at.Lower {
			word = stillFalling
		}
		return fmt.Sprintf("%s at the end: %.4f on valid in the last fifth of training, %.4f before", word, gain(at, now), gain(at, then))
	}
	return ""
}

// stillFalling is what a row does whose metric is better where it is lower.
const stillFalling = "still falling"

// marks are what a reader has to know of a row before its numbers.
func (r *Row) marks() string {
	var all []string
	if r.BelowPop {
		all = append(all, "below pop")
	}
	if r.NotJudged != "" {
		mark := "still rising"
		if strings.HasPrefix(r.NotJudged, stillFalling) {
			mark = stillFalling
		}
		all = append(all, mark)
	}
	if len(r.Edges) > 0 {
		all = append(all, "edge of "+strings.Join(r.Edges, ", "))
	}
	if n := len(r.failedTrials()); n > 0 {
		all = append(all, fmt.Sprintf("%d of %d in tuning failed", n, len(r.Trials)))
	}
	return strings.Join(all, ", ")
}

// failedTrials returns what was tried and failed.
func (r *Row) failedTrials() (failed []Trial) {
	for _, t := range r.Trials {
		if t.Failed != "" {
			failed = append(failed, t)
		}
	}
	return failed
}

// marked reports whether any row has marks.
func (r *Result) marked() bool {
	for i := range r.Rows {
		if r.Rows[i].marks() != "" {
			return true
		}
	}
	return false
}

// judgeNotes name the rows that have marks.
func (r *Result) judgeNotes() (notes []string) {
	var below, open, edge []string
	for i := range r.Rows {
		if row := &r.Rows[i]; row.BelowPop {
			below = append(below, row.Name)
		}
		if row := &r.Rows[i]; row.NotJudged != "" {
			open = append(open, row.Name)
		}
		if row := &r.Rows[i]; len(row.Edges) > 0 {
			edge = append(edge, fmt.Sprintf("%s (%s)", row.Name, strings.Join(row.Edges, ", ")))
		}
	}
	if len(below) > 0 {
		notes = append(notes, fmt.Sprintf("Below pop, the order by popularity, in %s, as trained here: %s.", r.Metrics[0], strings.Join(below, ", ")))
	}
	if len(open) > 0 {
		still, side := "rises", "above"
		if r.first().Lower {
			still, side = "falls", "below"
		}
		notes = append(notes, fmt.Sprintf("Not judged, because %s on valid still %s at the end of training (the best is in its last fifth, whose mean is %s that of the fifth before by more than %g %%), or was not measured before: %s. A longer budget would tell.", r.Metrics[0], still, side, 100*riseTolerance, strings.Join(open, ", ")))
	}
	if len(edge) > 0 {
		notes = append(notes, fmt.Sprintf("Edge: the best value, or one as good, is the smallest or the largest that was tried, so that a better one may lie beyond: %s.", strings.Join(edge, "; ")))
	}
	return notes
}
