package plot

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
)

// Axis describes one axis of a figure.
type Axis struct {
	Label string // what is measured; "" writes no label
	Unit  string // written after the label in parentheses; "" for a pure number
	Log   bool   // logarithmic, base 10; values ≤ 0 are then not drawn

	// Min and Max are the ends of the axis; what lies outside is cut off. Both
	// zero: the range of the data, a little widened. On a logarithmic axis both
	// must be positive.
	Min, Max float64
}

// limit is the largest magnitude drawn: differences of two such still are finite.
const limit = 1e300

func (a Axis) text() string {
	switch {
	case a.Unit == "":
		return a.Label
	case a.Label == "":
		return a.Unit
	}
	return a.Label + " (" + a.Unit + ")"
}

// fixed reports whether the ends are given.
func (a Axis) fixed() bool { return a.Min != 0 || a.Max != 0 }

func (a Axis) check(f *faults, name string) {
	if !a.fixed() {
		return
	}
	// Closer ends have no labels that tell them apart.
	apart := a.Max-a.Min > 1e-9*max(math.Abs(a.Min), math.Abs(a.Max))
	if !(math.Abs(a.Min) <= limit && math.Abs(a.Max) <= limit && apart) {
		f.addf("%s axis: ends %v and %v, want finite, Min < Max and 9 digits tell them apart", name, a.Min, a.Max)
	} else if a.Log && a.Min <= 0 {
		f.addf("%s axis: logarithmic from %v, want Min > 0", name, a.Min)
	}
}

// draws reports whether v has a place on the axis, within its ends or not.
func (a Axis) draws(v float64) bool {
	return math.Abs(v) <= limit && (!a.Log || v > 0)
}

// extent collects the range of the values an axis can draw.
type extent struct {
	axis   Axis
	lo, hi float64
	any    bool
	whole  bool // all values so far are whole numbers
}

func newExtent(a Axis) *extent { return &extent{axis: a, whole: true} }

func (e *extent) add(v float64) {
	if !e.axis.draws(v) {
		return
	}
	if !e.any {
		e.lo, e.hi, e.any = v, v, true
	}
	e.lo, e.hi = min(e.lo, v), max(e.hi, v)
	e.whole = e.whole && v == math.Trunc(v)
}

// scale maps values to lengths: lo to from, hi to to.
type scale struct {
	axis     Axis
	lo, hi   float64
	from, to vg.Length
	whole    bool
}

// scale returns the finished axis without its place on the canvas. Data gets a
// margin of 4 % on each side, which does not cross zero.
func (e *extent) scale() *scale {
	s := &scale{axis: e.axis, lo: e.lo, hi: e.hi, whole: e.whole && e.any}
	switch {
	case e.axis.fixed():
		s.lo, s.hi = e.axis.Min, e.axis.Max
	case !e.any:
		s.lo, s.hi = 1, 10 // an axis without data still has ends
	case e.axis.Log:
		lo, hi := math.Log10(e.lo), math.Log10(e.hi)
		pad := 0.04 * (hi - lo)
		if hi-lo < 1e-6 {
			pad = 0.3 // one value: a factor of two to both sides
		}
		// The clamps keep denormal and huge ends finite and positive.
		s.lo, s.hi = math.Pow(10, max(lo-pad, -307)), math.Pow(10, min(hi+pad, 301))
	case e.lo == 0 && e.hi == 0:
		s.lo, s.hi = -1, 1
	default:
		pad := 0.04 * (e.hi - e.lo)
		if size := max(math.Abs(e.lo), math.Abs(e.hi)); e.hi-e.lo <= 1e-9*size {
			pad = 0.1 * size // one value, or differences that labels would not show
		}
		s.lo, s.hi = e.lo-pad, e.hi+pad
		if e.lo >= 0 {
			s.lo = max(s.lo, 0)
		}
		if e.hi <= 0 {
			s.hi = min(s.hi, 0)
		}
	}
	// Ends given closer than two apart leave whole numbers no room.
	if e.axis.fixed() && s.hi-s.lo < 2 {
		s.whole = false
	}
	return s
}

// at returns the place of v, for which axis.draws holds. Places far outside the
// canvas are pulled in to a distance that clipping still treats exactly enough.
func (s *scale) at(v float64) vg.Length {
	t := (v - s.lo) / (s.hi - s.lo)
	if s.axis.Log {
		t = (math.Log(v) - math.Log(s.lo)) / (math.Log(s.hi) - math.Log(s.lo)) // v/s.lo may overflow
	}
	t = max(-1e6, min(1e6, t))
	return s.from + vg.Length(t)*(s.to-s.from)
}

// inside reports whether v lies between the ends.
func (s *scale) inside(v float64) bool {
	return s.axis.draws(v) && s.lo <= v && v <= s.hi
}

// tick is a labelled value of an axis.
type tick struct {
	value float64
	label string
}

// ticks returns at most n ≥ 2 round values between the ends.
func (s *scale) ticks(n int) []tick {
	if s.axis.Log {
		// From the densest to ever thinner sets of decades.
		for _, mantissas := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
			if t := s.decades(mantissas, 1); len(t) >= 2 && len(t) <= n {
				return t
			}
		}
		for every := 2; every < 700; every++ {
			if t := s.decades([]float64{1}, every); len(t) >= 2 && len(t) <= n {
				return t
			}
		}
		// Less than a decade: linear labels on the logarithmic scale.
	}
	for step := s.firstStep(n); ; step = nextStep(step) {
		first, last := math.Ceil(s.lo/step-1e-9), math.Floor(s.hi/step+1e-9)
		if last-first+1 > float64(n) {
			continue
		}
		var t []tick
		for k := first; k <= last; k++ {
			t = append(t, tick{k * step, label(k*step, step, max(math.Abs(s.lo), math.Abs(s.hi)))})
		}
		return t
	}
}

// firstStep is a power of ten surely too fine for n ticks, 1 at least where
// only whole numbers make sense (epochs).
func (s *scale) firstStep(n int) float64 {
	step := math.Pow(10, math.Floor(math.Log10((s.hi-s.lo)/float64(n))))
	if s.whole {
		step = max(step, 1)
	}
	return step
}

// nextStep walks 1, 2, 5, 10, …
func nextStep(step float64) float64 {
	mag := math.Pow(10, math.Floor(math.Log10(step)+1e-9))
	switch m := step / mag; {
	case m < 1.5:
		return 2 * mag
	case m < 3.5:
		return 5 * mag
	}
	return 10 * mag
}

// decades returns mantissa·10^k for each k divisible by every, within the ends.
func (s *scale) decades(mantissas []float64, every int) []tick {
	var t []tick
	first, last := int(math.Floor(math.Log10(s.lo))), int(math.Ceil(math.Log10(s.hi)))
	for k := first; k <= last; k++ {
		if k%every != 0 {
			continue
		}
		for _, m := range mantissas {
			v := m * math.Pow(10, float64(k))
			if s.lo*(1-1e-9) <= v && v <= s.hi*(1+1e-9) {
				t = append(t, tick{v, label(v, v/m, v)})
			}
		}
	}
	return t
}

// label writes v with the digits that a step needs, in scientific notation
// from 1e6 up and for steps below 1e-4.
func label(v, step, size float64) string {
	if v == 0 {
		return "0"
	}
	digits := max(0, int(-math.Floor(math.Log10(step)+1e-9)))
	if size < 1e6 && step > 0.9e-4 {
		return sign(strconv.FormatFloat(v, 'f', digits, 64))
	}
	// As many significant digits as separate v from its neighbours.
	sig := max(0, int(math.Floor(math.Log10(math.Abs(v))+1e-9)-math.Floor(math.Log10(step)+1e-9)))
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', sig, 64), "e")
	exp, err := strconv.Atoi(exponent)
	if err != nil {
		panic("plot: exponent of " + exponent)
	}
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	return sign(mantissa + "e" + strconv.Itoa(exp))
}

// sign gives negative numbers a minus sign instead of a hyphen.
func sign(s string) string { return strings.ReplaceAll(s, "-", "−") }
