package cli

import (
	"errors"
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

// availableMemory is what this process may still take, and heldMemory what it has and the
// most that it had; tests put others in their place.
var (
	availableMemory = memory.Available
	heldMemory      = memory.Resident
)

// room is what can be had.
type room struct {
	held      int64 // by this process already
	most      int64 // that it has held so far
	available int64 // beside what it holds
	source    string
	known     bool // whether it is
}

// roomNow asks the system.
func roomNow() (r room) {
	r.held, r.most = heldMemory()
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

// loadWithin loads the data of p where there is room for it: of a file that is asked of
// its size, and where that bound is too much of what is counted in it.
func loadWithin(p *data.Plan, c collector, force bool) (*data.Dataset, error) {
	r := roomNow()
	need, err := p.Need()
	if err == nil && !force && !r.takes(readingBytes(need)) {
		if need, err = p.Count(); err == nil && !r.takes(readingBytes(need)) {
			return nil, errors.New(r.short("loading the data ("+need.Basis+")", readingBytes(need)))
		}
	}
	if err != nil {
		return nil, err
	}
	if r.takes(readingBytes(need)) { // what is forced shall not be slow besides
		c.limit(r.held + r.available - memory.Binary)
	}
	c.reading()
	defer c.read()
	return p.Load()
}

// readingGarbage is the collector's percentage while data are read: what lies about then
// counts with what a run holds at its fullest.
const readingGarbage = 25

// late is by how many hundredths of what is live a collection comes late.
const late = 3

// readingBytes is what a process takes that loads a set.
func readingBytes(n data.Need) int64 {
	return memory.Binary + memory.Runtime + n.Bytes + n.Bytes*(readingGarbage+late)/100
}

// A budget is what a run will hold beside what can be had.
type budget struct {
	parts train.Memory
	room
}

// budgetOf estimates the run of p on set, which has been loaded by a process that held
// what before says until then.
func budgetOf(p *train.Plan, set *data.Dataset, before room) (budget, error) {
	parts, err := p.Estimate(set)
	b := budget{parts, roomNow()}
	if err != nil || b.most <= before.most {
		b.most = 0 // whatever that was, loading was not more
		return b, err
	}
	// As much again is not to be sworn to: it depends on when garbage was collected.
	b.most += b.most / 16
	if more := b.most - parts.Total(); more > 0 {
		b.parts = append(b.parts, train.MemoryPart{Name: "loading, beyond all that", Bytes: more})
	}
	return b, nil
}

// fits reports whether a run of these parts has its place.
func (b budget) fits(parts train.Memory) bool { return b.takes(max(parts.Total(), b.most)) }

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
	if len(fitting) == 0 && p.Baseline.Spec != nil {
		return fmt.Errorf("%s; it is of the square of the items: take fewer (--core, --min-rating)", text)
	}
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
		for _, o := range []string{"adagrad", "adagrad:state=row", "sgd"} {
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
// what a run holds. What the user says by GOGC and GOMEMLIMIT stays.
type collector struct {
	own     int64 // heap of the program that runs the command, beyond what this one has
	limited int64 // the limit and the percentage before
	percent int
}

// newCollector is called before a command holds anything.
func newCollector() collector {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c := collector{own: max(0, int64(m.HeapAlloc)-memory.Runtime), limited: debug.SetMemoryLimit(-1)}
	c.percent = debug.SetGCPercent(100)
	debug.SetGCPercent(c.percent)
	return c
}

// reading has it let little lie while data are read.
func (c collector) reading() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(readingGarbage)
	}
}

// read ends reading.
func (c collector) read() { debug.SetGCPercent(c.percent) }

// limit has it keep the Go runtime within so many bytes.
func (c collector) limit(bytes int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(c.own + bytes)
	}
}

// free takes the limit back.
func (c collector) free() { debug.SetMemoryLimit(c.limited) }
