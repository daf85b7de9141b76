package compare

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// auto is the one value of an axis temperature that is a search instead of a grid.
const auto = "auto"

// maxTried bounds the values of a search: by factors of 2 they span three decades.
const maxTried = 12

// searched reports whether the temperature is searched for.
func (c Config) searched() bool {
	return slices.ContainsFunc(c.Tune, Axis.searched)
}

func (a Axis) searched() bool { return a.Name == "temperature" && slices.Contains(a.Values, auto) }

// checkSpread returns an error where the spread of Base, which decides the temperature of
// each loss, is beside something else that does.
func (c Config) checkSpread() error {
	if c.Base.Model.Spread == 0 {
		return nil
	}
	if t := c.Base.Model.Temperature; t != "" {
		if learned, err := models.ParseTemperature(t); err != nil || learned.Learned == nil {
			return fmt.Errorf("base: model.spread=%g decides the natural temperature of each loss, and model.temperature=%s is another for all; leave one of them out", c.Base.Model.Spread, t)
		}
	}
	for _, a := range c.Tune {
		if a.searched() || a.Name == "temperature" || a.Name == "model.temperature" || a.Name == "model.spread" {
			return fmt.Errorf("tune: %s is what model.spread=%g decides already; leave one of them out", a.Name, c.Base.Model.Spread)
		}
	}
	return nil
}

// checkSearch returns an error where something else decides what a search is to find.
func (c Config) checkSearch() error {
	if !c.searched() {
		return nil
	}
	if c.Base.Model.Temperature != "" {
		return errors.New("tune: temperature=auto searches for what model.temperature says already; leave one of them out")
	}
	for _, a := range c.Tune {
		switch {
		case a.searched() && len(a.Values) > 1:
			return errors.New("tune: temperature=auto is a search, not a value of a grid; leave out auto or the other values")
		case a.Name == "model.temperature" || a.Name == "model.spread":
			return fmt.Errorf("tune: %s is what temperature=auto searches for; leave one of them out", a.Name)
		case (a.Name == "model.score" || a.Name == "train.solver") && len(a.Values) > 1:
			return fmt.Errorf("tune: %s decides what temperature=auto searches for; give it one value", a.Name)
		}
	}
	return nil
}

// A Search is how a temperature was found: from Start up and down by Factor, on valid
// with the first seed, until the best value had a worse one on both sides. Of several that
// are equally good the one nearest to Start is chosen, and worse ones stand around all.
type Search struct {
	With    string   `json:"with"`    // name of the variant whose runs were measured
	Setting string   `json:"setting"` // "model.spread", or "temperature"
	For     []string `json:"for"`     // names of all variants that take what was found
	Start   float64  `json:"start"`   // the default
	Factor  float64  `json:"factor"`  // between neighbours

	// Natural reports whether Start is the natural temperature, so that what was found is a
	// multiple of it.
	Natural bool    `json:"natural,omitempty"`
	Tried   []Tried `json:"tried"`            // by rising value
	Chosen  string  `json:"chosen,omitempty"` // "" of a search that was interrupted, or that failed
	Edge    bool    `json:"edge,omitempty"`   // Chosen, or one as good, is the smallest or the largest of Tried
	Failed  bool    `json:"failed,omitempty"` // every value of Tried did

	variants []int
	tasks    map[int]*task // by the power of Factor; nil where there is no such value
	first    metric.At     // by which values are chosen
}

// Tried is one value of a search.
type Tried struct {
	Value  string        `json:"value"`
	Metric report.Number `json:"metric"` // the first, on valid; null if the run failed
}

// text prints the metric as tables do.
func (x Tried) text() string {
	if !x.Metric.Finite() {
		return "failed"
	}
	return fmt.Sprintf("%.4f", float64(x.Metric))
}

// value returns the setting's text at a power of the factor: to four digits, which are
// all that a reader has to type to have it again.
func (s *Search) value(power int) string {
	x, err := strconv.ParseFloat(strconv.FormatFloat(s.Start*math.Pow(s.Factor, float64(power)), 'g', 4, 64), 64)
	if err != nil {
		return "" // of no number: no loss takes it
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// search searches for the temperatures of all variants, and puts what it found before
// each point of their grids. The first variant of a model whose natural temperature contains
// the spread finds that for all of that model, because it is a number of the data and of what
// a context is, and not of a loss.
func (p *comparison) search(ctx context.Context) (trials []*task, err error) {
	spread := map[string]*Search{} // by model
	for i, v := range p.variants {
		s := p.searchOf(i)
		switch {
		case s == nil: // it stays as it is
		case s.Setting == "model.spread" && spread[v.Model] != nil:
			found := spread[v.Model]
			found.variants, found.For = append(found.variants, i), append(found.For, s.With)
		default:
			if p.searches = append(p.searches, s); s.Setting == "model.spread" {
				spread[v.Model] = s
			}
		}
	}
	for pending := p.searches; len(pending) > 0; {
		for ctx.Err() == nil {
			var round []*task
			for _, s := range pending {
				round = append(round, p.next(s)...)
			}
			if len(round) == 0 {
				break
			}
			if err := p.execute(ctx, round, true); err != nil {
				return nil, err
			}
			trials = append(trials, round...)
		}
		var again []*Search
		for _, s := range pending {
			if p.found(s); s.Failed && len(s.variants) > 1 {
				again = append(again, p.handOver(s))
			}
		}
		p.searches, pending = append(p.searches, again...), again
	}
	return trials, nil
}

// handOver returns the search of the other variants of s, whose first has failed at every
// value: that is a fault of the one, not of the spread.
func (p *comparison) handOver(s *Search) *Search {
	rest, names := s.variants[1:], s.For[1:]
	s.variants, s.For = s.variants[:1], s.For[:1]
	for _, i := range rest {
		p.best[i] = 0
	}
	t := p.searchOf(rest[0]) // there was one before
	t.variants, t.For = rest, names
	return t
}

// searchOf returns the search that a variant would need; nil where the text of its loss
// gives its temperature, or its runs cannot begin.
func (p *comparison) searchOf(variant int) *Search {
	v := p.variants[variant]
	s := &Search{With: v.Name, Setting: "temperature", For: []string{v.Name}, Factor: 2, variants: []int{variant}, tasks: map[int]*task{}, first: p.first()}
	t := p.trial(variant, p.grids[variant][0])
	m := t.job.Config.Model
	at := temperatureOf(v.choice)
	temperature, err := models.ParseTemperature(m.Temperature)
	switch {
	case t.err != nil || err != nil || at == "":
		return nil
	case at == "tau":
		s.Start = v.choice.Loss.Values.Num(at)
	case at == "scale":
		s.Start = 1 / v.choice.Loss.Values.Num(at)
	case m.Spread > 0 && v.choice.SpreadMatters():
		s.Setting, s.Start = "model.spread", m.Spread
	case m.Spread > 0: // which On has written beside the temperature that is natural
		s.Natural, s.Factor, s.Start = true, math.Sqrt2, temperature.Value
	default:
		s.Start = temperature.Value
	}
	return s
}

// next returns the runs that a search wants: first the default and its neighbours, then
// what is beyond an edge where the best, or one of several that are as good, is. It returns
// none where there is no more to try.
func (p *comparison) next(s *Search) (round []*task) {
	lo, hi := s.span()
	first, last, _ := s.top()
	var want []int
	if len(s.tasks) == 0 {
		want = []int{0, 1, -1}
	} else {
		if first == lo {
			want = append(want, lo-1)
		}
		if last == hi {
			want = append(want, hi+1)
		}
		want = want[:min(len(want), max(0, maxTried-len(s.tasks)))]
	}
	for _, power := range want {
		if _, known := s.tasks[power]; known {
			continue
		}
		t := p.at(s, power)
		if s.tasks[power] = t; t != nil {
			round = append(round, t)
		}
	}
	return round
}

// at returns the run of a search at a power of its factor, nil where there is none: a
// spread is of 1 to all classes, and a loss may bound its own temperature.
func (p *comparison) at(s *Search, power int) *task {
	i := s.variants[0]
	found := Setting{s.Setting, s.value(power)}
	if !found.suits(p.variants[i]) {
		return nil
	}
	t := p.trial(i, append([]Setting{found}, p.grids[i][0]...))
	if t.err != nil || s.Setting == "model.spread" && t.job.Config.Model.Spread == 0 {
		return nil
	}
	return t
}

// span returns the smallest and the largest power that was tried.
func (s *Search) span() (lo, hi int) {
	for power, t := range s.tasks {
		if t != nil {
			lo, hi = min(lo, power), max(hi, power)
		}
	}
	return lo, hi
}

// top returns the smallest and the largest power whose value is the best, and the one of
// those nearest to the default: 0 where no run has a value.
func (s *Search) top() (first, last, best int) {
	most, any := 0.0, false
	for power := range maxTried {
		for _, x := range []int{power, -power} {
			t := s.tasks[x]
			if t == nil {
				continue
			}
			switch v, ok := valueOf(t.out); {
			case ok && (!any || s.first.Better(v, most)):
				most, first, last, best, any = v, x, x, x, true
			case ok && v == most:
				first, last = min(first, x), max(last, x)
			}
		}
	}
	return first, last, best
}

// found puts what a search found in place. One that was interrupted has found nothing:
// a choice among some would be another one.
func (p *comparison) found(s *Search) {
	lo, hi := s.span()
	first, last, best := s.top()
	measured := false
	for power := lo; power <= hi; power++ {
		t := s.tasks[power]
		if t == nil || t.out == nil && t.err == nil {
			continue
		}
		tried := Tried{Value: s.value(power), Metric: report.Number(math.NaN())}
		if v, ok := valueOf(t.out); ok {
			tried.Metric, measured = report.Number(v), true
		}
		s.Tried = append(s.Tried, tried)
	}
	if s.unfinished() || len(p.next(s)) > 0 {
		for _, i := range s.variants {
			p.best[i] = unchosen
		}
		return
	}
	if s.Failed = !measured; s.Failed {
		for _, i := range s.variants {
			p.best[i] = allFailed
		}
		return
	}
	s.Chosen, s.Edge = s.value(best), first == lo || last == hi
	for _, i := range s.variants {
		for k, point := range p.grids[i] {
			p.grids[i][k] = append([]Setting{{s.Setting, s.Chosen}}, point...)
		}
	}
}

// unfinished reports whether a run of the search was cut off.
func (s *Search) unfinished() bool {
	for _, t := range s.tasks {
		if t != nil && t.out == nil && t.err == nil {
			return true
		}
	}
	return false
}

// note says what a search tried and what it chose.
func (s *Search) note(metric string) string {
	var tried []string
	for _, x := range s.Tried {
		tried = append(tried, fmt.Sprintf("%s (%s)", x.Value, x.text()))
	}
	by := "2"
	if s.Factor != 2 {
		by = "√2"
	}
	what := map[bool]string{true: "the natural temperature", false: s.Setting}[s.Natural]
	text := fmt.Sprintf("temperature=auto, %s of %s, from %.4g by factors of %s, with %s on valid: %s.", what, s.With, s.Start, by, metric, strings.Join(tried, ", "))
	switch {
	case s.Failed:
		return text + " Every value failed: nothing was chosen."
	case s.Chosen == "":
		return text + " The search was interrupted."
	}
	text += " Chosen: " + s.Chosen
	if x, err := strconv.ParseFloat(s.Chosen, 64); err == nil && s.Natural {
		text += fmt.Sprintf(", %.3g times the natural one", x/s.Start)
	}
	if len(s.For) > 1 {
		text += ", for " + strings.Join(s.For[1:], ", ") + " too"
	}
	return text + "."
}
