package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/models/sampler"
	"github.com/fenchel-ml/fenchel/models/tree"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
	"github.com/fenchel-ml/fenchel/train/optim"
)

func init() { commands = append(commands, newList) }

// A registry is one kind of registered things.
type registered struct {
	kind    string
	use     string // where a name goes
	entries func() []entry
}

// An entry is one registered thing. Source is "" for what has none.
type entry struct {
	Name   string       `json:"name"`
	Doc    string       `json:"doc"`
	Source string       `json:"source,omitempty"`
	Params []entryParam `json:"params"`
}

type entryParam struct {
	Name    string   `json:"name"`
	Default any      `json:"default"`
	Range   string   `json:"range,omitempty"`
	Choices []string `json:"choices,omitempty"`
	Doc     string   `json:"doc"`
}

// registries are all kinds, in the order of a run: data first. What they hold is
// read when it is asked for, so a program that registers its own sees it listed.
var registries = []registered{
	{"format", "--format", entriesOf(data.Formats, func(f *data.Format) entry {
		access := "read and written"
		if f.Write == nil {
			access = "read only"
		}
		return newEntry(f.Name, f.Doc+"; "+access, "", f.Params)
	})},
	{"split", "--split", entriesOf(data.SplitKinds, func(k *data.SplitKind) entry {
		return newEntry(k.Name, k.Usage+": "+k.Doc, "", nil)
	})},
	{"set", "the command data get", entriesOf(data.PublicSets, func(p *data.Public) entry {
		return newEntry(p.Name, p.Doc, p.Home, nil)
	})},
	{"model", "--model", func() []entry {
		return append(entriesOf(models.All, func(s *models.Spec) entry { return newEntry(s.Name, s.Doc, s.Source, s.Params) })(),
			entriesOf(baseline.All, func(s *baseline.Spec) entry { return newEntry(s.Name, s.Doc, s.Source, s.Params) })()...)
	}},
	{"loss", "--loss", entriesOf(losses.All, func(s *losses.Spec) entry { return newEntry(s.Name, s.Doc, s.Source, s.Params) })},
	{"recipe", "--loss", entriesOf(models.Recipes, func(c *models.Recipe) entry { return newEntry(c.Name, c.Doc, c.Source, c.Params) })},
	{"candidates", "--candidates", entriesOf(models.Heads, func(s *models.HeadSpec) entry { return newEntry(s.Name, s.Doc, s.Source, s.Params) })},
	{"sampler", "the candidates' sampler", entriesOf(sampler.All, func(s *sampler.Spec) entry { return newEntry(s.Name, s.Doc, s.Source, s.Params) })},
	{"tree", "the candidates' tree", entriesOf(tree.All, func(s *tree.Spec) entry { return newEntry(s.Name, s.Doc, s.Source, nil) })},
	{"task", "--task", entriesOf(data.Tasks, func(s *data.TaskSpec) entry { return newEntry(s.Name, s.Doc, "", s.Params) })},
	{"protocol", "--protocol", entriesOf(train.Protocols, func(s *train.ProtocolSpec) entry {
		doc := fmt.Sprintf("%s (train.on=%s, eval.mask=%s, eval.items=%s; split %s)", s.Doc, s.On, s.Mask, s.Items, s.Splits)
		return newEntry(s.Name, doc, s.Source, nil)
	})},
	{"solver", "--solver", entriesOf(train.Solvers, func(s *train.SolverSpec) entry { return newEntry(s.Name, s.Doc, s.Source, s.Params) })},
	{"optimizer", "--optimizer", entriesOf(optim.All, func(s *optim.Spec) entry { return newEntry(s.Name, s.Doc, s.Source, s.Params) })},
	{"schedule", "--schedule", entriesOf(optim.Schedules, func(s *optim.ScheduleSpec) entry { return newEntry(s.Name, s.Doc, s.Source, s.Params) })},
	{"metric", "--metrics", entriesOf(metric.All, func(m *metric.Metric) entry { return newEntry(m.Name, m.Doc, m.Source, m.Params) })},
}

func entriesOf[S any](all func() []S, one func(S) entry) func() []entry {
	return func() []entry {
		var es []entry
		for _, s := range all() {
			es = append(es, one(s))
		}
		return es
	}
}

func newEntry(name, doc, source string, ps []registry.Param) entry {
	e := entry{Name: name, Doc: doc, Source: source, Params: []entryParam{}}
	for _, p := range ps {
		q := entryParam{Name: p.Name, Doc: p.Doc, Default: numberOf(p, p.Default)}
		q.Choices, q.Range = choices(p)
		if p.IsString() {
			q.Default = p.DefaultString
		}
		e.Params = append(e.Params, q)
	}
	return e
}

func kinds() []string {
	var names []string
	for _, r := range registries {
		names = append(names, r.kind)
	}
	return names
}

// registryOf returns the registry of a kind.
func registryOf(kind string) (registered, error) {
	i := slices.IndexFunc(registries, func(r registered) bool { return r.kind == kind })
	if i < 0 {
		return registered{}, usagef("unknown kind %q%s", kind, registry.Offer(kind, kinds()))
	}
	return registries[i], nil
}

func newList(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [KIND]",
		Short: "List what can be chosen by name",
		Long: `list prints the name of everything that is registered, by kind, and what it is.
With a kind it prints their parameters too. A name with parameters is a text such as
"softmax:tau=0.2".

Kinds: ` + strings.Join(kinds(), ", "),
		Args:              arguments(0, 1),
		ValidArgsFunction: complete(kinds),
		RunE: func(_ *cobra.Command, args []string) error {
			show := registries
			if len(args) > 0 {
				r, err := registryOf(args[0])
				if err != nil {
					return err
				}
				show = []registered{r}
			}
			if asJSON {
				return listJSON(s.out, show)
			}
			if len(args) > 0 {
				listKind(s.out, show[0])
				return nil
			}
			for i, r := range show {
				if i > 0 {
					fmt.Fprintln(s.out)
				}
				fmt.Fprintf(s.out, "%s (%s)\n", r.kind, r.use)
				for _, e := range r.entries() {
					fmt.Fprintf(s.out, "  %-18s %s\n", e.Name, e.Doc)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// listKind prints the entries of a registry with their parameters.
func listKind(w io.Writer, r registered) {
	for _, e := range r.entries() {
		fmt.Fprintf(w, "%s: %s\n", e.Name, e.Doc)
		if e.Source != "" {
			fmt.Fprintf(w, "  source: %s\n", e.Source)
		}
		if len(e.Params) > 0 {
			t := newTable("PARAMETER", "DEFAULT", "RANGE", "WHAT IT IS")
			for _, p := range e.Params {
				within := p.Range
				if p.Choices != nil {
					within = strings.Join(p.Choices, ", ")
				}
				t.add(p.Name, p.Default, within, p.Doc)
			}
			t.print(w, "  ")
		}
	}
	fmt.Fprintf(w, "\na name goes to: %s\n", r.use)
}

func listJSON(w io.Writer, show []registered) error {
	type kind struct {
		Kind    string  `json:"kind"`
		Use     string  `json:"use"`
		Entries []entry `json:"entries"`
	}
	var all []kind
	for _, r := range show {
		all = append(all, kind{r.kind, r.use, append([]entry{}, r.entries()...)})
	}
	return printJSON(w, all)
}
