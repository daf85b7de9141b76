package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// A row is one piece of work that contestants do in turn. Each row's file adds
// it to rows.
type row struct {
	name, doc string
	order     int // of printing

	// prepare writes the inputs to dir and returns the job, of which contestants
	// get a copy with their own work and variant. An error that wraps errAbsent
	// leaves the row out with its reason.
	prepare func(s settings, dir string) (job, error)

	contestants []contestant
	targets     []target

	// own is what the heads of columns of ratios call the contestants that others are held
	// against, where they are several.
	own string

	// repeat is how many times a run does short work, one after the other; its time
	// is the mean. 0 is 1.
	repeat int

	// tolerance is the largest relative difference between the values that
	// contestants report.
	tolerance float64
}

// A contestant does the work of a row in a process of its own.
type contestant struct {
	name      string
	peer      string // script of the Python peer; empty for this program
	work      string // what serves it: a key of works, here or in the script
	variant   string // which way to do the work
	precision string // to which the work's products may be rounded; "" is highest
	loss      string // replaces the job's
	env       []string
	rounds    int    // at most so many rounds of a slow contestant; 0 for all
	other     bool   // other work than the row's: its value is not compared
	as        string // whose values are to be the same, and whose times are divided by; empty for the row's first
}

// A job is what a contestant is told. Both sides read it as JSON.
type job struct {
	Dir       string `json:"dir"` // of the inputs: raw little-endian float32 and int32
	Peer      string `json:"peer"`
	Work      string `json:"work"`
	Variant   string `json:"variant"`
	Precision string `json:"precision"`
	Loss      string `json:"loss"`
	Threads   int    `json:"threads"`
	B         int    `json:"b"` // rows of a batch
	C         int    `json:"c"` // classes
	D         int    `json:"d"` // width
	K         int    `json:"k"` // length of a top list
	S         int    `json:"s"` // negatives of a row
	N         int    `json:"n"` // batches
	U         int    `json:"u"` // users
	Repeat    int    `json:"repeat"`
	Data      string `json:"data"`

	outBytes int64   // of the results that every contestant holds: gradients
	product  float64 // floating-point operations of one matrix product of the work; 0 where its time is not counted in products
	limit    float64 // how many of them no program can do without
	note     string  // what the inputs are, where that depends on the machine
}

// errAbsent says that a row cannot run here, and errProcessor that no setting would have
// this processor run it, which is nobody's fault.
var (
	errAbsent    = errors.New("not available here")
	errProcessor = fmt.Errorf("%w", errAbsent)
)

// rows is the registry; each file adds its own.
var rows []*row

// A result is what one contestant did.
type result struct {
	contestant
	absent  string // why it did not run; empty if it did
	failed  string // what went wrong; empty if nothing
	version string
	seconds []float64
	cpu     []float64 // seconds of processor time of each run
	// products are the seconds of each run over those of one matrix product at the rate of
	// multiply-adds that a probe shows around that very run: the clock of a processor moves,
	// and this divides it out.
	products []float64
	values   []float64
	memory   memory
}

func (r *result) ran() bool    { return len(r.seconds) > 0 && r.failed == "" }
func (r *result) min() float64 { return slices.Min(r.seconds) }

func (r *result) median() float64 { return median(r.seconds) }

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// extra is the peak memory beyond inputs and results.
func (r *result) extra(out int64) int64 { return r.memory.Peak - r.memory.Ready - out }

// measured is a row with its results.
type measured struct {
	*row
	job     job
	absent  string // why the whole row did not run
	excused bool   // it is the processor
	leftOut bool   // whether the flags leave a contestant out
	results []*result
	peak    float64 // largest measured FMA rate of the machine, flop/s
	load    [2]float64
}

// of returns the result of that name, nil if it did not run.
func (m *measured) of(name string) *result {
	for _, r := range m.results {
		if r.name == name && r.ran() {
			return r
		}
	}
	return nil
}

// pause lets the threads of the contestant before stop spinning.
const pause = 30 * time.Millisecond

// measure runs the row.
func (r *row) measure(ctx context.Context, s settings) (m *measured, err error) {
	m = &measured{row: r}
	dir := filepath.Join(s.scratch, r.name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m.job, err = r.prepare(s, dir)
	if errors.Is(err, errAbsent) {
		m.absent, m.excused = err.Error(), errors.Is(err, errProcessor)
		return m, nil
	}
	if err != nil {
		return nil, err
	}
	m.job.Dir, m.job.Threads, m.job.Repeat = dir, s.threads, max(r.repeat, 1)
	m.load[0] = loadAverage()

	var running []*process
	defer func() {
		for _, p := range running {
			p.kill()
		}
	}()
	var procs []*process // of the results, nil where there is nothing to run
	for i, c := range r.contestants {
		if i > 0 && len(s.names) > 0 && !slices.Contains(s.names, c.name) {
			m.leftOut = true
			continue
		}
		res := &result{contestant: c}
		m.results = append(m.results, res)
		p, err := start(ctx, s, c, m.job)
		if err != nil {
			return nil, err
		}
		running = append(running, p)
		if err := p.ready(res); err != nil {
			res.failed = err.Error()
		}
		if res.failed != "" || res.absent != "" {
			p = nil
		}
		procs = append(procs, p)
	}
	for round := range s.rounds + 1 {
		for i, p := range procs {
			res := m.results[i]
			if p == nil || res.failed != "" || (res.rounds > 0 && round > res.rounds) {
				continue
			}
			time.Sleep(pause)
			before := probe(s.threads)
			rep, err := p.run()
			switch {
			case ctx.Err() != nil:
				return nil, ctx.Err()
			case err != nil:
				res.failed = err.Error()
			default:
				res.values = append(res.values, rep.Value)
				if round > 0 { // the first run warms caches and compilers up
					res.seconds = append(res.seconds, rep.Seconds)
					res.cpu = append(res.cpu, rep.CPU)
					if after := probe(s.threads); m.job.product > 0 {
						res.products = append(res.products, rep.Seconds*(before+after)/2/m.job.product)
						m.peak = max(m.peak, before, after)
					}
				}
			}
		}
	}
	m.load[1] = loadAverage()
	for i, p := range procs {
		if p != nil && m.results[i].failed == "" {
			if err := p.stop(m.results[i]); err != nil {
				m.results[i].failed = err.Error()
			}
		}
	}
	m.compare()
	return m, nil
}

// compare fails every contestant whose values differ from those of the one that it is held
// against. The k-th runs are compared, for work that moves on from run to run.
func (m *measured) compare() {
	for _, r := range m.results {
		base := m.base(r)
		if r.other || !r.ran() || base == nil {
			continue
		}
		for i := range min(len(r.values), len(base.values)) {
			if !check.Near(r.values[i], base.values[i], m.tolerance, 0) {
				r.failed = fmt.Sprintf("run %d has the value %.8g, and %s has %.8g: not the same work", i, r.values[i], base.name, base.values[i])
				break
			}
		}
	}
}

// base returns the contestant that r is held against, nil if it did not run.
func (m *measured) base(r *result) *result { return m.of(cmp.Or(r.as, m.results[0].name)) }

// A target is a number that a row must reach.
type target struct {
	what       string
	unit       string
	atMost     bool // a limit from above; else from below
	limit, aim float64
	got        func(m *measured) float64 // NaN if what it needs did not run
}

func (t target) met(got float64) bool {
	if t.atMost {
		return got <= t.limit
	}
	return got >= t.limit
}

// faster asks that a contestant take at least limit times the time of name,
// by the minima.
func faster(name, than string, limit, aim float64) target {
	return target{what: name + " faster than " + than, unit: "×", limit: limit, aim: aim, got: func(m *measured) float64 {
		return quotient(m.of(than), m.of(name))
	}}
}

// within asks that name take at most limit times the time of of.
func within(name, of string, limit, aim float64) target {
	return target{what: name + " : " + of, unit: "×", atMost: true, limit: limit, aim: aim, got: func(m *measured) float64 {
		return quotient(m.of(name), m.of(of))
	}}
}

// quotient is the quotient of the shortest times.
func quotient(a, b *result) float64 {
	if a == nil || b == nil {
		return math.NaN()
	}
	return a.min() / b.min()
}

// ofLimit asks for a share of what no program can be faster than: the products that the
// work cannot do without, at the rate of multiply-adds of the processor.
func ofLimit(limit, aim float64) target {
	return target{what: "share of the limit", unit: " %", limit: limit, aim: aim, got: func(m *measured) float64 {
		r := m.of("fenchel")
		if r == nil || len(r.products) == 0 || m.peak == 0 {
			return math.NaN()
		}
		return 100 * m.job.limit / median(r.products)
	}}
}

// extraAtMost bounds the memory beyond inputs and results, in MB of 10⁶ bytes.
func extraAtMost(limit, aim float64) target {
	return target{what: "memory beyond inputs and gradients", unit: " MB", atMost: true, limit: limit, aim: aim, got: func(m *measured) float64 {
		r := m.of("fenchel")
		if r == nil || r.memory.Peak == 0 {
			return math.NaN()
		}
		return float64(r.extra(m.job.outBytes)) / 1e6
	}}
}

// memoryWithin asks that the peak of resident memory of name be at most limit times that of of.
func memoryWithin(name, of string, limit, aim float64) target {
	return target{what: "memory of " + name + " : " + of, unit: "×", atMost: true, limit: limit, aim: aim, got: func(m *measured) float64 {
		a, b := m.of(name), m.of(of)
		if a == nil || b == nil || a.memory.Peak == 0 || b.memory.Peak == 0 {
			return math.NaN()
		}
		return float64(a.memory.Peak) / float64(b.memory.Peak)
	}}
}

// secondsAtMost bounds the time.
func secondsAtMost(limit, aim float64) target {
	return target{what: "time", unit: " s", atMost: true, limit: limit, aim: aim, got: func(m *measured) float64 {
		if r := m.of("fenchel"); r != nil {
			return r.min()
		}
		return math.NaN()
	}}
}
