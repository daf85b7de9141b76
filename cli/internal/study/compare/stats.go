package compare

import (
	"cmp"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/stat"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/statistics"
)

// A Stat is a mean over runs and the standard deviation of one (divisor n − 1):
// NaN of the mean where there is nothing, of the deviation below two runs.
type Stat struct {
	Mean report.Number `json:"mean"`
	SD   report.Number `json:"sd"`
	N    int           `json:"n"`
}

// statOf returns the Stat of values; any that is NaN makes both NaN.
func statOf(values []float64) Stat {
	mean, sd := stat.MeanStdDev(values, nil)
	return Stat{Mean: report.Number(mean), SD: report.Number(sd), N: len(values)}
}

// An Interval is a difference with its bootstrap interval over users. Of a pooled metric
// no user has a value, so that none can be resampled: Low and High are NaN.
type Interval struct {
	Difference report.Number `json:"difference"`
	Low        report.Number `json:"low"`  // 2.5 % quantile
	High       report.Number `json:"high"` // 97.5 % quantile
}

// Sign is 1 or −1 where the interval leaves 0 out, else 0.
func (i Interval) Sign() int {
	switch {
	case i.Low > 0:
		return 1
	case i.High < 0:
		return -1
	}
	return 0
}

// A Pair is the first metric of row A less that of row B.
type Pair struct {
	A int `json:"a"`
	B int `json:"b"`
	Interval
}

// fill computes what a row says by itself.
func (r *Row) fill(outs []*Outcome, res *Result) {
	var whole []*Outcome
	for _, o := range outs {
		lean := *o
		lean.PerUser, lean.Text = nil, ""
		r.Runs = append(r.Runs, &lean)
		if o.Failed == "" {
			whole = append(whole, o)
		}
	}
	r.Done = len(whole)
	over := func(value func(o *Outcome) float64) Stat {
		var x []float64
		for _, o := range whole {
			x = append(x, value(o))
		}
		return statOf(x)
	}
	r.SecondsPerEpoch = over(func(o *Outcome) float64 { return float64(o.SecondsPerEpoch) })
	r.Seconds = over(func(o *Outcome) float64 { return o.Seconds })
	r.ToOwn = over(func(o *Outcome) float64 { return reaches(o, res.first(), near(res.first(), bestOf(o, res.first()))) })
	if len(whole) == 0 {
		return
	}
	for _, o := range whole {
		r.Peak = max(r.Peak, o.Peak)
	}
	for m := range res.Metrics {
		if len(whole[0].Valid) > 0 {
			r.Valid = append(r.Valid, over(func(o *Outcome) float64 { return o.Valid[m].Value }))
		}
		if len(whole[0].Test) > 0 {
			r.Test = append(r.Test, over(func(o *Outcome) float64 { return o.Test[m].Value }))
		}
		if whole[0].PerUser[m] == nil { // a pooled metric
			r.perUser = append(r.perUser, nil)
			continue
		}
		mean := make([]float64, res.Tested)
		for _, o := range whole {
			for i, x := range o.PerUser[m] {
				mean[i] += x / float64(len(whole))
			}
		}
		r.perUser = append(r.perUser, mean)
	}
	for b := range res.Buckets {
		r.Buckets = append(r.Buckets, over(func(o *Outcome) float64 { return float64(o.Buckets[b]) }))
	}
}

// A stage is the mean over a row's runs at one evaluation.
type stage struct {
	epoch, seconds float64
	value          Stat // first metric on valid
}

// course returns the mean course of a row's runs with numbers, as far as all of
// them come: seeds may stop at different times.
func (r *Row) course() []stage {
	var runs [][]Point
	n := math.MaxInt
	for _, o := range r.Runs {
		if o.Failed == "" {
			points := slices.DeleteFunc(slices.Clone(o.Curve), func(p Point) bool { return len(p.Valid) == 0 })
			runs = append(runs, points)
			n = min(n, len(points))
		}
	}
	if len(runs) == 0 {
		return nil
	}
	stages := make([]stage, n)
	for i := range stages {
		var epochs, seconds, values []float64
		for _, points := range runs {
			epochs, seconds, values = append(epochs, points[i].Epoch), append(seconds, points[i].Seconds), append(values, points[i].Valid[0].Value)
		}
		stages[i] = stage{float64(statOf(epochs).Mean), float64(statOf(seconds).Mean), statOf(values)}
	}
	return stages
}

// times fills in ToBest from the mean courses.
func (r *Result) times() {
	at, best := r.first(), math.NaN()
	for i := range r.Rows {
		for _, s := range r.Rows[i].course() {
			if v := float64(s.value.Mean); !(gain(at, v) <= gain(at, best)) {
				best = v
			}
		}
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		row.ToBest = report.Number(math.NaN())
		stages := row.course()
		if i := slices.IndexFunc(stages, func(s stage) bool { return gain(at, float64(s.value.Mean)) >= gain(at, near(at, best)) }); i >= 0 {
			row.ToBest = report.Number(stages[i].seconds)
		}
	}
}

// bootstrap fills in Against and Pairs of the rows that are judged. Each resample draws as many users as there
// are, with replacement, the same ones for all rows and metrics: that is what
// pairs them. Resample number i draws from a source of its own, so the numbers do
// not depend on the threads.
func (r *Result) bootstrap(resamples int, seed uint64) {
	var rows []int // that have numbers and are judged
	for i := range r.Rows {
		if r.Rows[i].Done > 0 && r.Rows[i].NotJudged == "" {
			rows = append(rows, i)
		}
	}
	n := r.Tested
	if len(rows) < 2 || n == 0 {
		return
	}
	// means[row][metric][resample]
	means := make([][][]float64, len(r.Rows))
	for _, i := range rows {
		means[i] = make([][]float64, len(r.Metrics))
		for m := range means[i] {
			means[i][m] = make([]float64, resamples)
		}
	}
	workers := min(resamples, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			times := make([]float64, n) // how often each user was drawn
			for b := w; b < resamples; b += workers {
				clear(times)
				src := rand.New(rand.NewPCG(seed, uint64(b)))
				for range n {
					times[src.IntN(n)]++
				}
				for _, i := range rows {
					for m, x := range r.Rows[i].perUser {
						means[i][m][b] = math.NaN() // of a pooled metric, which no user has
						if x != nil {
							sum := 0.0
							for u, t := range times {
								sum += t * x[u]
							}
							means[i][m][b] = sum / float64(n)
						}
					}
				}
			}
		})
	}
	wg.Wait()
	for _, i := range rows {
		r.Rows[i].resampled = means[i][0]
	}
	difference := make([]float64, resamples)
	between := func(a, b, m int) Interval {
		for i := range difference {
			difference[i] = means[a][m][i] - means[b][m][i]
		}
		slices.Sort(difference)
		split := r.Reported
		return Interval{
			Difference: r.Rows[a].reported(split)[m].Mean - r.Rows[b].reported(split)[m].Mean,
			Low:        report.Number(statistics.Quantile(difference, 0.025)),
			High:       report.Number(statistics.Quantile(difference, 0.975)),
		}
	}
	for x, a := range rows {
		row := &r.Rows[a]
		if base := row.Baseline; base != a && means[base] != nil {
			for m := range r.Metrics {
				row.Against = append(row.Against, between(a, base, m))
			}
		}
		for _, b := range rows[x+1:] {
			r.Pairs = append(r.Pairs, Pair{a, b, between(a, b, 0)})
		}
	}
}

// sort puts the rows in order and renames the indices with them.
func (r *Result) sort() {
	order := make([]int, len(r.Rows))
	for i := range order {
		order[i] = i
	}
	value := func(i int) float64 {
		if r.Rows[i].Done == 0 {
			return math.Inf(-1)
		}
		return gain(r.first(), float64(r.Rows[i].reported(r.Reported)[0].Mean))
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(value(b), value(a)) })
	at := make([]int, len(order))
	rows := make([]Row, len(order))
	for i, from := range order {
		at[from], rows[i] = i, r.Rows[from]
	}
	for i := range rows {
		rows[i].Baseline = at[rows[i].Baseline]
	}
	for i, p := range r.Pairs {
		r.Pairs[i].A, r.Pairs[i].B = at[p.A], at[p.B]
		if at[p.A] > at[p.B] { // the better one first
			r.Pairs[i] = Pair{at[p.B], at[p.A], Interval{-p.Difference, -p.High, -p.Low}}
		}
	}
	r.Rows = rows
}
