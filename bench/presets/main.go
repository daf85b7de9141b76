// Command presets trains the presets of examples/configs in full and prints their figures
// as a table in Markdown.
//
//	go run ./bench/presets [-data DIR] [-seeds 0,1,2] [-write] [PRESET...]
//
// DIR holds the data sets, each in a folder of its name. Without names it trains all
// presets. With -write the figures are kept beside each preset; it runs in the root of the
// repository then. The table of examples/configs/README.md is the record of the run presets
// of bench/figures.
// The exit status is 1 where a training fails, 2 of a wrong flag.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/fenchel-ml/fenchel/examples/configs"
	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/train"
)

// where presets lie in the repository.
const where = "examples/configs"

func main() {
	a, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	var wanted []uint64
	if err == nil {
		wanted, err = parseSeeds(a.seeds)
	}
	if err == nil {
		err = known(a.names)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "presets:", err)
		os.Exit(2)
	}
	if len(a.names) == 0 {
		a.names = configs.Names()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, a.folder, wanted, a.names, a.write); err != nil {
		fmt.Fprintln(os.Stderr, "presets:", err)
		os.Exit(1)
	}
}

// arguments are what the command line says.
type arguments struct {
	folder, seeds string
	write         bool
	names         []string
}

// parse reads a command line, whose flags may stand after names too.
func parse(args []string) (a arguments, err error) {
	f := flag.NewFlagSet("presets", flag.ContinueOnError)
	f.StringVar(&a.folder, "data", "../shared/data", "folder of the data sets")
	f.StringVar(&a.seeds, "seeds", "0", "seeds, with commas between")
	f.BoolVar(&a.write, "write", false, "keep the figures beside the presets")
	for err = f.Parse(args); err == nil && f.NArg() > 0; err = f.Parse(f.Args()[1:]) {
		a.names = append(a.names, f.Arg(0))
	}
	return a, err
}

// parseSeeds reads whole numbers with commas between, each once.
func parseSeeds(text string) (seeds []uint64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		n, err := registry.Whole(strings.TrimSpace(part))
		if err != nil || n < 0 {
			return nil, fmt.Errorf("-seeds: %q is not a whole number from 0", part)
		}
		if slices.Contains(seeds, uint64(n)) {
			return nil, fmt.Errorf("-seeds: %d is given twice", n)
		}
		seeds = append(seeds, uint64(n))
	}
	return seeds, nil
}

// known returns an error unless each name is that of a preset, and given once.
func known(names []string) error {
	for i, name := range names {
		if _, err := configs.Text(name); err != nil {
			return fmt.Errorf("%w%s", err, registry.Offer(name, configs.Names()))
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("preset %s is given twice", name)
		}
	}
	return nil
}

func run(ctx context.Context, folder string, seeds []uint64, names []string, write bool) error {
	if write { // before a training, which takes hours
		if _, err := os.Stat(where); err != nil {
			return fmt.Errorf("-write: run it in the root of the repository: %w", err)
		}
	}
	for i, name := range names {
		f, err := measure(ctx, folder, seeds, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if i == 0 {
			fmt.Println(f.Head())
		}
		fmt.Println(f.Row(name))
		if !write {
			continue
		}
		text, err := json.MarshalIndent(f, "", "  ")
		if err != nil {
			return err
		}
		if err := fs.WriteBytes(filepath.Join(where, name+".json"), append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// measure trains a preset with each seed.
func measure(ctx context.Context, folder string, seeds []uint64, name string) (*configs.Figures, error) {
	text, err := configs.Text(name)
	if err != nil {
		return nil, err
	}
	cfg, err := train.Parse(text)
	if err != nil {
		return nil, err
	}
	f := &configs.Figures{Config: cfg.String()}
	cfg.Data.Source = filepath.Join(folder, configs.Folder(name))
	p, err := cfg.Plan()
	if err != nil {
		return nil, err
	}
	set, err := p.Data.Load()
	if err != nil {
		return nil, err
	}
	if set, err = p.SetOf(set); err != nil {
		return nil, err
	}
	f.Data, f.Split = set.Name, set.Hash()
	for _, seed := range seeds {
		cfg.Train.Seed = seed
		res, err := train.Run(ctx, cfg, set, nil)
		if err != nil {
			return nil, err
		}
		if res.Interrupted {
			return nil, ctx.Err()
		}
		r := configs.Run{Seed: seed, Epochs: res.Epochs, Best: res.BestEpoch, Seconds: res.Seconds}
		for _, of := range []struct {
			scores *train.Scores
			into   *[]configs.Value
		}{{res.Valid, &r.Valid}, {res.Test, &r.Test}} {
			if of.scores == nil {
				continue
			}
			for _, v := range of.scores.Values {
				*of.into = append(*of.into, configs.Value{Name: v.Name, Value: v.Value})
			}
		}
		f.Runs = append(f.Runs, r)
	}
	return f, nil
}
