package consistency

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/fenchel-ml/fenchel/cli/internal/study/conditionalrisk"
	"github.com/fenchel-ml/fenchel/cli/internal/study/settings"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// Config says what to measure.
type Config struct {
	Losses []string // spec texts of losses over all classes

	// Recipes are texts of losses over sampled candidates. Where both lists are
	// empty every registered loss and recipe is measured, at its default.
	Recipes []string

	Classes int // K of dirichlet and zipf distributions; 0: 5
	Draws   int // distributions of each family; 0: 10
	Seed    uint64

	// Contexts and Rank are the contexts that share vectors, and their dimensions; 0: 12
	// and 2. See RunShared.
	Contexts, Rank int
}

// WithDefaults returns c with the defaults written out.
func (c Config) WithDefaults() Config {
	if len(c.Losses)+len(c.Recipes) == 0 {
		c.Losses, c.Recipes = losses.Names(), Sampled()
	}
	c.Classes = cmp.Or(c.Classes, 5)
	c.Draws = cmp.Or(c.Draws, 10)
	c.Contexts = cmp.Or(c.Contexts, 12)
	c.Rank = cmp.Or(c.Rank, 2)
	return c
}

// Sampled returns the names of the recipes over a sampler. Hierarchical ones
// are not among them: their scores are not those of classes, and their leaf
// probabilities can be any distribution.
func Sampled() []string {
	var names []string
	for _, c := range models.Recipes() {
		name, _ := registry.CutSpec(c.Candidates)
		if head, err := models.LookupHead(name); err == nil && head.Sampling != nil {
			names = append(names, c.Name)
		}
	}
	return names
}

// The bounds of the sizes. MaxClasses is where K different probabilities still can be
// minGap apart; more draws than MaxDraws show nothing more and take days.
const (
	MinClasses = 3
	MaxClasses = 12
	MaxDraws   = 10000
)

// Validate reports all faults.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var faults settings.Faults
	faults.Texts(c.Losses, func(text string) error { _, err := models.ParseLoss(text); return err })
	faults.Texts(c.Recipes, func(text string) error { _, err := testedLosses(text); return err })
	faults.Within("classes", MinClasses, MaxClasses, c.Classes)
	faults.Within("draws", 1, MaxDraws, c.Draws)
	faults.Within("contexts", MinContexts, MaxContexts, c.Contexts)
	faults.Within("rank", MinRank, MaxRank, c.Rank)
	return faults.Err()
}

// An Outcome relates what was observed to what is declared.
type Outcome string

// The outcomes.
const (
	Agrees    Outcome = "agrees"    // observed as declared
	Disagrees Outcome = "disagrees" // a draw breaks the declaration
	NotShown  Outcome = "not shown" // more is declared to fail than these draws show
)

// A Claim is one declaration held against the draws.
type Claim struct {
	What     string  `json:"what"`
	Declared string  `json:"declared"`
	Observed string  `json:"observed"`
	Outcome  Outcome `json:"outcome"`
	Example  string  `json:"example,omitempty"` // the first draw that decides
}

// OrderOfScores is the claim that every result has first.
const OrderOfScores = "order of the scores"

// A Tally counts, over decided draws, how often every minimiser found is in
// order. Ties count as wrong.
type Tally struct {
	Draws int `json:"draws"`
	Top1  int `json:"top_1"` // the leading class is the likeliest
	TopH  int `json:"top_h"` // the leading ⌈K/2⌉ classes are the likeliest
	Full  int `json:"full"`  // the whole order
}

func (t *Tally) add(u Tally) {
	t.Draws += u.Draws
	t.Top1 += u.Top1
	t.TopH += u.TopH
	t.Full += u.Full
}

// A Result is what was found of one loss.
type Result struct {
	Loss      string  `json:"loss"`
	Recipe    bool    `json:"recipe"`
	Undecided int     `json:"undecided"` // draws whose search did not reach a stationary point
	Far       int     `json:"far"`       // decided draws whose risk falls towards infinity: the order is that within ±50
	Scores    Tally   `json:"by_scores"`
	Map       *Tally  `json:"by_map,omitempty"` // nil where the loss has no map
	Families  []Tally `json:"families"`         // by scores, in the order of families
	Claims    []Claim `json:"claims"`
}

// Run measures every loss, as many at a time as there are processors. Results
// are in the order of c.Losses and then of c.Recipes, each of which has two,
// and do not depend on how many run at a time. If ctx ends, those that are done are
// returned with its error.
func Run(ctx context.Context, c Config) ([]Result, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.WithDefaults()
	dists := drawDistributions(c.Seed, c.Classes, c.Draws)
	var all []testedLoss
	for _, text := range c.Losses {
		b, err := models.ParseLoss(text)
		if err != nil {
			return nil, err
		}
		all = append(all, exact(b))
	}
	for _, text := range c.Recipes {
		pair, err := testedLosses(text)
		if err != nil {
			return nil, err
		}
		all = append(all, pair...)
	}
	results := make([]Result, len(all))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, s := range all {
		g.Go(func() (err error) {
			results[i], err = measure(ctx, s, c.Seed, dists)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return slices.DeleteFunc(results, func(r Result) bool { return r.Loss == "" }), err
	}
	return results, nil
}

// stationary is the slope above which an end of a descent is no stationary
// point, relative to the steepest the risk can be curved.
const stationary = 1e-6

func measure(ctx context.Context, s testedLoss, seed uint64, dists []Distribution) (Result, error) {
	res := Result{Loss: s.name, Recipe: s.recipe, Families: make([]Tally, len(families()))}
	if s.predict != nil {
		res.Map = &Tally{}
	}
	o := observed{worstScores: losses.OrderStrict, worstMap: losses.OrderStrict}
	for n, dist := range dists {
		minima, err := minimise(ctx, s, dist, seed+uint64(n))
		if err != nil {
			return Result{}, err
		}
		if minima == nil {
			res.Undecided++
			continue
		}
		if minima[0].Far {
			res.Far++
		}
		worst := grade{order: losses.OrderStrict, top1: true, topH: true}
		worstMap := worst
		for _, m := range minima {
			worst.meet(gradeOf(dist.T, m.Z, tieScores))
			if res.Map != nil {
				p := make([]float64, len(m.Z))
				s.predict(p, m.Z)
				worstMap.meet(gradeOf(dist.T, p, tieMap))
				o.miscalibration(dist, m.Z, p)
			}
		}
		u := worst.tally()
		res.Scores.add(u)
		res.Families[slices.Index(families(), dist.Family)].add(u)
		if res.Map != nil {
			res.Map.add(worstMap.tally())
		}
		o.see(dist, minima[0].Z, worst, worstMap)
	}
	res.Claims = s.claims(res, o)
	return res, nil
}

// minimise returns the minimisers found, or nil if no search ended at one.
func minimise(ctx context.Context, s testedLoss, dist Distribution, seed uint64) ([]conditionalrisk.Minimum, error) {
	r := s.risk(dist)
	lo, hi := s.domain.Bounds()
	rng := rand.New(rand.NewPCG(seed, 0x737461727473)) // "starts"
	// A search that starts in the reverse of the true order shows a flat set of
	// minimisers, which one that starts in order would not leave.
	reversed := make([]float64, len(dist.T))
	for i, t := range dist.T {
		reversed[i] = -t
	}
	n := 6
	smooth := !math.IsInf(s.beta(r.Len()), 1)
	if smooth && s.convex {
		n = 3 // minimisers of a smooth convex risk differ by a shift at most
	}
	ends, err := conditionalrisk.Minima(ctx, r, conditionalrisk.Settings{
		Lo: lo, Hi: hi, Smooth: smooth, Convex: s.convex, Starts: conditionalrisk.Starts(rng, lo, hi, r.Len(), n, reversed),
	})
	if err != nil {
		return nil, err
	}
	if smooth {
		limit := stationary * max(1, s.beta(r.Len()))
		ends = slices.DeleteFunc(ends, func(m conditionalrisk.Minimum) bool { return !(m.Slope <= limit) && math.IsInf(hi, 1) && !m.Far })
		if len(ends) == 0 {
			return nil, nil
		}
	}
	return ends, nil
}

// Scores and probabilities as close as these tie: half the digits of a float64
// are lost at a minimum found by values.
const (
	tieScores = 1e-5
	tieMap    = 1e-6
)

// A grade says how one minimiser, or the worst of several, is ordered.
type grade struct {
	order      losses.Order
	top1, topH bool
}

func (g *grade) meet(o grade) {
	g.order = min(g.order, o.order)
	g.top1 = g.top1 && o.top1
	g.topH = g.topH && o.topH
}

func (g grade) tally() Tally {
	one := func(ok bool) int {
		if ok {
			return 1
		}
		return 0
	}
	return Tally{Draws: 1, Top1: one(g.top1), TopH: one(g.topH), Full: one(g.order == losses.OrderStrict)}
}

// gradeOf grades the order of s against that of t; values within tol tie.
func gradeOf(t, s []float64, tol float64) grade {
	order := make([]int, len(t)) // likeliest first
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(t[b], t[a]) })
	g := grade{order: losses.OrderStrict, top1: true, topH: true}
	half := (len(t) + 1) / 2
	for a, i := range order {
		for c := a + 1; c < len(order); c++ {
			j := order[c] // t_i > t_j
			if s[i] > s[j]+tol {
				continue
			}
			if s[i] < s[j]-tol {
				g.order = losses.OrderNone
			} else {
				g.order = min(g.order, losses.OrderWeak)
			}
			g.top1 = g.top1 && a > 0
			g.topH = g.topH && !(a < half && c >= half)
		}
	}
	return g
}

// observed gathers what decides the claims.
type observed struct {
	worstScores, worstMap      losses.Order
	orderAt, mapAt, topAt, pAt string
	misled                     int
	worstP                     float64 // largest |p − t|
}

// calibrated is the largest |p − t| of a map that counts as calibrated.
const calibrated = 1e-4

func (o *observed) miscalibration(dist Distribution, z, p []float64) {
	for i, t := range dist.T {
		d := math.Abs(p[i] - t)
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		if d > o.worstP {
			o.worstP = d
		}
		if d > calibrated && o.pAt == "" {
			o.pAt = fmt.Sprintf("t = %s: z* = %s, p = %s", vector(dist.T), vector(z), vector(p))
		}
	}
}

func (o *observed) see(dist Distribution, z []float64, scores, mapped grade) {
	at := fmt.Sprintf("t = %s: z* = %s", vector(dist.T), vector(z))
	if scores.order < o.worstScores {
		o.worstScores, o.orderAt = scores.order, at
	}
	if mapped.order < o.worstMap {
		o.worstMap, o.mapAt = mapped.order, at
	}
	if !scores.top1 {
		o.misled++
		if o.topAt == "" {
			o.topAt = at
		}
	}
}

// vector prints numbers to three digits.
func vector(v []float64) string {
	var s strings.Builder
	s.WriteString("(")
	for i, x := range v {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(fmt.Sprintf("%.3g", x))
	}
	return s.String() + ")"
}

// exactClaims holds the theory of a loss against the draws.
func exactClaims(th losses.Theory, res Result, o observed) []Claim {
	if res.Scores.Draws == 0 {
		return nil
	}
	cs := []Claim{
		orderClaim(OrderOfScores, th.PopulationOrder, o.worstScores, o.orderAt),
		yesClaim("0-1 calibrated by scores", th.ZeroOne || th.PopulationOrder == losses.OrderStrict, o.misled == 0, o.topAt,
			fmt.Sprintf("wrong on %d of %d", o.misled, res.Scores.Draws)),
	}
	if res.Map == nil {
		return cs
	}
	cs = append(cs, yesClaim("p(z*) = t", th.Calibrated, o.worstP <= calibrated, o.pAt, fmt.Sprintf("off by %.2g", o.worstP)))
	// What the declarations imply of the map's order at a minimiser. Scores that
	// tie imply nothing: a map may jump there.
	switch {
	case th.Calibrated:
		cs = append(cs, orderClaim("order of the map", losses.OrderStrict, o.worstMap, o.mapAt))
	case th.PopulationOrder == losses.OrderStrict && th.MapOrder >= losses.OrderWeak:
		cs = append(cs, orderClaim("order of the map", th.MapOrder, o.worstMap, o.mapAt))
	}
	return cs
}

func orderClaim(what string, declared, seen losses.Order, at string) Claim {
	c := Claim{What: what, Declared: declared.String(), Observed: seen.String(), Outcome: Agrees}
	switch {
	case seen < declared:
		c.Outcome, c.Example = Disagrees, at
	case seen > declared:
		c.Outcome = NotShown
	case seen < losses.OrderStrict:
		c.Example = at
	}
	return c
}

func yesClaim(what string, declared, seen bool, at, extent string) Claim {
	c := Claim{What: what, Declared: yesNo(declared), Observed: yesNo(seen), Outcome: Agrees}
	if !seen {
		c.Observed, c.Example = extent, at
	}
	switch {
	case declared && !seen:
		c.Outcome = Disagrees
	case !declared && seen:
		c.Outcome = NotShown
	}
	return c
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
