// Command presets trains the presets of examples/configs in full and prints their figures
// as a table in Markdown.
//
//	go run ./bench/presets [-data DIR] [-seeds 0,1,2] [-write] [PRESET...]
//
// DIR holds the data sets, each in a folder of its name. Without names it trains all
// presets. With -write the figures are kept beside each preset, and the table of
// examples/configs/README.md is written again; it runs in the root of the repository then.
// The exit status is 1 where a training fails, 2 of a wrong flag.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
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
	folder := flag.String("data", "../shared/data", "folder of the data sets")
	seeds := flag.String("seeds", "0", "seeds, with commas between")
	write := flag.Bool("write", false, "keep the figures beside the presets")
	flag.Parse()
	names := flag.Args()
	var wanted []uint64
	err := func() error {
		for text := range strings.SplitSeq(*seeds, ",") {
			n, err := registry.Whole(strings.TrimSpace(text))
			if err != nil || n < 0 {
				return fmt.Errorf("-seeds: %q is not a whole number from 0", text)
			}
			wanted = append(wanted, uint64(n))
		}
		for _, name := range names {
			if _, err := configs.Text(name); err != nil {
				return fmt.Errorf("%w%s", err, registry.Offer(name, configs.Names()))
			}
		}
		return nil
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "presets:", err)
		os.Exit(2)
	}
	if len(names) == 0 {
		names = configs.Names()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *folder, wanted, names, *write); err != nil {
		fmt.Fprintln(os.Stderr, "presets:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, folder string, seeds []uint64, names []string, write bool) error {
	made := map[string]*configs.Figures{}
	for i, name := range names {
		f, err := measure(ctx, folder, seeds, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if i == 0 {
			fmt.Println(f.Head())
		}
		fmt.Println(f.Row(name))
		made[name] = f
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
	if !write {
		return nil
	}
	return table(made)
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

// begin and end stand around the table in the README.
const begin, end = "<!-- go run ./bench/presets -write -->\n", "<!-- end -->\n"

// table writes the table of the README again: what was made, and what is committed of the
// others.
func table(made map[string]*configs.Figures) error {
	path := filepath.Join(where, "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(text, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		return errors.New(path + " has no place for the table: " + strings.TrimSpace(begin))
	}
	var b bytes.Buffer
	for _, name := range configs.Names() {
		f := made[name]
		if f == nil {
			if f, err = configs.Measured(name); err != nil {
				return err
			}
		}
		if f == nil {
			continue
		}
		if b.Len() == 0 {
			fmt.Fprintln(&b, f.Head())
		}
		fmt.Fprintln(&b, f.Row(name))
	}
	return fs.WriteBytes(path, bytes.Join([][]byte{before, []byte(begin), b.Bytes(), []byte(end), after}, nil))
}
