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

// availableMemory is what this process may still take, and heldMemory what it has; tests
// put others in their place.
var (
	availableMemory = memory.Available
	heldMemory      = memory.Resident
)

// room is what can be had.
type room struct {
	held      int64 // by this process already
	available int64 // beside that
	source    string
	known     bool // whether it is
}

// roomNow asks the system.
func roomNow() (r room) {
	r.held = heldMemory()
	r.available, r.source, r.known = availableMemory()
	return r
}

// takes reports whether a process of so many bytes has its place.
func (r room) takes(bytes int64) bool { return !r.known || bytes-r.held <= r.available }

// short says that there is no room for so many bytes.
func (r room) short(what string, bytes int64) string {
	return fmt.Sprintf("%s needs about %s, %s more than this process holds, and %s are available (%s); --force runs it all the same",
		what, byteText(bytes), byteText(bytes-r.held), byteText(r.available), r.source)
}

// A budget is what a run will hold beside what can be had.
type budget struct {
	parts train.Memory
	room
}

// budgetOf estimates the run of p on set.
func budgetOf(p *train.Plan, set *data.Dataset) (budget, error) {
	parts, err := p.Estimate(set)
	return budget{parts, roomNow()}, err
}

// fits reports whether a run of these parts has its place.
func (b budget) fits(parts train.Memory) bool { return b.takes(parts.Total()) }

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
	text := b.short("the run", b.parts.Total())
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

// A collector is Go's, held to what was said of a run: without that, garbage may double
// what a run holds.
type collector struct {
	own   int64 // heap of the program that runs the command, beyond what this one has
	first int64 // the limit that was set
}

// newCollector is called before a command holds anything.
func newCollector() collector {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return collector{max(0, int64(m.HeapAlloc)-memory.Runtime), debug.SetMemoryLimit(-1)}
}

// limit has it keep the process within so many bytes. A GOMEMLIMIT of the user's stays.
func (c collector) limit(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(c.own + bytes)
	}
}

// free takes the limit back.
func (c collector) free() { debug.SetMemoryLimit(c.first) }
