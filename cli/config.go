package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/train"
)

func init() { commands = append(commands, newConfig) }

func newConfig(s streams) *cobra.Command {
	var flags *configFlags
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print a commented configuration of what flags or a preset say",
		Long: `config takes the flags of train that say what is trained, and prints a YAML file that
train --config reads as the same: every setting with what it means, what it may be and what is
taken where nothing is said. What the flags, the file or the preset give stands as it is; all
else is behind a #, with the default that it has beside what is given, or with nothing where
the data decide, as they do of a natural temperature.`,
		Args: arguments(0, 0),
		RunE: func(_ *cobra.Command, _ []string) error {
			if flags.preset == presetList {
				return listPresets(s, false)
			}
			p, err := flags.plan()
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "# Settings of %[1]s train --config FILE. %[1]s list KIND says what each choice is.\n\n", s.program)
			fmt.Fprint(s.out, p.Given.Commented(p.Config, pathComment))
			return nil
		},
	}
	flags = addConfigFlags(cmd)
	flags.addPreset(cmd)
	flags.dataless = true
	return cmd
}

// commentWidth is that of the comments of a configuration.
const commentWidth = 96

// pathComment is what stands above a setting: its meaning, which the flag's help has, and what it
// may be.
func pathComment(path string) []string {
	for _, of := range settings {
		if of.path != path {
			continue
		}
		text := strings.ToUpper(of.usage[:1]) + of.usage[1:]
		if path == "train.optimizer" {
			text += "; its lr has the flag --" + rateFlag
		}
		lines := wrap(text+".", commentWidth)
		if choices := of.names(); len(choices) > 0 && !strings.HasSuffix(of.usage, strings.Join(choices, ", ")) {
			what := "Choices: "
			if strings.ContainsAny(strings.Join(choices, ""), ":=") {
				what = "Such as: "
			}
			return append(lines, wrap(what+strings.Join(choices, ", ")+".", commentWidth)...)
		}
		return append(lines, wrap("It is "+train.RangeOf(path)+".", commentWidth)...)
	}
	return nil
}

// names are the texts, or the names that they begin with, of which the completion of the flag
// knows.
func (s setting) names() (names []string) {
	if s.choices != nil {
		return s.choices()
	}
	if s.complete == nil {
		return nil
	}
	all, _ := s.complete(nil, nil, "")
	for _, name := range all {
		name, _, _ = strings.Cut(name, "\t") // what it is
		names = append(names, name)
	}
	return names
}

// wrap cuts a text at blanks into lines of at most so many characters, but for longer words.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
