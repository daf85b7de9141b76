package compare

import (
	"math"

	"github.com/fenchel-ml/fenchel/train/metric"
)

// gain returns the value of a metric as one of which more is better: of one whose lower values
// are better, such as perplexity, the value with the other sign.
func gain(at metric.At, value float64) float64 {
	if at.Lower {
		return -value
	}
	return value
}

// near returns the value that is share of the best one: of a metric whose lower values are
// better the one of which the best is share.
func near(at metric.At, best float64) float64 {
	if at.Lower {
		return best / share
	}
	return best * share
}

// bestOf returns the best first metric on valid of a run's course, NaN without one.
func bestOf(o *Outcome, at metric.At) float64 {
	best := math.NaN()
	for _, p := range o.Curve {
		if len(p.Valid) > 0 && !(gain(at, p.Valid[0].Value) <= gain(at, best)) {
			best = p.Valid[0].Value
		}
	}
	return best
}

// reaches returns the seconds of training after which the first metric on valid is as good as
// value, NaN if it never is.
func reaches(o *Outcome, at metric.At, value float64) float64 {
	for _, p := range o.Curve {
		if len(p.Valid) > 0 && gain(at, p.Valid[0].Value) >= gain(at, value) {
			return p.Seconds
		}
	}
	return math.NaN()
}

// bucketCutoff is the cut-off of the recall of buckets beside a metric that has none.
const bucketCutoff = 20

// cutoff returns the cut-off of the recall of buckets.
func cutoff(at metric.At) int {
	if at.NoCutoff {
		return bucketCutoff
	}
	return at.K
}
