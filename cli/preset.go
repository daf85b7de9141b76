package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/examples/configs"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/train"
)

// presetList is what --preset takes in place of a name, to show them.
const presetList = "list"

// addPreset adds the flag --preset.
func (c *configFlags) addPreset(cmd *cobra.Command) {
	cmd.Flags().Var(&presetValue{&c.preset}, "preset", "preset SET/LOSS of settings that were tuned for a data set, or "+presetList+" to show them")
	must(cmd.RegisterFlagCompletionFunc("preset", complete(func() []string { return append(configs.Names(), presetList) })))
}

// A presetValue is the name of a preset that there is.
type presetValue struct{ name *string }

func (v *presetValue) String() string {
	if v.name == nil { // the zero value, which pflag asks
		return ""
	}
	return *v.name
}

func (v *presetValue) Type() string { return "name" }

func (v *presetValue) Set(text string) error {
	if text != presetList {
		if _, err := configs.Text(text); err != nil {
			return usagef("no such preset%s", registry.Offer(text, append(configs.Names(), presetList)))
		}
	}
	*v.name = text
	return nil
}

// readPreset returns the configuration of the preset that was given, the zero Config
// without one.
func (c *configFlags) readPreset() (cfg train.Config, err error) {
	if c.preset == "" {
		return cfg, nil
	}
	if c.file != "" {
		return cfg, usagef("--preset and --config exclude each other; --set and flags change a preset")
	}
	text, err := configs.Text(c.preset)
	if err != nil {
		return cfg, err
	}
	return train.Parse(text)
}

// A presetEntry is what --preset list shows of one.
type presetEntry struct {
	Name    string           `json:"name"`
	Config  string           `json:"config"` // YAML
	Figures *configs.Figures `json:"figures,omitempty"`
}

// listPresets prints the presets, with the figures of each.
func listPresets(s streams, asJSON bool) error {
	var all []presetEntry
	t := newTable("PRESET", "METRICS", "VALID", "TEST", "SEEDS", "EPOCHS")
	for _, name := range configs.Names() {
		text, err := configs.Text(name)
		if err != nil {
			return err
		}
		f, err := configs.Measured(name)
		if err != nil {
			return err
		}
		all = append(all, presetEntry{name, string(text), f})
		if f == nil {
			t.add(name, none, none, none, none, none)
			continue
		}
		metrics, valid, test := f.Values()
		t.add(name, strings.Join(metrics, " / "), strings.Join(valid, " / "), strings.Join(test, " / "), len(f.Runs), f.Runs[0].Epochs)
	}
	if asJSON {
		return printJSON(s.out, all)
	}
	t.print(s.out, "")
	return nil
}
