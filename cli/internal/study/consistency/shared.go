package consistency

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/conditionalrisk"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// What a loss's minimiser is over free scores says nothing of scores that contexts share:
// a model has a vector for each class, and few dimensions. This part minimises the
// population risk of several contexts together over three sets of scores (consistency
// restricted to a hypothesis set, as in Long & Servedio 2013, ICML; Awasthi, Mao, Mohri &
// Zhong 2022, ICML), and looks at the rankings:
//
//	dot     s_uj = ⟨h_u, w_j⟩, in d < K dimensions
//	own     s_uj = cos(h_u, w_j)/T, at the loss's natural temperature
//	fixed   the same at T = 0.2
//
// beside free scores, for each context its own, of the first problem alone.

// These constants are the sizes of the part; Config has the others.
const (
	sharedClasses  = 8    // K
	sharedProblems = 3    // sets of distributions
	sharedStarts   = 3    // descents of each search
	descentLimit   = 2000 // evaluations of a descent, several times those that end need
	sharedTop      = 2    // of the share of the leading classes
	fixedT         = 0.2  // of the set fixed: the temperature that cosines had for all losses
)

// The bounds of what shares vectors.
const (
	MinContexts = 2
	MaxContexts = 64
	MinRank     = 1
	MaxRank     = sharedClasses - 1
)

// sharedSets lists the sets of scores in the order of reports.
func sharedSets() []string { return []string{"free", "dot", "own", "fixed"} }

// A Shared is what was found of scores that contexts share.
type Shared struct {
	Contexts int         `json:"contexts"`
	Classes  int         `json:"classes"`
	Rank     int         `json:"rank"`
	Starts   int         `json:"starts"`      // descents of each search over shared vectors
	Limit    int         `json:"evaluations"` // at which a descent is stopped
	Problems int         `json:"problems"`
	Top      int         `json:"top"`
	Sets     []string    `json:"sets"`
	Best     []Ranked    `json:"best"` // of each set, the best rankings found: a bound from below on what it can reach
	Rows     []SharedRow `json:"rows"`
}

// A SharedRow is one loss.
type SharedRow struct {
	Loss        string        `json:"loss"`
	Temperature report.Number `json:"temperature"` // of the set own, mean over the problems; null without one
	Sets        []Ranked      `json:"sets"`        // in the order of sharedSets; NaN where the loss does not take the scores
	Stopped     []int         `json:"stopped"`     // of each set, the descents that were stopped at Limit before they ended
	Descents    int           `json:"descents"`    // of all sets, from which the rankings are those of the least ends
}

// Ranked says how good rankings are, mean over contexts and problems: 1 is ranking by the
// true probabilities.
type Ranked struct {
	NDCG report.Number `json:"ndcg"` // Σ_r t_π(r)/log₂(1+r) over that of the order of t
	Top  report.Number `json:"top"`  // the probability of the leading classes over that of the likeliest
}

var notRanked = Ranked{report.Number(math.NaN()), report.Number(math.NaN())}

// problem is the distributions [contexts][K] of several contexts, which have structure of a
// rank above d and more of their own.
func problem(seed uint64, contexts, rank int) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0x736861726564)) // "shared"
	latent := rank + 2
	classes := make([][]float64, sharedClasses)
	for j := range classes {
		classes[j] = make([]float64, latent)
		for l := range classes[j] {
			classes[j][l] = rng.NormFloat64()
		}
	}
	all := make([][]float64, contexts)
	for u := range all {
		h := make([]float64, latent)
		for l := range h {
			h[l] = rng.NormFloat64()
		}
		t, sum := make([]float64, sharedClasses), 0.0
		for j := range t {
			s := 0.3 * rng.NormFloat64()
			for l, x := range h {
				s += x * classes[j][l] / math.Sqrt(float64(latent))
			}
			t[j] = math.Exp(s)
			sum += t[j]
		}
		for j := range t {
			t[j] /= sum
		}
		all[u] = t
	}
	return all
}

// ranked measures the rankings by scores z [contexts][K] against t. Of scores that tie
// every order is as likely.
func ranked(t, z [][]float64) Ranked {
	var sum [2]float64
	for u := range t {
		got, best := gains(t[u], z[u], tieScores), gains(t[u], t[u], 0)
		for m := range sum {
			sum[m] += got[m] / best[m] / float64(len(t))
		}
	}
	return Ranked{report.Number(sum[0]), report.Number(sum[1])}
}

// gains returns the discounted gain of the order of z, and the probability of its first
// sharedTop; scores as close as tol tie.
func gains(t, z []float64, tol float64) (g [2]float64) {
	order := make([]int, len(z))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(z[b], z[a]) })
	for lo := 0; lo < len(order); {
		hi, mean := lo, 0.0
		for ; hi < len(order) && z[order[lo]]-z[order[hi]] <= tol; hi++ {
			mean += t[order[hi]]
		}
		mean /= float64(hi - lo)
		for r := lo; r < hi; r++ {
			g[0] += mean / math.Log2(float64(r)+2)
			if r < sharedTop {
				g[1] += mean
			}
		}
		lo = hi
	}
	return g
}

// A sharedRisk is the mean risk of contexts over h [contexts,d] and w [K,d], end to end.
type sharedRisk struct {
	risk    func(dz, z []float64) float64 // sum over contexts of scores [n·K]; dz may be nil
	n, k, d int
	cosine  bool
	scale   float64   // 1/T
	z, dz   []float64 // [n·K]
	unit    []float64 // h and w with norm 1
	norm    []float64 // what they were divided by
	du      []float64 // the gradient by unit
}

func newSharedRisk(risk func(dz, z []float64) float64, n, k, d int, cosine bool, scale float64) *sharedRisk {
	return &sharedRisk{
		risk: risk, n: n, k: k, d: d, cosine: cosine, scale: scale, z: make([]float64, n*k), dz: make([]float64, n*k),
		unit: make([]float64, (n+k)*d), norm: make([]float64, n+k), du: make([]float64, (n+k)*d),
	}
}

// Len implements conditionalrisk.Objective.
func (s *sharedRisk) Len() int { return (s.n + s.k) * s.d }

// leastNorm is the norm that shorter vectors count as.
const leastNorm = 1e-12

// read makes unit of x.
func (s *sharedRisk) read(x []float64) {
	copy(s.unit, x)
	if !s.cosine {
		return
	}
	for i := range s.norm {
		v := s.unit[i*s.d:][:s.d]
		sum := 0.0
		for _, y := range v {
			sum += y * y
		}
		s.norm[i] = max(math.Sqrt(sum), leastNorm)
		for l := range v {
			v[l] /= s.norm[i]
		}
	}
}

// scores stores those of context u in z [K], after read.
func (s *sharedRisk) scores(z []float64, u int) {
	h := s.unit[u*s.d:][:s.d]
	for j := range z {
		w := s.unit[(s.n+j)*s.d:][:s.d]
		sum := 0.0
		for l := range h {
			sum += h[l] * w[l]
		}
		if s.cosine { // rounding can leave the domain of a loss of cosines
			sum = min(max(sum, -1), 1)
		}
		z[j] = s.scale * sum
	}
}

// Value implements conditionalrisk.Objective.
func (s *sharedRisk) Value(g, x []float64) float64 {
	s.read(x)
	share := 1 / float64(s.n)
	for u := range s.n {
		s.scores(s.z[u*s.k:][:s.k], u)
	}
	if g == nil {
		return share * s.risk(nil, s.z)
	}
	total := share * s.risk(s.dz, s.z)
	clear(s.du)
	for u := range s.n {
		h, dh := s.unit[u*s.d:][:s.d], s.du[u*s.d:][:s.d]
		for j, dz := range s.dz[u*s.k:][:s.k] {
			w, dw := s.unit[(s.n+j)*s.d:][:s.d], s.du[(s.n+j)*s.d:][:s.d]
			a := share * s.scale * dz
			for l := range h {
				dh[l] += a * w[l]
				dw[l] += a * h[l]
			}
		}
	}
	copy(g, s.du)
	if s.cosine { // ∂/∂x of x/‖x‖
		for i, norm := range s.norm {
			v, d, out := s.unit[i*s.d:][:s.d], s.du[i*s.d:][:s.d], g[i*s.d:][:s.d]
			along := 0.0
			for l := range v {
				along += v[l] * d[l]
			}
			for l := range v {
				out[l] = (d[l] - along*v[l]) / norm
			}
		}
	}
	return total
}

// least descends from several starts and returns the scores [n][K] of the lowest end, and
// how many descents were stopped at descentLimit; an error is ctx's.
func (s *sharedRisk) least(ctx context.Context, seed uint64) (z [][]float64, stopped int, err error) {
	rng := rand.New(rand.NewPCG(seed, 0x6465736365)) // "desce"
	var best []float64
	least := math.Inf(1)
	for range sharedStarts {
		x := make([]float64, s.Len())
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		if !conditionalrisk.Descend(s, x, math.Inf(-1), math.Inf(1), descentLimit) {
			stopped++
		}
		if v := s.Value(nil, x); v < least || best == nil {
			least, best = v, x
		}
	}
	s.read(best)
	z = make([][]float64, s.n)
	for u := range z {
		z[u] = make([]float64, s.k)
		s.scores(z[u], u)
	}
	return z, stopped, nil
}

// RunShared measures every loss of c.Losses, as many at a time as there are processors,
// which decide no number. If ctx ends its error is returned.
func RunShared(ctx context.Context, c Config) (*Shared, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.WithDefaults()
	out := &Shared{Contexts: c.Contexts, Classes: sharedClasses, Rank: c.Rank, Starts: sharedStarts, Limit: descentLimit, Problems: sharedProblems, Top: sharedTop, Sets: sharedSets()}
	if len(c.Losses) == 0 {
		return out, nil
	}
	// found[i][p] is what loss i finds; the last i is what ranks by the metric.
	found := make([][sharedProblems]sharedFound, len(c.Losses)+1)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for p := range sharedProblems {
		seed := c.Seed + uint64(p)
		t := problem(seed, c.Contexts, c.Rank)
		for i := range found {
			g.Go(func() (err error) {
				if i == len(c.Losses) {
					found[i][p].sets, err = reachable(ctx, t, c.Rank, seed)
					return err
				}
				b, err := models.ParseLoss(c.Losses[i])
				if err == nil {
					found[i][p], err = sharedRankings(ctx, b, t, c.Rank, seed, p == 0)
				}
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, set := range out.Sets {
		best := Ranked{}
		for p := range sharedProblems {
			most := Ranked{}
			for i := range found {
				for s, r := range found[i][p].sets {
					// Cosines rank alike at every temperature.
					same := out.Sets[s] == set || set != "free" && set != "dot" && s >= 2
					if same && r.NDCG.Finite() {
						most.NDCG, most.Top = max(most.NDCG, r.NDCG), max(most.Top, r.Top)
					}
				}
			}
			best.NDCG += most.NDCG / sharedProblems
			best.Top += most.Top / sharedProblems
		}
		out.Best = append(out.Best, best)
	}
	for i, text := range c.Losses {
		row := SharedRow{Loss: text, Sets: make([]Ranked, len(out.Sets)), Stopped: make([]int, len(out.Sets))}
		for p := range sharedProblems {
			f := found[i][p]
			row.Temperature += report.Number(f.temperature / sharedProblems)
			row.Descents += f.descents
			for s, r := range f.sets {
				row.Stopped[s] += f.stopped[s]
				if out.Sets[s] == "free" { // of the first problem
					r = found[i][0].sets[s]
				}
				row.Sets[s].NDCG += r.NDCG / sharedProblems
				row.Sets[s].Top += r.Top / sharedProblems
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

// sharedFound is what a loss finds of one problem.
type sharedFound struct {
	sets        []Ranked
	stopped     []int // descents of each set
	descents    int   // of all
	temperature float64
}

// sharedRankings minimises the risk of b under t over every set, over free scores only if
// asked to, and returns what the rankings are worth.
func sharedRankings(ctx context.Context, b losses.Loss, t [][]float64, rank int, seed uint64, free bool) (found sharedFound, err error) {
	spread := 0.0
	for u := range t {
		entropy := 0.0
		for _, x := range t[u] {
			entropy -= x * math.Log(x)
		}
		spread += math.Exp(entropy) / float64(len(t)) // as many classes as are likely
	}
	risk := conditionalrisk.NewRisks(b, t).Value
	cosines := b.Spec.Domain == losses.Cosines
	own := math.NaN()
	if cosines {
		own = 1
	} else if tau, ok := b.NaturalTemperature(spread, sharedClasses); ok {
		own = tau
	}
	found.temperature = own
	over := func(cosine bool, scale float64) (z [][]float64, stopped int, err error) {
		found.descents += sharedStarts
		return newSharedRisk(risk, len(t), sharedClasses, rank, cosine, scale).least(ctx, seed)
	}
	for _, set := range sharedSets() {
		var z [][]float64
		stopped := 0
		switch {
		case set == "free" && free:
			tested := exact(b)
			for u := range t {
				minima, err := minimise(ctx, tested, Distribution{T: t[u]}, seed+uint64(u))
				if err != nil {
					return found, err
				}
				if minima == nil {
					z = nil
					break
				}
				z = append(z, minima[0].Z)
			}
		case set == "dot" && !cosines:
			z, stopped, err = over(false, 1)
		case set == "own" && !math.IsNaN(own):
			z, stopped, err = over(true, 1/own)
		case set == "fixed" && !cosines:
			z, stopped, err = over(true, 1/fixedT)
		}
		if err != nil {
			return found, err
		}
		r := notRanked
		if z != nil {
			r = ranked(t, z)
		}
		found.sets, found.stopped = append(found.sets, r), append(found.stopped, stopped)
	}
	return found, nil
}

// reachable looks for the best rankings of every set: it descends from the negative of a
// smooth form of the gain, in which the rank of a class is 1 plus the sum of sigmoids of
// how far the others are above it, at several widths of the sigmoid.
//
// Source of that form: Qin, Liu & Li 2010, Information Retrieval 13(4), eq. 9.
func reachable(ctx context.Context, t [][]float64, rank int, seed uint64) (all []Ranked, err error) {
	bayes := make([]float64, len(t))
	for u := range t {
		bayes[u] = gains(t[u], t[u], 0)[0]
	}
	for _, set := range sharedSets() {
		best := Ranked{1, 1}
		if set == "fixed" {
			best = all[len(all)-1] // cosines rank alike at every temperature
		} else if set != "free" {
			best = Ranked{}
			for _, width := range []float64{0.3, 0.1, 0.03} {
				s := newSharedRisk(func(dz, z []float64) (sum float64) {
					for u := range t {
						var d []float64
						if dz != nil {
							d = dz[u*sharedClasses:][:sharedClasses]
						}
						sum -= smoothGain(d, t[u], z[u*sharedClasses:][:sharedClasses], width) / bayes[u]
						for j := range d {
							d[j] /= -bayes[u]
						}
					}
					return sum
				}, len(t), sharedClasses, rank, set == "own", 1)
				z, _, err := s.least(ctx, seed)
				if err != nil {
					return nil, err
				}
				r := ranked(t, z)
				best.NDCG, best.Top = max(best.NDCG, r.NDCG), max(best.Top, r.Top)
			}
		}
		all = append(all, best)
	}
	return all, nil
}

// smoothGain returns Σ_j t_j/log₂(1+r_j) with r_j = 1 + Σ_{i≠j} σ((z_i − z_j)/width), and
// stores its gradient in dz, which may be nil.
func smoothGain(dz, t, z []float64, width float64) float64 {
	clear(dz)
	sum := 0.0
	for j, tj := range t {
		r := 1.0
		for i := range z {
			if i != j {
				r += 1 / (1 + math.Exp((z[j]-z[i])/width))
			}
		}
		l := math.Log2(1 + r)
		sum += tj / l
		if dz == nil {
			continue
		}
		slope := -tj / (l * l * (1 + r) * math.Ln2)
		for i := range z {
			if i == j {
				continue
			}
			p := 1 / (1 + math.Exp((z[j]-z[i])/width))
			d := slope * p * (1 - p) / width
			dz[i] += d
			dz[j] -= d
		}
	}
	return sum
}
