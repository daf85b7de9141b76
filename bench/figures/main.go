// Command figures makes the figures of the documents, and holds the documents to them.
//
//	go run ./bench/figures run [RUN...] [-timing | -quality] [-missing] [-python PATH]
//	go run ./bench/figures compare [RUN...] [-timing] [-python PATH]
//	go run ./bench/figures write
//	go run ./bench/figures list
//	go run ./bench/figures check
//
// The runs are those of manifest.yaml, and a record is what one printed. "run" makes records:
// of all runs, of those that are named, of those whose figures are of time or memory
// (-timing) or are not (-quality), of those without a record of today's command (-missing).
// "compare" makes them again, writes nothing, and says which figures of documents moved by
// more than the tolerance of their run. "write" puts what the records have into the
// documents, each figure in the format that it has there, and makes bench/RESULTS.md.
// "list" prints every figure with where it is from. "check" is what the package's test
// checks. How a document refers to a record is said in bench/README.md.
//
// Every verb works on the repository of the working directory, or on that of -dir. The exit
// status is 0 when all went well, 1 when a run failed, a figure moved or a fault was found,
// and 2 of a wrong command line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

// Exit statuses.
const (
	exitOK    = 0
	exitFault = 1
	exitUsage = 2
)

// options are what the command line says.
type options struct {
	verb  string
	names []string // of runs

	timing, quality, missing bool
	python                   string
	dir, manifest, records   string

	out, log io.Writer
}

// A verb does what the command is asked for, and returns whether all is well.
type verb struct {
	flags string // those that it knows, beside -dir, -manifest and -records
	runs  bool   // whether names of runs may follow
	do    func(context.Context, *options, *book) (bool, error)
}

var verbs = map[string]verb{
	"run":     {"timing quality missing python", true, makeRecords},
	"compare": {"timing python", true, compare},
	"write":   {"", false, write},
	"list":    {"", false, list},
	"check":   {"", false, check},
}

func main() {
	os.Exit(command(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// command runs a command line and returns its exit status.
func command(ctx context.Context, args []string, out, log io.Writer) int {
	o, err := parse(args, out, log)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err == nil {
		err = kernel.Err()
	}
	if err != nil {
		fmt.Fprintln(log, "figures:", err)
		return exitUsage
	}
	b, err := readBook(o.manifest, o.records)
	if err == nil {
		if _, err := b.manifest.choose(o.names); err != nil {
			fmt.Fprintln(log, "figures:", err)
			return exitUsage
		}
		if verbs[o.verb].runs { // what it starts has to be ended with it
			var stop func()
			ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
			defer stop()
		}
		var ok bool
		if ok, err = verbs[o.verb].do(ctx, o, b); ok && err == nil {
			return exitOK
		}
	}
	if err != nil {
		fmt.Fprintln(log, "figures:", err)
	}
	return exitFault
}

// parse reads a command line, whose flags may stand before and behind names.
func parse(args []string, out, log io.Writer) (*options, error) {
	known := []string{"run", "compare", "write", "list", "check"}
	if len(args) == 0 {
		return nil, fmt.Errorf("no verb; the choices are %s", strings.Join(known, ", "))
	}
	o := &options{verb: args[0], out: out, log: log}
	v, found := verbs[o.verb]
	if !found && !slices.Contains([]string{"-h", "-help", "--help"}, o.verb) {
		return nil, fmt.Errorf("unknown verb %q%s", o.verb, registry.Offer(o.verb, known))
	}
	f := flag.NewFlagSet("figures "+o.verb, flag.ContinueOnError)
	f.SetOutput(log)
	f.StringVar(&o.dir, "dir", ".", "root of the repository")
	f.StringVar(&o.manifest, "manifest", "", "manifest of the runs; "+manifestName+" below the root if empty")
	f.StringVar(&o.records, "records", "", "folder of the records; "+recordsName+" below the root if empty")
	for name := range strings.FieldsSeq(v.flags) {
		switch name {
		case "timing":
			f.BoolVar(&o.timing, name, false, map[string]string{
				"run":     "make records of those runs alone whose figures are of time or memory",
				"compare": "compare the runs, too, whose figures are of time or memory",
			}[o.verb])
		case "quality":
			f.BoolVar(&o.quality, name, false, "make records of the other runs alone")
		case "missing":
			f.BoolVar(&o.missing, name, false, "make records only where there is none of the manifest's command")
		case "python":
			f.StringVar(&o.python, name, "", "interpreter with the packages of bench/peers/requirements.txt, for the runs that need it")
		}
	}
	if !found {
		fmt.Fprintf(log, "Usage: figures VERB [RUN...] [flags]; the verbs are %s, and VERB -help has its flags\n", strings.Join(known, ", "))
		return nil, flag.ErrHelp
	}
	for rest := args[1:]; ; {
		if err := f.Parse(rest); err != nil {
			return nil, err
		}
		if f.NArg() == 0 {
			break
		}
		if !v.runs {
			return nil, fmt.Errorf("%s: unexpected argument %q", o.verb, f.Arg(0))
		}
		if slices.Contains(o.names, f.Arg(0)) {
			return nil, fmt.Errorf("%s: run %s is given twice", o.verb, f.Arg(0))
		}
		o.names, rest = append(o.names, f.Arg(0)), f.Args()[1:]
	}
	if o.verb == "run" && o.timing && o.quality {
		return nil, errors.New("run: -timing and -quality leave no run: give one of them")
	}
	if o.manifest == "" {
		o.manifest = filepath.Join(o.dir, filepath.FromSlash(manifestName))
	}
	if o.records == "" {
		o.records = filepath.Join(o.dir, filepath.FromSlash(recordsName))
	}
	if o.python != "" { // runs may change to another folder; a link stays one, as that of a venv
		path, err := exec.LookPath(o.python)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			return nil, fmt.Errorf("-python: %w", err)
		}
		o.python = path
	}
	return o, nil
}

// check prints the faults.
func check(_ context.Context, o *options, b *book) (bool, error) {
	l, err := readLibrary(o.dir, b)
	if err != nil {
		return false, err
	}
	faults := l.check()
	for _, f := range faults {
		fmt.Fprintln(o.out, f)
	}
	fmt.Fprintf(o.out, "%d figures in %d documents, %d faults\n", len(l.figures), len(l.documents), len(faults))
	return len(faults) == 0, nil
}
