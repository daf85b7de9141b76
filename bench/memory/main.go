//go:build linux

// Command memory holds what fenchel train says it will hold in memory against what it
// held: every head with every tree and every sampler, every solver, and every other model
// over all classes and over drawn ones, each a process of its own on a generated set with
// few users and many items, in the order of time or with features where the model needs them; every model
// that is fitted in one step, on fewer items; and a file that takes more to read than the run takes.
//
//	go run ./bench/memory [-only TEXT] [-users N] [-items N] [-dim N] [-parts] [-args TEXT] [-fenchel PATH]
//
// The table, in Markdown, has the total that fenchel train --dry-run prints, the largest resident
// memory of the run as the system counted it, and the quotient of the two. Where more
// than 200 MiB were resident the estimate must lie between 1 and 1.4 times that. The
// exit status is 0 where it does for all, and 1 otherwise; 2 is a wrong flag.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/models/sampler"
	"github.com/fenchel-ml/fenchel/models/tree"
	"github.com/fenchel-ml/fenchel/train"
)

// What must hold above some size: below it the program itself, whose part is measured
// and not counted, is too large a share.
const (
	above = 200 << 20
	most  = 1.4
	mib   = 1 << 20
	draws = 256 // as many as the samplers that choose among candidates have
)

// A try is one run.
type try struct {
	name  string
	args  []string
	order bool // of a set in the order of time

	features int  // of a set of points, with so many
	fitted   bool // in one step, of a set of fittedItems, without dim and epochs
}

// fittedItems are so few that ease, which reads and writes half of its matrix, has not more said of
// it than is held: with pages of 2 MiB all of the matrix is resident, and else that half.
const fittedItems = 4000

// tries returns a run for each head, with each of its trees or samplers, for each solver
// that takes no head, for each further model with its usual head and with drawn candidates,
// for each that is fitted, and for the file.
func tries() (all []try) {
	add := func(args ...string) { all = append(all, try{name: strings.Join(args, " "), args: args}) }
	for _, h := range models.Heads() {
		switch h.Name {
		case "sampled":
			for _, s := range sampler.All() {
				// Draws of its own for each row, where a sampler can, reach all classes soon:
				// what a step has not touched is counted and not resident.
				per := ",per=row"
				if s.Props.Has(sampler.InBatch) {
					per = ""
				}
				add("--candidates", fmt.Sprintf("sampled:n=%d,sampler=%s%s", draws, s.Name, per), "--epochs", "3", "--every", "3")
			}
		case "tree":
			for _, t := range tree.All() {
				add("--candidates", "tree:kind="+t.Name)
			}
		default:
			add("--candidates", h.Name)
		}
	}
	for _, s := range train.Solvers() {
		if s.Name != "gradient" && s.Name != "fit" { // the default, of all above, and that of fitted models
			add("--solver", s.Name)
		}
	}
	for _, m := range models.All() {
		if m.Name == "mf" { // the default, of all above
			continue
		}
		if m.Usual.Task == "label" { // in both of its forms
			for _, features := range []int{500, 50_000} {
				add("--model", m.Name, "--dim", "64")
				all[len(all)-1].features = features
				all[len(all)-1].name += fmt.Sprintf(" of %d features", features)
			}
			continue
		}
		tasks := [][]string{nil}
		if !m.Ordered {
			tasks = append(tasks, []string{"--task", "next"})
		}
		for _, task := range tasks {
			for _, head := range [][]string{nil, {"--candidates", fmt.Sprintf("sampled:n=%d", draws)}} {
				add(slices.Concat([]string{"--model", m.Name}, task, head)...)
				all[len(all)-1].order = m.Ordered || task != nil
			}
		}
	}
	for _, b := range baseline.All() {
		add("--model", b.Name)
		all[len(all)-1].fitted = true
	}
	add("--data", ratings, "--dim", "8")
	return all
}

// ratings stands for the file that writeRatings makes.
const ratings = "FILE"

// writeRatings writes 4.5 million ratings with times, of 30,000 users and 3000 items.
func writeRatings(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "user_id,item_id,rating,timestamp")
	for i := range 4_500_000 {
		user, item := i/150, (i%150*20+i/150*7)%3000
		fmt.Fprintf(w, "user-%d,item-%d,%d,%d\n", user, item, 1+i%5, 1_400_000_000+i)
	}
	return w.Flush()
}

func main() {
	only := flag.String("only", "", "run what contains this text alone")
	users := flag.Int("users", 400, "users of the generated set")
	items := flag.Int("items", 160000, "items of the generated set")
	perUser := flag.Int("per-user", 40, "items of a user")
	dim := flag.Int("dim", 64, "width of vectors")
	parts := flag.Bool("parts", false, "print the parts of each estimate")
	list := flag.Bool("list", false, "list the runs and stop")
	more := flag.String("args", "", "further arguments of every run, between blanks, such as \"--loss sparsemax\"")
	program := flag.String("fenchel", "", "fenchel command to run; the one of this tree, built first, if empty")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "memory: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	var chosen []try
	for _, t := range tries() {
		if strings.Contains(t.name, *only) {
			chosen = append(chosen, t)
		}
	}
	if len(chosen) == 0 {
		fmt.Fprintf(os.Stderr, "memory: -only %q is contained in no run; -list lists them\n", *only)
		os.Exit(2)
	}
	if *list {
		for _, t := range chosen {
			fmt.Println(t.name)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	of := func(items int) []string {
		return []string{"train", "--json", "--data", fmt.Sprintf("demo:users=%d,items=%d,per-user=%d,order=false", *users, items, *perUser), "--metrics", "recall@20"}
	}
	common := slices.Concat(of(*items), []string{"--dim", fmt.Sprint(*dim), "--epochs", "1"}, strings.Fields(*more))
	ok, err := measure(ctx, *program, chosen, common, of(min(*items, fittedItems)), *parts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "memory:", err)
	}
	if err != nil || !ok {
		stop()
		os.Exit(1)
	}
}

// dataAt is where the generated set is among the arguments of every run.
const dataAt = 3

// measure runs all of them one after the other, prints the table and reports whether
// every estimate held.
func measure(ctx context.Context, program string, chosen []try, common, fitted []string, parts bool) (ok bool, err error) {
	dir, err := os.MkdirTemp("", "fenchel-memory-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if program == "" {
		program = filepath.Join(dir, "fenchel")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/fenchel-ml/fenchel/cmd/fenchel").CombinedOutput(); err != nil {
			return false, fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	file := filepath.Join(dir, "ratings.csv")
	if slices.ContainsFunc(chosen, func(t try) bool { return slices.Contains(t.args, ratings) }) {
		if err := writeRatings(file); err != nil {
			return false, err
		}
	}
	ok = true
	least, largest := math.Inf(1), math.Inf(-1) // quotients above
	fmt.Println("| run | estimate MiB | resident MiB | quotient | seconds | |\n|---|---:|---:|---:|---:|---|")
	for i, t := range chosen {
		fmt.Fprintln(os.Stderr, t.name)
		args := slices.Concat(common, t.args)
		switch {
		case t.fitted:
			args = slices.Concat(fitted, t.args)
		case t.features > 0:
			args[dataAt] = strings.Replace(args[dataAt], "order=false", fmt.Sprintf("features=%d", t.features), 1)
		case t.order:
			args[dataAt] = strings.Replace(args[dataAt], "order=false", "order=true", 1)
		}
		for i, a := range args {
			if a == ratings {
				args[i] = file
			}
		}
		r, err := t.run(ctx, program, args, filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			return false, fmt.Errorf("%s: %w", t.name, err)
		}
		said, held := float64(r.Total), float64(r.resident)
		verdict := ""
		if r.resident > above {
			least, largest = min(least, said/held), max(largest, said/held)
			if !(said >= held && said <= most*held) {
				verdict, ok = fmt.Sprintf("outside [1, %v]", most), false
			}
		}
		fmt.Printf("| %s | %.1f | %.1f | %.3f | %.1f | %s |\n", t.name, said/mib, held/mib, said/held, r.seconds, verdict)
		if parts {
			for _, p := range r.Parts {
				fmt.Printf("| – %s | %.1f | | | | |\n", p.Name, float64(p.Bytes)/mib)
			}
		}
	}
	if least <= largest {
		fmt.Printf("\nAbove %d MiB resident the quotients are from %.2f to %.2f.\n", above/mib, least, largest)
	}
	return ok, nil
}

// A result is what was said, and what was held.
type result struct {
	Parts    train.Memory
	Total    int64
	resident int64
	seconds  float64
}

// run asks for the estimate, and then runs.
func (t try) run(ctx context.Context, program string, args []string, folder string) (r result, err error) {
	said, _, err := command(ctx, program, append(args[:len(args):len(args)], "--dry-run"))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(said, &r); err != nil {
		return r, fmt.Errorf("unreadable estimate %q: %w", said, err)
	}
	start := time.Now()
	_, state, err := command(ctx, program, append(args[:len(args):len(args)], "--out", folder))
	if err != nil {
		return r, err
	}
	r.seconds = time.Since(start).Seconds()
	// The largest resident memory of a process that has ended, in KiB: getrusage(2).
	// What its parent held when it began counts too, and this one holds next to nothing.
	r.resident = state.SysUsage().(*syscall.Rusage).Maxrss << 10
	return r, os.RemoveAll(folder)
}

// command runs the program and returns what it printed.
func command(ctx context.Context, program string, args []string) ([]byte, *os.ProcessState, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.Bytes(), cmd.ProcessState, nil
}
