package data

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// Demo is a generated set whose truth is known: popularity is Zipfian, taste is
// of low rank, and every user's items are drawn without replacement from
//
//	P(i | u) = exp(s_ui) / Σ_j exp(s_uj),  s_ui = ⟨u, v_i⟩ + b_i
//
// with b_i = −log(r_i + 10) at popularity rank r_i (Zipf–Mandelbrot with exponent
// 1; the ranks are dealt to the items at random), u ~ N(0, I) in Rank dimensions,
// and v_i = c_g + ε_i: a centre c_g ~ N(0, 2²/Rank · I) of the item's
// cluster, one of 64, plus ε_i in a ball of radius ½. A user has between half and one
// and a half times PerUser items, each number alike. The clusters make the exact
// draw cheap at any number of items; see [Demo.Generate].
//
// The zero value of a field is its default.
type Demo struct {
	Users   int    // default 3000
	Items   int    // default 2000
	Rank    int    // default 6, at most 64, the number of clusters
	PerUser int    // mean number of items of a user; default 60
	Seed    uint64 // default 1

	// Order has the order in which a user's items were drawn be that of time, so that the
	// set has histories. It says nothing of what comes next beyond what was before.
	Order bool

	// Features has users be points, known by features out of so many: Has of them in the
	// mean, drawn as items are, by vectors of their own and those of the users. 0 is none.
	Features, Has int // Has: default 20
}

const (
	demoClusters = 64
	demoShift    = 10  // Mandelbrot's shift: keeps the first items from swamping the rest
	demoSpread   = 2   // standard deviation of ⟨u, c_g⟩ over clusters
	demoRadius   = 0.5 // bound of ‖ε_i‖: small enough that most proposals are accepted
)

func demoDefaults() Demo { return Demo{Users: 3000, Items: 2000, Rank: 6, PerUser: 60, Seed: 1} }

// isDemo reports whether source asks for the generated set.
func isDemo(source string) bool {
	return source == "" || source == "demo" || strings.HasPrefix(source, "demo:")
}

// namedSize is one size of a Demo under its name.
type namedSize struct {
	name string
	p    *int
}

func (d *Demo) sizes() []namedSize {
	return []namedSize{{"users", &d.Users}, {"items", &d.Items}, {"rank", &d.Rank}, {"per-user", &d.PerUser}}
}

// withDefaults returns d with its defaults in place.
func (d Demo) withDefaults() Demo {
	def := demoDefaults()
	from := def.sizes()
	for k, to := range d.sizes() {
		if *to.p == 0 {
			*to.p = *from[k].p
		}
	}
	if d.Seed == 0 {
		d.Seed = def.Seed
	}
	if d.Features != 0 && d.Has == 0 {
		d.Has = demoHas
	}
	return d
}

// ParseDemo reads "demo" or "demo:users=500,items=2000,rank=4,per-user=20,seed=3";
// what is left out takes its default.
func ParseDemo(text string) (Demo, error) {
	d := demoDefaults()
	if text == "" {
		return d, nil
	}
	registry.Reading(text)
	name, rest, _ := strings.Cut(text, ":")
	if name != "demo" {
		return Demo{}, fmt.Errorf("data: %q is not a demo text", text)
	}
	a, err := parseArgs(rest)
	if err == nil {
		for _, k := range d.sizes() {
			def := uint64(*k.p)
			x, e := a.Uint(k.name, def)
			if e == nil && (x == 0 || x > math.MaxInt32) {
				e = fmt.Errorf("%s=%d is outside [1, %d]", k.name, x, math.MaxInt32)
			}
			err = errors.Join(err, e)
			*k.p = int(x)
		}
		seed, e := a.Uint("seed", d.Seed)
		if e == nil && seed == 0 {
			e = errors.New("seed=0: seeds count from 1")
		}
		d.Seed = seed
		order, given := a.Take("order")
		if d.Order = order == "true"; given && !d.Order && order != "false" {
			e = errors.Join(e, fmt.Errorf("order=%s is neither true nor false", order))
		}
		err = errors.Join(err, e, d.takeFeatures(a), a.unused())
	}
	if err == nil {
		err = d.Validate()
	}
	if err != nil {
		return Demo{}, fmt.Errorf("data: %q: %w; usage: demo[:users=N,items=N,rank=N,per-user=N,seed=N,order=true|features=N,has=N]", text, err)
	}
	return d, nil
}

// String returns the canonical text: the settings that differ from the default.
func (d Demo) String() string {
	d = d.withDefaults()
	def := demoDefaults()
	var parts []string
	from := def.sizes()
	for k, to := range d.sizes() {
		if *to.p != *from[k].p {
			parts = append(parts, to.name+"="+strconv.Itoa(*to.p))
		}
	}
	if d.Seed != def.Seed {
		parts = append(parts, "seed="+strconv.FormatUint(d.Seed, 10))
	}
	if d.Order {
		parts = append(parts, "order=true")
	}
	if d.Features > 0 {
		parts = append(parts, "features="+strconv.Itoa(d.Features))
		if d.Has != demoHas {
			parts = append(parts, "has="+strconv.Itoa(d.Has))
		}
	}
	if len(parts) == 0 {
		return "demo"
	}
	return "demo:" + strings.Join(parts, ",")
}

// Validate reports all faults of the sizes.
func (d Demo) Validate() error {
	d = d.withDefaults()
	var faults []error
	for _, k := range d.sizes() {
		if *k.p < 1 || *k.p > math.MaxInt32 {
			faults = append(faults, fmt.Errorf("data: demo: %s=%d is outside [1, %d]", k.name, *k.p, math.MaxInt32))
		}
	}
	if d.Rank > demoClusters {
		// Rejection slows as e^√Rank, and 64 centres span no more than 64 dimensions.
		faults = append(faults, fmt.Errorf("data: demo: rank=%d is outside [1, %d]", d.Rank, demoClusters))
	}
	if len(faults) == 0 {
		if most := d.PerUser + d.PerUser/2; most > d.Items {
			faults = append(faults, fmt.Errorf("data: demo: per-user=%d asks for up to %d different items of %d", d.PerUser, most, d.Items))
		}
		if n := float64(d.Users) * float64(d.PerUser) * 1.5; n > math.MaxInt32 {
			faults = append(faults, fmt.Errorf("data: demo: up to %.3g interactions, want at most %d", n, math.MaxInt32))
		}
		if n := (float64(d.Users) + float64(d.Items)) * float64(d.Rank); n > math.MaxInt32 {
			faults = append(faults, fmt.Errorf("data: demo: %.3g factors of users and items, want at most %d", n, math.MaxInt32))
		}
	}
	if len(faults) == 0 {
		faults = append(faults, d.validateFeatures())
	}
	return errors.Join(faults...)
}

// Truth is the distribution that a generated set was drawn from: user u chooses
// among the items by softmax over Scores.
//
// Of a user's items some are known and the others, a random part, are asked for.
// Exchanging one of the others for an item of higher score makes the set a
// likelier draw, so an item's chance to be asked for rises with its score:
// ranking by Scores, known items left out, attains the best expected value of
// every metric that rewards hits, earlier ones more.
type Truth struct {
	Rank int       // numbers of a row of User and of Item
	User []float32 // [users, Rank]
	Item []float32 // [items, Rank]
	Bias []float32 // [items]
}

// Scores stores s_ui = ⟨u, v_i⟩ + b_i of all items i in dst, [items].
func (t *Truth) Scores(dst []float32, u int) {
	if len(dst) != len(t.Bias) {
		panic(fmt.Sprintf("data: %d scores for %d items", len(dst), len(t.Bias)))
	}
	for i := range dst {
		dst[i] = float32(t.score(u, i))
	}
}

func (t *Truth) score(u, i int) float64 {
	return dot(t.User[u*t.Rank:(u+1)*t.Rank], t.Item[i*t.Rank:(i+1)*t.Rank]) + float64(t.Bias[i])
}

func dot(a, b []float32) float64 {
	s := 0.0
	for k := range a {
		s += float64(a[k]) * float64(b[k])
	}
	return s
}

// Generate draws the set, unsplit, with its Truth.
//
// A draw costs O(log Items): P(i|u) factors into exp(⟨u,c_g⟩)·exp(b_i), drawn
// exactly by cluster, then by popularity within it, times exp(⟨u,ε_i⟩), which is
// bounded by exp(‖u‖·max‖ε‖) and so is drawn by rejection. Preparing a user costs
// O(64·Rank), the set O(Items·Rank).
func (d Demo) Generate() (*Dataset, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	d = d.withDefaults()
	g := newGenerator(d)
	ptr := make([]int, 1, d.Users+1)
	item := make([]int32, 0, d.pairs())
	var order *Histories
	var time []int64
	if d.Order {
		order = &Histories{items: d.Items, item: make([]int32, 0, cap(item)), mark: make([]uint8, cap(item))}
		time = make([]int64, cap(item))
	}
	for u := range d.Users {
		start := len(item)
		item = g.draw(item, u)
		if d.Order {
			order.item = append(order.item, item[start:]...)
		}
		slices.Sort(item[start:])
		for k := start; d.Order && k < len(item); k++ {
			at, _ := slices.BinarySearch(item[start:], order.item[k])
			time[start+at] = int64(1 + k - start)
		}
		ptr = append(ptr, len(item))
	}
	if d.Order {
		order.ptr = ptr
	}
	x, err := FromCSR(d.Users, d.Items, ptr, item, nil, time)
	if err != nil {
		return nil, err
	}
	none, err := Empty(d.Users, d.Items)
	if err != nil {
		return nil, err
	}
	set := &Dataset{
		Name: d.String(), Format: "demo", Users: d.Users, Items: d.Items,
		Train: x, Valid: none, Test: none, Truth: g.truth, Histories: order, Places: d.Order,
	}
	if d.Features > 0 {
		set.Points, set.UserFields = make([]uint8, d.Users), []Field{d.drawFeatures(g.truth.User)}
	}
	return set, nil
}

// generator holds what the draws of all users share.
type generator struct {
	d      Demo
	truth  *Truth
	centre []float32 // [clusters, Rank]
	// Items by cluster: cluster c owns sorted[first[c]:first[c+1]].
	sorted []int32
	first  [demoClusters + 1]int
	cum    []float64 // [items+1] running sum of exp(b) along sorted
	radius float64   // max ‖ε_i‖

	// Scratch of one user.
	weight [demoClusters + 1]float64 // running sum of cluster weights
	taken  []bool                    // [items]
}

func newGenerator(d Demo) *generator {
	g := &generator{d: d, taken: make([]bool, d.Items), cum: make([]float64, d.Items+1)}
	r := d.Rank
	t := &Truth{Rank: r, User: make([]float32, d.Users*r), Item: make([]float32, d.Items*r), Bias: make([]float32, d.Items)}
	g.truth = t
	// One stream a purpose: more users leave the items as they are, and back.
	users := rand.New(rand.NewPCG(d.Seed, mix(1)))
	items := rand.New(rand.NewPCG(d.Seed, mix(2)))
	centres := rand.New(rand.NewPCG(d.Seed, mix(3)))
	for k := range t.User {
		t.User[k] = float32(users.NormFloat64())
	}
	g.centre = make([]float32, demoClusters*r)
	for k := range g.centre {
		g.centre[k] = float32(centres.NormFloat64() * demoSpread / math.Sqrt(float64(r)))
	}
	cluster := make([]uint8, d.Items)
	for i := range d.Items {
		// A direction times a length: uniform in the ball, ρ·U^{1/r} (Muller 1959).
		cluster[i] = uint8(items.IntN(demoClusters))
		v, c := t.Item[i*r:(i+1)*r], g.centre[int(cluster[i])*r:]
		norm := 0.0
		for k := range v {
			x := items.NormFloat64()
			v[k] = float32(x)
			norm += x * x
		}
		scale := demoRadius * math.Pow(items.Float64(), 1/float64(r)) / math.Sqrt(norm)
		far := 0.0
		for k := range v {
			v[k] = c[k] + v[k]*float32(scale)
			// The bound must hold for the numbers as stored, rounding included.
			far += sq(float64(v[k]) - float64(c[k]))
		}
		g.radius = max(g.radius, math.Sqrt(far))
	}
	for i, rank := range items.Perm(d.Items) {
		t.Bias[i] = float32(-math.Log(float64(rank) + 1 + demoShift))
	}
	for _, c := range cluster {
		g.first[c+1]++
	}
	for c := range demoClusters {
		g.first[c+1] += g.first[c]
	}
	g.sorted = make([]int32, d.Items)
	next := g.first
	for i, c := range cluster {
		g.sorted[next[c]] = int32(i)
		next[c]++
	}
	for p, i := range g.sorted {
		g.cum[p+1] = g.cum[p] + math.Exp(float64(t.Bias[i]))
	}
	return g
}

func sq(x float64) float64 { return x * x }

// draw appends the items of user u to dst.
func (g *generator) draw(dst []int32, u int) []int32 {
	r := g.d.Rank
	src := g.d.user(u)
	count := g.d.count(src)
	vec := g.truth.User[u*r : (u+1)*r]
	norm := math.Sqrt(dot(vec, vec))
	// Relative to the largest exponent, so that no weight overflows.
	top := math.Inf(-1)
	for c := range demoClusters {
		g.weight[c+1] = dot(vec, g.centre[c*r:(c+1)*r])
		top = max(top, g.weight[c+1])
	}
	for c := range demoClusters {
		mass := g.cum[g.first[c+1]] - g.cum[g.first[c]]
		g.weight[c+1] = g.weight[c] + mass*math.Exp(g.weight[c+1]-top)
	}
	start := len(dst)
	for len(dst) < start+count {
		i := g.next(src, vec, norm)
		if i < 0 {
			i = g.scan(src, u)
		}
		g.taken[i] = true
		dst = append(dst, int32(i))
	}
	for _, i := range dst[start:] {
		g.taken[i] = false
	}
	return dst
}

// user returns the stream of user u.
func (d Demo) user(u int) *rand.Rand {
	return rand.New(rand.NewPCG(d.Seed, mix(uint64(u)+4))) // streams 1 to 3 are newGenerator's
}

// count draws how many items a user has: the first number of the user's stream.
func (d Demo) count(src *rand.Rand) int {
	return (d.PerUser+1)/2 + src.IntN(d.PerUser/2+d.PerUser-(d.PerUser+1)/2+1)
}

// pairs returns how many pairs Generate draws, in O(Users).
func (d Demo) pairs() (n int) {
	d = d.withDefaults()
	for u := range d.Users {
		n += d.count(d.user(u))
	}
	return n
}

// demoTries bounds the rejections of one draw. A user who owns nearly all of
// the probability already would be rejected for ever; giving up after a fixed
// number and drawing by scan leaves the distribution exact.
const demoTries = 256

// next draws an item that is not taken by rejection, -1 when it gives up.
func (g *generator) next(src *rand.Rand, vec []float32, norm float64) int {
	r := g.d.Rank
	for range demoTries {
		c := search(g.weight[:], 0, demoClusters, src.Float64()*g.weight[demoClusters])
		lo, hi := g.first[c], g.first[c+1]
		if lo == hi { // an empty cluster has weight 0; only rounding leads here
			continue
		}
		i := int(g.sorted[search(g.cum, lo, hi, g.cum[lo]+src.Float64()*(g.cum[hi]-g.cum[lo]))])
		v, centre := g.truth.Item[i*r:(i+1)*r], g.centre[c*r:(c+1)*r]
		e := 0.0
		for k := range v {
			e += float64(vec[k]) * (float64(v[k]) - float64(centre[k]))
		}
		if src.Float64() < math.Exp(e-norm*g.radius) && !g.taken[i] {
			return i
		}
	}
	return -1
}

// search returns the cell p in [lo,hi) with cum[p] ≤ x < cum[p+1], the nearest
// one where rounding put x outside.
func search(cum []float64, lo, hi int, x float64) int {
	return min(lo+sort.Search(hi-lo, func(p int) bool { return cum[lo+p+1] > x }), hi-1)
}

// scan draws an item that is not taken by summing over all of them, O(Items·Rank).
func (g *generator) scan(src *rand.Rand, u int) int {
	top := math.Inf(-1)
	for i := range g.taken {
		if !g.taken[i] {
			top = max(top, g.truth.score(u, i))
		}
	}
	total := 0.0
	for i := range g.taken {
		if !g.taken[i] {
			total += math.Exp(g.truth.score(u, i) - top)
		}
	}
	x, last := src.Float64()*total, -1
	for i := range g.taken {
		if g.taken[i] {
			continue
		}
		last = i
		if x -= math.Exp(g.truth.score(u, i) - top); x < 0 {
			break
		}
	}
	return last
}
