package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/train"
)

// addFrom adds the flag of a run that has ended and is to have more epochs.
func (c *configFlags) addFrom(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.from, "from", "", "folder of a run that has ended, to go on from: --epochs +20 more, or 60 in all")
	must(cmd.MarkFlagDirname("from"))
}

// extension returns the plan of a run that goes on from another.
func (c *configFlags) extension() (*train.Plan, error) {
	if c.file != "" || c.preset != "" {
		return nil, usagef("--from: the settings are those of the run; leave out --config and --preset")
	}
	cfg, err := train.LoadConfig(c.from)
	if err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	done, err := train.Ended(c.from)
	if err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	former := cfg.Train.Epochs
	given := map[string]string{}
	for _, text := range c.sets {
		path, value, _ := strings.Cut(text, "=")
		given[strings.TrimSpace(path)] = value
	}
	for _, s := range settings {
		if c.flags.Changed(s.flag) {
			given[s.path] = c.flags.Lookup(s.flag).Value.String()
		}
	}
	if c.flags.Changed(rateFlag) {
		given[ratePath] = ""
	}
	epochs, ok := given["train.epochs"]
	if !ok {
		return nil, usagef("--from: say how many epochs more, as in --epochs +20, or how many in all")
	}
	if text, more := strings.CutPrefix(epochs, "+"); more {
		n, err := registry.Whole(text)
		if err != nil || n < 1 || n > maxCount {
			return nil, usagef("--epochs: %q is not + and a whole number above 0", epochs)
		}
		given["train.epochs"] = strconv.FormatInt(int64(done)+n, 10)
	}
	for _, path := range train.ExtensionPaths() {
		value, ok := given[path]
		if !ok {
			continue
		}
		if err := cfg.Set(path, value); err != nil {
			return nil, usageError{nameFlags(err)}
		}
		delete(given, path)
	}
	for _, path := range slices.Sorted(maps.Keys(given)) {
		return nil, usagef("--from: more epochs keep the settings of the run, and %s is one of them; what may change is %s", path, strings.Join(train.ExtensionPaths(), ", "))
	}
	p, err := cfg.Plan()
	if err != nil {
		return nil, usageError{nameFlags(err)}
	}
	if s := p.Schedule; s.Spec != nil && !s.SameFactors(done, former, cfg.Train.Epochs) {
		p.Notes = append(p.Notes, fmt.Sprintf("schedule %s depends on the number of epochs: the first %d were those of a run of %d, and a run of %d would have had others", s, done, former, cfg.Train.Epochs))
	}
	return p, nil
}

// extend makes the run of p in a folder stand where the run that it goes on from ended.
func (c *configFlags) extend(out string, p *train.Plan, set *data.Dataset) error {
	if c.from == "" {
		return nil
	}
	p, err := p.On(set)
	if err != nil {
		return err
	}
	return train.Extend(c.from, out, p)
}

// kept returns the data that the run to go on from has kept, where the files are gone and nothing
// else was said; nil where it has none.
func (c *configFlags) kept(s streams, gone error) *data.Dataset {
	if c.from == "" || c.flags.Changed("data") {
		return nil
	}
	set, err := train.OpenSet(c.from)
	if err != nil {
		return nil
	}
	fmt.Fprintf(s.err, "what the run kept of its data is used: %v\n", gone)
	return set
}
