package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/statistics"
)

// A ByModel holds the ranking of the losses under each of several models against that under
// the others: whether which loss is best depends on what encodes. Ranks are by the first
// metric on the reported split; how far they agree is said of the rows that are judged.
type ByModel struct {
	Models  []string `json:"models"`
	Losses  []string `json:"losses"` // entries, the best mean rank first
	Rows    [][]int  `json:"rows"`   // [loss][model] of Result.Rows; −1 where there is none
	Ranks   [][]int  `json:"ranks"`  // [loss][model], from 1; 0 of what has no numbers
	Judged  [][]bool `json:"judged"` // [loss][model]
	Trained []Recipe `json:"trained"`

	Agreements []Agreement `json:"agreements"` // of each two models
	Answer     string      `json:"answer"`     // to whether the ranking of losses depends on the model
}

// A Recipe is how a model was trained.
type Recipe struct {
	Model    string        `json:"model"`
	Settings []report.Fact `json:"settings"`
}

// An Agreement says how far two models rank the losses alike that are judged under both.
type Agreement struct {
	A      string        `json:"a"`
	B      string        `json:"b"`
	Losses int           `json:"losses"`
	Tau    report.Number `json:"tau"`    // Kendall's, −1 to 1; null of fewer than two losses
	Low    report.Number `json:"low"`    // 2.5 % quantile of Tau by the bootstrap over users; null of a pooled metric
	High   report.Number `json:"high"`   // 97.5 % quantile
	Chance report.Number `json:"chance"` // that rankings which have nothing to do with each other agree so far or further

	// Of the pairs of losses that are told apart under both models: so many are in the same
	// order, and these are not.
	Same     int        `json:"same"`
	Reversed []Reversed `json:"reversed,omitempty"`
}

// Reversed is a pair of losses of which one is above the other under the first model of an
// Agreement, and below it under the second.
type Reversed struct {
	Above  string        `json:"above"`
	Below  string        `json:"below"`
	First  report.Number `json:"first"`  // Above less Below under the first model, above 0
	Second report.Number `json:"second"` // under the second, below 0
}

// apartLevel is the probability at which two losses are told apart. Of all pairs of losses
// under all models together: Holm's method keeps it, whatever their number.
const apartLevel = 0.05

// byModel fills in ByModel where there are several models.
func (r *Result) byModel(names []string) {
	if len(names) < 2 {
		return
	}
	b := &ByModel{Models: names}
	at := func(entry, model string) int {
		return slices.IndexFunc(r.Rows, func(row Row) bool { return row.Entry == entry && row.Model == model })
	}
	ranked := make([][]int, len(names)) // rows of Result by rank, which is their order
	for i := range r.Rows {
		row := &r.Rows[i]
		if !slices.Contains(b.Losses, row.Entry) {
			b.Losses = append(b.Losses, row.Entry)
		}
		if m := slices.Index(names, row.Model); m >= 0 && row.Done > 0 {
			ranked[m] = append(ranked[m], i)
		}
	}
	rank := func(entry string, m int) int { return 1 + slices.Index(ranked[m], at(entry, names[m])) }
	mean := func(entry string) float64 {
		sum, n := 0.0, 0
		for m := range names {
			if k := rank(entry, m); k > 0 {
				sum, n = sum+float64(k), n+1
			}
		}
		if n == 0 {
			return math.Inf(1)
		}
		return sum / float64(n)
	}
	slices.SortStableFunc(b.Losses, func(x, y string) int { return cmp.Compare(mean(x), mean(y)) })
	for _, entry := range b.Losses {
		var rows, ranks []int
		var judged []bool
		for m, model := range names {
			i, k := at(entry, model), rank(entry, m)
			rows, ranks, judged = append(rows, i), append(ranks, k), append(judged, k > 0 && r.Rows[i].NotJudged == "")
		}
		b.Rows, b.Ranks, b.Judged = append(b.Rows, rows), append(b.Ranks, ranks), append(b.Judged, judged)
	}
	for m := range names {
		b.Trained = append(b.Trained, b.recipe(r, m))
	}
	apart := b.toldApart(r)
	for m := range names {
		for n := range m {
			b.Agreements = append(b.Agreements, b.agreement(r, n, m, apart))
		}
	}
	b.Answer = b.answer(len(r.Seeds))
	r.ByModel = b
}

// recipe is how the runs of a model were trained, as far as those of its losses agree.
func (b *ByModel) recipe(r *Result, m int) Recipe {
	c := Recipe{Model: b.Models[m]}
	for l := range b.Losses {
		if b.Rows[l][m] < 0 {
			continue
		}
		for _, o := range r.Rows[b.Rows[l][m]].Runs {
			for k, x := range how(o.Config) {
				switch {
				case k >= len(c.Settings):
					c.Settings = append(c.Settings, report.Fact{Name: x[0], Value: x[1]})
				case c.Settings[k].Value != x[1]:
					c.Settings[k].Value = "by the loss"
				}
			}
		}
	}
	return c
}

// toldApart returns, for each model, which of two losses is the better one, 1 for the first
// and −1 for the second, by indices into Losses: 0 where nothing tells them apart.
func (b *ByModel) toldApart(r *Result) [][][]int {
	type test struct {
		m, x, y int
		p       float64
		sign    int
	}
	var tests []test
	apart := make([][][]int, len(b.Models))
	for m := range b.Models {
		apart[m] = make([][]int, len(b.Losses))
		for x := range b.Losses {
			apart[m][x] = make([]int, len(b.Losses))
			for y := range x {
				if b.Judged[x][m] && b.Judged[y][m] {
					d, p := r.difference(&r.Rows[b.Rows[x][m]], &r.Rows[b.Rows[y][m]])
					if math.IsNaN(p) { // nothing is known
						p = math.Inf(1)
					}
					tests = append(tests, test{m, x, y, p, cmp.Compare(d, 0)})
				}
			}
		}
	}
	// Holm 1979: the k-th smallest of n probabilities counts where n−k+1 times it does, and
	// so do all before it.
	slices.SortStableFunc(tests, func(s, t test) int { return cmp.Compare(s.p, t.p) })
	for k, t := range tests {
		if !(t.p*float64(len(tests)-k) < apartLevel) {
			break
		}
		apart[t.m][t.x][t.y], apart[t.m][t.y][t.x] = t.sign, -t.sign
	}
	return apart
}

// difference returns by how much the first metric of row a is better than that of row b on the reported split, and
// the probability of a difference as large or larger were there none: of a t-test whose
// variance has that of the mean over users, by the bootstrap, and those of the means over
// seeds, with Satterthwaite's degrees of freedom, in which the users count as infinitely
// many. It is NaN where one of the rows has a single seed. A pooled metric has no variance
// over users, so that there the seeds alone count.
func (r *Result) difference(a, b *Row) (d, p float64) {
	of := func(row *Row) Stat { return row.reported(r.Reported)[0] }
	d = gain(r.first(), float64(of(a).Mean-of(b).Mean))
	variance, spread := 0.0, 0.0
	if !r.first().Pooled {
		if a.resampled == nil || b.resampled == nil {
			return d, math.NaN()
		}
		resampled := make([]float64, len(a.resampled))
		for i := range resampled {
			resampled[i] = a.resampled[i] - b.resampled[i]
		}
		variance = stat.Variance(resampled, nil)
	}
	for _, row := range []*Row{a, b} {
		s := of(row)
		if s.N < 2 {
			return d, math.NaN()
		}
		v := float64(s.SD) * float64(s.SD) / float64(s.N)
		variance += v
		spread += v * v / float64(s.N-1)
	}
	t := math.Abs(d) / math.Sqrt(variance)
	switch {
	case d == 0:
		return d, 1
	case spread == 0: // t is infinite where nothing varies
		return d, 2 * distuv.UnitNormal.Survival(t)
	}
	return d, 2 * distuv.StudentsT{Sigma: 1, Nu: variance * variance / spread}.Survival(t)
}

// agreement holds two models against each other.
func (b *ByModel) agreement(r *Result, first, second int, apart [][][]int) Agreement {
	none := report.Number(math.NaN())
	a := Agreement{A: b.Models[first], B: b.Models[second], Tau: none, Low: none, High: none, Chance: none}
	var both []int
	for l := range b.Losses {
		if b.Judged[l][first] && b.Judged[l][second] {
			both = append(both, l)
		}
	}
	a.Losses = len(both)
	row := func(l, m int) *Row { return &r.Rows[b.Rows[l][m]] }
	for i, x := range both {
		for _, y := range both[:i] {
			switch s, t := apart[first][x][y], apart[second][x][y]; {
			case s*t > 0:
				a.Same++
			case s*t < 0:
				above, below := x, y
				if s < 0 {
					above, below = y, x
				}
				one, _ := r.difference(row(above, first), row(below, first))
				other, _ := r.difference(row(above, second), row(below, second))
				a.Reversed = append(a.Reversed, Reversed{b.Losses[above], b.Losses[below], report.Number(one), report.Number(other)})
			}
		}
	}
	if len(both) < 2 {
		return a
	}
	column := func(m int, value func(row *Row) float64) (all []float64) {
		for _, l := range both {
			all = append(all, value(row(l, m)))
		}
		return all
	}
	reported := func(row *Row) float64 { return float64(row.reported(r.Reported)[0].Mean) }
	tau, discordant := kendall(column(first, reported), column(second, reported))
	a.Tau, a.Chance = report.Number(tau), report.Number(chance(len(both), discordant))
	if r.first().Pooled {
		return a
	}
	taus := make([]float64, len(row(both[0], first).resampled))
	for k := range taus {
		of := func(row *Row) float64 { return row.resampled[k] }
		taus[k], _ = kendall(column(first, of), column(second, of))
	}
	slices.Sort(taus)
	a.Low, a.High = report.Number(statistics.Quantile(taus, 0.025)), report.Number(statistics.Quantile(taus, 0.975))
	return a
}

// kendall returns Kendall's τ, the pairs in the same order in x and y less the others, of all
// pairs (τ_a of Kendall 1938: one that ties in either counts as neither), and how many are in
// opposite orders.
func kendall(x, y []float64) (tau float64, discordant int) {
	sum := 0
	for i := range x {
		for j := range i {
			s := cmp.Compare(x[i], x[j]) * cmp.Compare(y[i], y[j])
			sum += s
			if s < 0 {
				discordant++
			}
		}
	}
	return float64(sum) / float64(len(x)*(len(x)-1)/2), discordant
}

// chance returns the share of the orders of n things in which at most so many pairs are out
// of order: the exact one-sided test of Kendall's τ. Of k things the last one stands before 0
// to k−1 of the others, each as likely. Source: Kendall 1938, Biometrika 30, §5.
func chance(n, discordant int) float64 {
	p := []float64{1} // of as many pairs out of order
	for k := 2; k <= n; k++ {
		next := make([]float64, len(p)+k-1)
		for i, x := range p {
			for j := range k {
				next[i+j] += x / float64(k)
			}
		}
		p = next
	}
	sum := 0.0
	for _, x := range p[:discordant+1] {
		sum += x
	}
	return min(sum, 1)
}

// answer is a sentence or two on whether the ranking of losses depends on the model.
func (b *ByModel) answer(seeds int) string {
	same, fewest := 0, len(b.Losses)
	var reversed, unlike []string
	for _, a := range b.Agreements {
		same += a.Same
		fewest = min(fewest, a.Losses)
		for _, x := range a.Reversed {
			reversed = append(reversed, fmt.Sprintf("%s is above %s under %s (%+.4f) and below it under %s (%+.4f)", x.Above, x.Below, a.A, float64(x.First), a.B, float64(x.Second)))
		}
		if !(float64(a.Chance) < apartLevel) {
			unlike = append(unlike, fmt.Sprintf("%s and %s (τ = %.2f, %.2g by chance)", a.A, a.B, float64(a.Tau), float64(a.Chance)))
		}
	}
	const shown = 3
	switch {
	case len(reversed) > 0:
		more := ""
		if n := len(reversed) - shown; n > 0 {
			more = fmt.Sprintf("; and %d more", n)
		}
		return fmt.Sprintf("Yes: the ranking of losses depends on the model. Of %d pairs of losses that are told apart under two models %d are in opposite orders: %s%s.",
			same+len(reversed), len(reversed), strings.Join(reversed[:min(shown, len(reversed))], "; "), more)
	case seeds < 2:
		return "Too few seeds to say whether the ranking of losses depends on the model: of one seed nothing tells how far another would be from it. Give three or more."
	case fewest < leastLosses:
		text := fmt.Sprintf("Too few losses to say whether the ranking of losses depends on the model: of %d, %d are judged under both of two models", len(b.Losses), fewest)
		if fewest > 1 {
			text += fmt.Sprintf(", and so few are in the same order once in %.0f by chance; no two are told apart in opposite orders", 1/chance(fewest, 0))
		}
		if len(b.Losses) < leastLosses {
			return fmt.Sprintf("%s. Give %d or more.", text, leastLosses)
		}
		return text + ". A longer budget would have others judged too."
	case same == 0:
		return "Undecided: no two losses are told apart under two models, so that nothing tells whether their order is the same. More seeds, or more users, would tell."
	case len(unlike) > 0:
		return fmt.Sprintf("Undecided: all %d pairs of losses that are told apart under two models are in the same order under both, yet the rankings agree no further than chance may have it for %s.",
			same, strings.Join(unlike, "; "))
	}
	return fmt.Sprintf("No sign that the ranking of losses depends on the model: all %d pairs of losses that are told apart under two models are in the same order under both, and the rankings agree further than chance would have it.", same)
}

// leastLosses is the least number of losses whose being in the same order is less likely by
// chance than apartLevel: 1/4! is, and 1/3! is not.
const leastLosses = 4
