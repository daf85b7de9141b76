package cli

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/memory"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/train"
)

// availableMemory is what a run may take; tests put another in its place.
var availableMemory = memory.Available

// A budget is what a run will hold beside what can be had.
type budget struct {
	parts     train.Memory
	available int64
	source    string // of available
	known     bool   // whether it is
}

// budgetOf estimates the run of p on set, which is loaded: of what the run needs
// the data are taken already.
func budgetOf(p *train.Plan, set *data.Dataset) (budget, error) {
	var b budget
	var err error
	if b.parts, err = p.Estimate(set); err != nil {
		return b, err
	}
	b.available, b.source, b.known = availableMemory()
	return b, nil
}

// fits reports whether a run of these parts has its place.
func (b budget) fits(parts train.Memory) bool {
	return !b.known || parts.Total()-parts[0].Bytes <= b.available
}

// String is one line.
func (b budget) String() string {
	have := "what is available is not known here"
	if b.known {
		have = byteText(b.available) + " available"
	}
	return fmt.Sprintf("about %s; %s", byteText(b.parts.Total()), have)
}

// refuse returns an error unless the run fits; it names the changes that would
// make it fit, each estimated.
func (b budget) refuse(p *train.Plan, set *data.Dataset) error {
	if b.fits(b.parts) {
		return nil
	}
	text := fmt.Sprintf("the run needs about %s beside the data, and %s are available (%s); --force runs it all the same",
		byteText(b.parts.Total()-b.parts[0].Bytes), byteText(b.available), b.source)
	fitting := b.remedies(p, set)
	if len(fitting) == 0 {
		return fmt.Errorf("%s; no single change of dim, batch, optimizer or candidates makes it fit: combine them, or take fewer users and items (--core, --min-rating)", text)
	}
	return fmt.Errorf("%s; what would fit:\n  %s", text, strings.Join(fitting, "\n  "))
}

// remedies returns changes of one flag that make the run fit, with their sizes.
// Lazy updates are none: they save time, the optimizer's state is the same.
func (b budget) remedies(p *train.Plan, set *data.Dataset) (fitting []string) {
	filled := p.Config
	try := func(flag, path, value string) bool {
		c := p.Given
		if err := c.Set(path, value); err != nil {
			return false
		}
		parts, err := train.Estimate(c, set)
		if err != nil || !b.fits(parts) { // another loss or solver may not take the change
			return false
		}
		fitting = append(fitting, fmt.Sprintf("--%s %s: %s", flag, value, byteText(parts.Total())))
		return true
	}
	for d := filled.Model.Dim / 2; d >= 1; d /= 2 {
		if try("dim", "model.dim", fmt.Sprint(d)) {
			break
		}
	}
	for n := filled.Train.Batch / 2; n >= 1; n /= 2 {
		if try("batch", "train.batch", fmt.Sprint(n)) {
			break
		}
	}
	if filled.Train.Optimizer != "" {
		for _, o := range []string{"adagrad", "sgd"} {
			if name, _ := registry.CutSpec(filled.Train.Optimizer); name != o {
				try("optimizer", "train.optimizer", o)
			}
		}
	}
	if p.Choice.Head.Spec.Exact {
		try("candidates", "candidates", "sampled")
	}
	return fitting
}

// print writes the parts.
func (b budget) print(s streams, asJSON bool) error {
	if asJSON {
		out := struct {
			Parts     train.Memory `json:"parts"`
			Total     int64        `json:"total"`
			Available *int64       `json:"available"` // null where it is not known
		}{b.parts, b.parts.Total(), nil}
		if b.known {
			out.Available = &b.available
		}
		return printJSON(s.out, out)
	}
	t := newTable("MEMORY", "BYTES", "")
	for _, p := range b.parts {
		t.add(p.Name, p.Bytes, byteText(p.Bytes))
	}
	t.add("total", b.parts.Total(), byteText(b.parts.Total()))
	t.print(s.out, "")
	if b.known {
		fmt.Fprintf(s.out, "\n%s available: %s\n", byteText(b.available), b.source)
	} else {
		fmt.Fprintln(s.out, "\nwhat is available is not known on this system")
	}
	return nil
}

// share of the available memory up to which garbage may lie.
const share = 0.9

// limitGarbage has the collector work harder as memory runs out: what a run holds
// is estimated, the garbage between collections would come on top. A GOMEMLIMIT of
// the user's stays.
func (b budget) limitGarbage() {
	if !b.known || os.Getenv("GOMEMLIMIT") != "" || !b.fits(b.parts) {
		return
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetMemoryLimit(int64(m.Sys-m.HeapReleased) + int64(share*float64(b.available)))
}
