// Command bench measures Fenchel beside its peers: the same work on the same
// inputs, in turn in one run (A B A B), and writes a table in Markdown.
//
//	go run ./bench [-only NAMES] [-rounds N] [-python PATH] [-out FILE.md]
//
// Each contestant is a process of its own, so that its peak memory is its own;
// all contestants of a row read the same files and must report the same loss. A
// contestant that is not installed is listed as missing.
//
// The exit status is 0 when every contestant that was asked for ran, all values agreed
// and every target was met, and 1 otherwise; 2 is a wrong flag. With -missed-ok a missed
// target is no failure, which the report says all the same. A target that needs a
// contestant which -contestants leaves out is not measured, which is none either.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

// settings are the flags.
type settings struct {
	rounds  int
	names   []string // contestants to run; all if empty
	python  string
	data    string
	threads int
	scratch string // directory of the inputs and the peers' scripts

	sequences string // directory of histories

	missedOK bool // whether a missed target is no failure
}

// More rounds take days, and no machine has more threads.
const maxRounds, maxThreads = 10000, 4096

func main() {
	if len(os.Args) > 1 && os.Args[1] == serveFlag {
		if err := serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var s settings
	only := flag.String("only", "", "comma-separated rows to run; all if empty")
	names := flag.String("contestants", "", "comma-separated contestants to run, beside the first of each row; all if empty")
	out := flag.String("out", "", "file to write the tables to, beside standard output")
	list := flag.Bool("list", false, "list the rows and stop")
	flag.IntVar(&s.rounds, "rounds", 7, "timed runs of each contestant, after one that is not timed")
	flag.StringVar(&s.python, "python", "python3", "interpreter that the Python peers run in")
	flag.StringVar(&s.data, "data", "../shared/data/gowalla-lightgcn", "directory of Gowalla in LightGCN's format, for the rows that train on it")
	flag.StringVar(&s.sequences, "sequences", "../shared/data/seq-s3rec-beauty", "directory whose seq.txt.gz has a user and items in the order of time in each line, for the rows of ragged histories")
	flag.BoolVar(&s.missedOK, "missed-ok", false, "exit with status 0 where all ran and a target was missed")
	flag.IntVar(&s.threads, "threads", runtime.NumCPU(), "threads of every contestant")
	flag.Parse()
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(a.order, b.order) })

	chosen, err := choose(*only)
	if *names != "" && err == nil {
		s.names, err = chooseContestants(*names, chosen)
	}
	switch {
	case err != nil:
	case flag.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flag.Arg(0))
	case s.rounds < 1 || s.rounds > maxRounds:
		err = fmt.Errorf("-rounds %d: want at least 1 and at most %d", s.rounds, maxRounds)
	case s.threads < 1 || s.threads > maxThreads:
		err = fmt.Errorf("-threads %d: want at least 1 and at most %d", s.threads, maxThreads)
	default:
		err = kernel.Err()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if *list {
		for _, r := range chosen {
			fmt.Printf("%-20s %s\n", r.name, r.doc)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := measure(ctx, s, chosen, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err != nil || !ok {
		stop()
		os.Exit(1)
	}
}

// choose returns the rows of a comma-separated list, in the order of the
// registry.
func choose(only string) ([]*row, error) {
	if only == "" {
		return rows, nil
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(only, ",") {
		wanted[strings.TrimSpace(name)] = true
	}
	var chosen []*row
	var names []string
	for _, r := range rows {
		names = append(names, r.name)
		if wanted[r.name] {
			chosen = append(chosen, r)
			delete(wanted, r.name)
		}
	}
	for name := range wanted {
		return nil, fmt.Errorf("-only: unknown row %q%s", name, registry.Offer(name, names))
	}
	return chosen, nil
}

// chooseContestants returns the names of a comma-separated list, each of which
// some row has.
func chooseContestants(list string, of []*row) ([]string, error) {
	var known []string
	for _, r := range of {
		for _, c := range r.contestants {
			if !slices.Contains(known, c.name) {
				known = append(known, c.name)
			}
		}
	}
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("-contestants: unknown contestant %q%s", name, registry.Offer(name, known))
		}
		names = append(names, name)
	}
	return names, nil
}

// measure runs the rows, prints the report and reports whether nothing failed,
// was missing or missed its target.
func measure(ctx context.Context, s settings, chosen []*row, out string) (ok bool, err error) {
	if s.scratch, err = os.MkdirTemp("", "fenchel-bench-"); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.scratch)) }()
	if err := writePeers(s.scratch); err != nil {
		return false, err
	}
	rep := &report{settings: s, machine: thisMachine(), start: time.Now()}
	for _, r := range chosen {
		fmt.Fprintf(os.Stderr, "%s: %s\n", r.name, r.doc)
		m, err := r.measure(ctx, s)
		if err != nil {
			fmt.Print(rep.markdown())
			return false, fmt.Errorf("%s: %w", r.name, err)
		}
		rep.rows = append(rep.rows, m)
		if out != "" { // after every row: a run takes long, and may be interrupted
			if err := os.WriteFile(out, []byte(rep.markdown()), 0o644); err != nil {
				return false, err
			}
		}
	}
	fmt.Print(rep.markdown())
	return rep.ok(), nil
}
