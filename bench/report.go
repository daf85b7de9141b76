package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// report is all that a run of the program found.
type report struct {
	settings
	machine machine
	start   time.Time
	rows    []*measured
}

// ok reports whether everything that this processor can do ran, agreed and, unless a miss is
// no failure, met its targets.
func (r *report) ok() bool {
	for _, m := range r.rows {
		if m.excused {
			continue
		}
		if m.absent != "" {
			return false
		}
		for _, res := range m.results {
			if !res.ran() {
				return false
			}
		}
		for _, t := range m.targets {
			got := t.got(m)
			if !t.met(got) && !r.missedOK && !(m.leftOut && math.IsNaN(got)) {
				return false
			}
		}
	}
	return true
}

// markdown returns the report as tables.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Fenchel beside its peers\n\n")
	fmt.Fprintf(&b, "%s, %d processors, %d threads each · %s · kernels %s · commit %s · %s\n\n",
		r.machine.cpu, r.machine.cpus, r.threads, r.machine.system, r.machine.path, r.machine.commit, r.start.UTC().Format("2006-01-02 15:04 UTC"))
	for _, v := range r.versions() {
		fmt.Fprintf(&b, "- %s\n", v)
	}
	fmt.Fprintf(&b, "\n## Targets\n\n| row | target | at least | aim | got | |\n|---|---|---|---|---|---|\n")
	for _, m := range r.rows {
		for _, t := range m.targets {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", m.name, t.what, t.format(t.limit), t.format(t.aim), t.verdict(m))
		}
	}
	for _, m := range r.rows {
		m.table(&b)
	}
	return b.String()
}

// versions lists what the contestants said they are, each once.
func (r *report) versions() []string {
	var all []string
	for _, m := range r.rows {
		for _, res := range m.results {
			if v := res.version; v != "" && !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
	}
	return all
}

func (t target) format(x float64) string {
	sign := "≥ "
	if t.atMost {
		sign = "≤ "
	}
	return sign + number(x) + t.unit
}

// verdict returns the columns got and verdict.
func (t target) verdict(m *measured) string {
	got := t.got(m)
	switch {
	case math.IsNaN(got):
		return "– | not measured"
	case t.met(got):
		return number(got) + t.unit + " | met"
	}
	return number(got) + t.unit + " | **missed**"
}

// number prints three significant digits, and no exponent.
func number(x float64) string {
	switch a := math.Abs(x); {
	case a >= 100:
		return fmt.Sprintf("%.0f", x)
	case a >= 10:
		return fmt.Sprintf("%.1f", x)
	case a >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}

// table prints what the contestants of a row did.
func (m *measured) table(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n%s", m.name, m.doc)
	if m.absent != "" {
		fmt.Fprintf(b, "\n\nNot run: %s\n", m.absent)
		return
	}
	if m.job.note != "" {
		fmt.Fprintf(b, " · %s", m.job.note)
	}
	fmt.Fprintf(b, " · load %.2f before, %.2f after", m.load[0], m.load[1])
	if m.peak > 0 {
		fmt.Fprintf(b, " · FMA peak %.0f GF/s, at which the %s matrix products that are the limit take %s ms", m.peak/1e9, number(m.job.limit), number(1e3*m.job.limit*m.job.product/m.peak))
	}
	fmt.Fprintf(b, "\n\n| contestant | runs | min ms | median ms | CPU ms | min : %[1]s | median : %[1]s | CPU : %[1]s | products | of the limit | extra MB | peak MB |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n", cmp.Or(m.own, m.results[0].name))
	for _, r := range m.results {
		base := m.base(r)
		switch {
		case r.absent != "":
			fmt.Fprintf(b, "| %s | missing: %s | | | | | | | | | | |\n", r.name, cell(r.absent))
			continue
		case r.failed != "":
			fmt.Fprintf(b, "| %s | **failed**: %s | | | | | | | | | | |\n", r.name, cell(r.failed))
			continue
		}
		lo, mid, cpu := "–", "–", "–"
		if base != nil {
			lo, mid, cpu = number(r.min()/base.min()), number(r.median()/base.median()), number(slices.Min(r.cpu)/slices.Min(base.cpu))
		}
		extra, peak := "–", "–"
		if r.memory.Peak > 0 {
			extra, peak = number(float64(r.extra(m.job.outBytes))/1e6), number(float64(r.memory.Peak)/1e6)
		}
		products, share := "–", "–"
		if len(r.products) > 0 && m.peak > 0 {
			products, share = number(median(r.products)), number(100*m.job.limit/median(r.products))+" %"
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.name, len(r.seconds), number(1e3*r.min()), number(1e3*r.median()), number(1e3*slices.Min(r.cpu)), lo, mid, cpu, products, share, extra, peak)
	}
}

// cell makes text fit a cell.
func cell(text string) string {
	return strings.NewReplacer("|", "/", "\n", " ").Replace(text)
}
